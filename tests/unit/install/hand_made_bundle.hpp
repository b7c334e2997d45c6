#pragma once

#include <zstd.h>

#include <string>
#include <vector>

#include "installer/format/container.hpp"
#include "installer/format/tar_stream.hpp"
#include "workshop.hpp"

namespace eb::test {

using Blob = std::vector<std::byte>;

/// How one frame is compressed; the defaults obey FORMAT §4.
struct FrameRecipe {
  bool content_size = true;
  bool checksum = true;
  int window_log = 0;  ///< 0 = what zstd likes
};

inline Blob compress_frame(Bytes raw, const FrameRecipe& recipe = {}) {
  ZSTD_CCtx* context = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, recipe.content_size ? 1 : 0);
  ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, recipe.checksum ? 1 : 0);
  if (recipe.window_log != 0) {
    ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, recipe.window_log);
  }
  Blob out(ZSTD_compressBound(raw.size()));
  const size_t size = ZSTD_compress2(context, out.data(), out.size(), raw.data(), raw.size());
  ZSTD_freeCCtx(context);
  if (ZSTD_isError(size) != 0) throw std::runtime_error(ZSTD_getErrorName(size));
  out.resize(size);
  return out;
}

/// A bundle put together by hand, so that it can be wrong in one place and signed all the same:
/// what a careless or hostile holder of a trusted key could make.
class HandMadeBundle {
 public:
  /// Files by path; "dir/" makes a directory.
  explicit HandMadeBundle(const Workshop& shop, const std::map<std::string, std::string>& files,
                          uint64_t frame_raw_size) {
    index.meta = shop.meta();
    for (const auto& [path, content] : files) {
      Entry entry{.path = RelPath(path.ends_with('/') ? path.substr(0, path.size() - 1) : path),
                  .digest = {},
                  .target = {}};
      if (path.ends_with('/')) {
        entry.type = EntryType::kDirectory;
      } else {
        entry.size_bytes = content.size();
        entry.digest = sha256(as_bytes(content));
      }
      index.entries.push_back(entry);
    }
    const uint64_t epoch = std::stoull(index.meta.at(meta_key::kEpoch));
    for (const uint32_t number : stream_order(index)) {
      Entry& entry = index.entries[number];
      if (entry.type == EntryType::kFile) entry.offset = stream.size();
      const Blob header = tar_header(entry, epoch);
      append(header);
      if (entry.type == EntryType::kFile) append(as_bytes(files.at(entry.path.str())));
      stream.resize(stream.size() + tar_padding(entry.size_bytes));
    }
    stream.resize(stream.size() + kTarEndSize);
    for (uint64_t at = 0; at < stream.size(); at += frame_raw_size) {
      const uint64_t size = std::min<uint64_t>(frame_raw_size, stream.size() - at);
      index.frames.push_back({0, size, {}});
      frames.push_back(compress_frame(Bytes(stream).subspan(at, size)));
    }
  }

  /// Replaces a frame's compressed bytes; its digest is taken of the new ones.
  void set_frame(size_t i, Blob compressed) { frames.at(i) = std::move(compressed); }
  /// The raw bytes of a frame.
  Bytes raw(size_t i) const {
    uint64_t at = 0;
    for (size_t k = 0; k < i; ++k) at += index.frames[k].raw_size;
    return Bytes(stream).subspan(at, index.frames[i].raw_size);
  }

  /// Signs and writes it.
  fs::path write(Workshop& shop) {
    uint64_t data_size = 0;
    for (size_t i = 0; i < frames.size(); ++i) {
      index.frames[i].compressed_size = frames[i].size();
      index.frames[i].digest = sha256(frames[i]);
      data_size += frames[i].size();
    }
    const Blob index_bytes = encode_index(index);
    const Blob signatures = encode_signatures({shop.signer.sign(index_bytes)});
    Prologue prologue;
    prologue.index_size = static_cast<uint32_t>(index_bytes.size());
    prologue.signatures_size = static_cast<uint32_t>(signatures.size());
    prologue.data_size = data_size;
    prologue.index_digest = sha256(index_bytes);
    std::string out;
    const auto add = [&out](Bytes bytes) { out += as_text(bytes); };
    add(encode_prologue(prologue));
    add(skippable_header(prologue.index_size));
    add(index_bytes);
    add(skippable_header(prologue.signatures_size));
    add(signatures);
    for (const Blob& frame : frames) add(frame);
    const fs::path file = shop.scratch.path() / "hand-made.zst";
    write_text(file, out);
    return file;
  }

  Index index;
  Blob stream;
  std::vector<Blob> frames;

 private:
  void append(Bytes bytes) { stream.insert(stream.end(), bytes.begin(), bytes.end()); }
};

}  // namespace eb::test
