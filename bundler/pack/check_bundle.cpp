#include "bundler/pack/check_bundle.hpp"

#include <zstd.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <mutex>

#include "bundler/pack/resign.hpp"
#include "installer/base/error.hpp"
#include "installer/base/worker_pool.hpp"
#include "installer/format/tar_stream.hpp"

namespace eb {
namespace {

/// Where everything of a bundle lies; computed once, read by all threads.
struct Layout {
  const Index& index;
  std::vector<uint64_t> file_offsets;  ///< of each frame in the bundle
  std::vector<uint64_t> raw_starts;    ///< of each frame in the stream
  std::vector<uint32_t> stream;
  std::vector<uint64_t> item_starts;  ///< of each stream item, and of the end blocks
};

uint64_t item_size(const Entry& entry) {
  uint64_t size = tar_header_size(entry);
  if (entry.type == EntryType::kFile) size += entry.size_bytes + tar_padding(entry.size_bytes);
  return size;
}

Layout lay_out(const VerifiedBundle& bundle) {
  Layout out{bundle.index(), {}, {}, stream_order(bundle.index()), {}};
  uint64_t at = bundle.prologue().data_offset();
  uint64_t raw = 0;
  for (const Frame& frame : out.index.frames) {
    out.file_offsets.push_back(at);
    out.raw_starts.push_back(raw);
    at += frame.compressed_size;
    raw += frame.raw_size;
  }
  uint64_t start = 0;
  for (const uint32_t i : out.stream) {
    out.item_starts.push_back(start);
    start += item_size(out.index.entries[i]);
  }
  out.item_starts.push_back(start);
  return out;
}

/// Frames that can be checked without their neighbours: the first begins where an entry begins.
struct Unit {
  size_t first_frame = 0;
  size_t frame_count = 0;
  size_t first_item = 0;
};

std::vector<Unit> units_of(const Layout& layout) {
  std::vector<Unit> out;
  for (size_t i = 0; i < layout.raw_starts.size(); ++i) {
    const auto item = std::lower_bound(layout.item_starts.begin(), layout.item_starts.end(),
                                       layout.raw_starts[i]);
    if (item != layout.item_starts.end() && *item == layout.raw_starts[i]) {
      out.push_back({i, 1, static_cast<size_t>(item - layout.item_starts.begin())});
    } else {
      ++out.back().frame_count;
    }
  }
  // Longest first: the library of 1 GB must not be begun last.
  std::stable_sort(out.begin(), out.end(),
                   [](const Unit& a, const Unit& b) { return a.frame_count > b.frame_count; });
  return out;
}

/// Follows the stream from the start of an entry and compares it with what the index says.
class StreamChecker {
 public:
  StreamChecker(const Layout& layout, uint64_t epoch, size_t first_item)
      : layout_(layout), epoch_(epoch), item_(first_item) {
    begin_item();
  }

  void feed(Bytes data) {
    while (!data.empty()) {
      if (!header_.empty()) {
        data = match(header_, data, "a tar header is not that of its entry");
      } else if (content_left_ > 0) {
        const Bytes part =
            data.first(static_cast<size_t>(std::min<uint64_t>(data.size(), content_left_)));
        hasher_.update(part);
        content_left_ -= part.size();
        data = data.subspan(part.size());
      } else {
        data = match(padding_, data, "the padding is not zero");
      }
      while (header_.empty() && content_left_ == 0 && padding_.empty() && !is_past_end()) {
        end_item();
      }
    }
  }

 private:
  bool is_past_end() const { return item_ > layout_.stream.size(); }
  bool is_end() const { return item_ == layout_.stream.size(); }
  const Entry& entry() const { return layout_.index.entries[layout_.stream[item_]]; }

  void begin_item() {
    if (is_past_end()) return;
    if (is_end()) {
      padding_.assign(kTarEndSize, std::byte{0});
      return;
    }
    header_ = tar_header(entry(), epoch_);
    content_left_ = entry().type == EntryType::kFile ? entry().size_bytes : 0;
    padding_.assign(
        entry().type == EntryType::kFile ? static_cast<size_t>(tar_padding(entry().size_bytes)) : 0,
        std::byte{0});
  }
  void end_item() {
    if (!is_end() && entry().type == EntryType::kFile) {
      const Sha256 got = hasher_.finish();
      if (got != entry().digest) {
        throw Error(ExitCode::kDigestMismatch, "a file does not match its digest")
            .where(entry().path.str())
            .why("expected sha256 " + entry().digest.hex() + ", got " + got.hex());
      }
    }
    ++item_;
    begin_item();
  }
  /// Takes what is wanted off `data`; keeps in `wanted` what is still to come.
  Bytes match(std::vector<std::byte>& wanted, Bytes data, const char* problem) const {
    const size_t size = std::min(wanted.size(), data.size());
    if (size == 0 || !std::equal(data.begin(), data.begin() + static_cast<std::ptrdiff_t>(size),
                                 wanted.begin())) {
      throw Error(ExitCode::kMalformed, problem)
          .where(is_past_end() ? "behind the end of the archive"
                 : is_end()    ? "end of the archive"
                               : entry().path.str());
    }
    wanted.erase(wanted.begin(), wanted.begin() + static_cast<std::ptrdiff_t>(size));
    return data.subspan(size);
  }

  const Layout& layout_;
  uint64_t epoch_;
  size_t item_;
  std::vector<std::byte> header_;
  uint64_t content_left_ = 0;
  std::vector<std::byte> padding_;
  Sha256Hasher hasher_;
};

/// Counts raw bytes of all threads for the progress.
class Counter {
 public:
  explicit Counter(EventSink& events) : events_(events) {}
  void add(uint64_t bytes) {
    const std::scoped_lock lock(mutex_);
    done_ += bytes;
    events_.on(PhaseProgress{done_});
  }

 private:
  EventSink& events_;
  std::mutex mutex_;
  uint64_t done_ = 0;
};

Error frame_error(ExitCode code, size_t frame, const std::string& what, const Layout& layout,
                  const std::string& where) {
  const uint64_t begin = layout.file_offsets[frame];
  return Error(code, "frame " + std::to_string(frame) + " " + what)
      .where(where + ", bytes " + std::to_string(begin) + "-" +
             std::to_string(begin + layout.index.frames[frame].compressed_size));
}

std::vector<std::byte> read_frame(const Fd& fd, const Layout& layout, size_t i,
                                  const std::string& where) {
  const Frame& frame = layout.index.frames[i];
  std::vector<std::byte> out(static_cast<size_t>(frame.compressed_size));
  const size_t got =
      pread_up_to(real_sys(), fd.get(), out.data(), out.size(), layout.file_offsets[i], where);
  if (got != out.size()) {
    throw frame_error(ExitCode::kMalformed, i, "ends too early", layout, where);
  }
  const Sha256 digest = sha256(out);
  if (digest != frame.digest) {
    throw frame_error(ExitCode::kDigestMismatch, i, "does not match its digest", layout, where)
        .why("expected sha256 " + frame.digest.hex() + ", got " + digest.hex())
        .hint("the file was damaged on its way; compare its sha256 with the one in SHA256SUMS");
  }
  return out;
}

void check_unit(const Unit& unit, const Fd& fd, const Layout& layout, uint64_t epoch,
                const std::string& where, Counter& counter) {
  const std::unique_ptr<ZSTD_DCtx, size_t (*)(ZSTD_DCtx*)> context(ZSTD_createDCtx(),
                                                                   ZSTD_freeDCtx);
  if (!context) throw Error(ExitCode::kInternal, "cannot start zstd");
  ZSTD_DCtx_setParameter(context.get(), ZSTD_d_windowLogMax, kMaxWindowLog);
  StreamChecker checker(layout, epoch, unit.first_item);
  std::vector<std::byte> raw;
  for (size_t i = unit.first_frame; i < unit.first_frame + unit.frame_count; ++i) {
    const std::vector<std::byte> compressed = read_frame(fd, layout, i, where);
    const uint64_t raw_size = layout.index.frames[i].raw_size;
    // One frame, and nothing behind it.
    if (ZSTD_findFrameCompressedSize(compressed.data(), compressed.size()) != compressed.size() ||
        ZSTD_getFrameContentSize(compressed.data(), compressed.size()) != raw_size) {
      throw frame_error(ExitCode::kMalformed, i, "is not one zstd frame of the stated size", layout,
                        where);
    }
    raw.resize(static_cast<size_t>(raw_size));
    const size_t got = ZSTD_decompressDCtx(context.get(), raw.data(), raw.size(), compressed.data(),
                                           compressed.size());
    if (ZSTD_isError(got) != 0 || got != raw.size()) {
      throw frame_error(ExitCode::kMalformed, i, "cannot be decoded", layout, where)
          .why(ZSTD_isError(got) != 0 ? ZSTD_getErrorName(got) : "it is too short");
    }
    checker.feed(raw);
    counter.add(raw.size());
  }
}

class Phase {
 public:
  Phase(EventSink& events, std::string name, uint64_t total)
      : events_(events), name_(std::move(name)), begun_(std::chrono::steady_clock::now()) {
    events_.on(PhaseStarted{name_, total, "bytes"});
  }
  void finish() {
    events_.on(PhaseFinished{
        name_, std::chrono::duration<double>(std::chrono::steady_clock::now() - begun_).count()});
  }

 private:
  EventSink& events_;
  std::string name_;
  std::chrono::steady_clock::time_point begun_;
};

}  // namespace

VerifiedBundle check_bundle(const std::filesystem::path& bundle, const TrustPolicy& policy,
                            unsigned threads, EventSink& events) {
  BundleHeader header = read_bundle_header(bundle);
  VerifiedBundle verified = verify_header(header.prologue, std::move(header.index),
                                          encode_signatures(header.signatures), policy);
  const Layout layout = lay_out(verified);
  const std::vector<Unit> units = units_of(layout);
  const uint64_t epoch = std::stoull(verified.index().meta.at(meta_key::kEpoch));
  Phase phase(events, "verify", totals(verified.index()).raw_bytes);
  Counter counter(events);
  for_each_parallel(units.size(), threads, [&](size_t i) {
    check_unit(units[i], header.fd, layout, epoch, bundle.string(), counter);
  });
  phase.finish();
  return verified;
}

void check_frame_digests(const std::filesystem::path& bundle, const VerifiedBundle& header,
                         unsigned threads, EventSink& events) {
  const Layout layout = lay_out(header);
  const Fd fd = open_at(real_sys(), AT_FDCWD, bundle.c_str(), O_RDONLY, 0, bundle.string());
  Phase phase(events, "check", header.prologue().data_size);
  Counter counter(events);
  for_each_parallel(layout.index.frames.size(), threads, [&](size_t i) {
    counter.add(read_frame(fd, layout, i, bundle.string()).size());
  });
  phase.finish();
}

}  // namespace eb
