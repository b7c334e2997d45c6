#include "installer/install/image_check.hpp"

#include <fcntl.h>

#include <algorithm>
#include <chrono>
#include <mutex>

#include "installer/base/error.hpp"
#include "installer/base/file.hpp"
#include "installer/base/worker_pool.hpp"
#include "installer/image/image_reader.hpp"
#include "installer/install/unpack_image.hpp"

namespace eb {
namespace {

constexpr size_t kChunk = 32;  // entries that a worker takes at once

std::string inside(const std::string& path) { return std::string(kImageFile) + "/" + path; }

class ImageContentCheck {
 public:
  ImageContentCheck(Sys& sys, int fd, const std::string& where, const Index& index,
                    ReleaseCheck& result, EventSink& events, const StopFlag& stop)
      : image_(sys, fd, where), index_(index), result_(result), events_(events), stop_(stop) {}

  void run(unsigned jobs) {
    for (const ImageReader::Finding& finding : image_.compare(index_)) {
      const DifferenceKind kind = finding.detail == "added"       ? DifferenceKind::kAdded
                                  : finding.detail == "not there" ? DifferenceKind::kMissing
                                                                  : DifferenceKind::kChanged;
      result_.differences.push_back(
          {kind, inside(finding.path), kind == DifferenceKind::kAdded ? "" : finding.detail});
    }
    const size_t count = index_.entries.size();
    for_each_parallel((count + kChunk - 1) / kChunk, jobs, [&](size_t chunk) {
      ImageReader::Content content(image_);
      for (size_t i = chunk * kChunk; i < std::min(count, (chunk + 1) * kChunk); ++i) {
        if (index_.entries[i].type == EntryType::kFile) look(content, index_.entries[i]);
      }
    });
  }

 private:
  void look(ImageReader::Content& content, const Entry& entry) {
    Sha256Hasher hasher;
    std::string detail;
    try {
      content.read(entry.path, [&](Bytes piece) {
        stop_.check();
        hasher.update(piece);
        const std::lock_guard lock(mutex_);
        result_.bytes += piece.size();
        events_.on(PhaseProgress{result_.bytes});
      });
      const Sha256 digest = hasher.finish();
      if (digest == entry.digest) return;
      detail = "sha256 " + entry.digest.hex() + " is now " + digest.hex();
    } catch (const Error& error) {
      if (stop_.signal() != 0) throw;
      detail = std::string(error.what()) + ": " + error.why();
    }
    const std::lock_guard lock(mutex_);
    const std::string path = inside(entry.path.str());
    const auto known = std::ranges::find(result_.differences, path, &Difference::path);
    if (known == result_.differences.end()) {
      result_.differences.push_back({DifferenceKind::kChanged, path, std::move(detail)});
    }
  }

  ImageReader image_;
  const Index& index_;
  ReleaseCheck& result_;
  EventSink& events_;
  const StopFlag& stop_;
  std::mutex mutex_;
};

}  // namespace

std::string image_file_problem(Sys& sys, int release, const std::string& where,
                               const ImageRecord& record, bool contents, bool* missing,
                               const StopFlag& stop) {
  struct stat info {};
  const int r = sys.fstatat(release, kImageFile, &info, AT_SYMLINK_NOFOLLOW);
  *missing = r < 0;
  if (r < 0) return "not there";
  if (!S_ISREG(info.st_mode)) return "no file any more";
  if (static_cast<uint64_t>(info.st_size) != record.size_bytes) {
    return std::to_string(record.size_bytes) + " bytes are now " + std::to_string(info.st_size);
  }
  if (!contents) return {};
  const Sha256 digest = hash_file(sys, release, kImageFile, where + "/" + kImageFile, stop);
  if (digest == record.digest) return {};
  return "sha256 " + record.digest.hex() + " is now " + digest.hex();
}

ReleaseCheck check_image_release(Sys& sys, int release, const std::string& where,
                                 const Index& index, const ImageRecord& record,
                                 const ReleaseCheckOptions& options, EventSink& events,
                                 const StopFlag& stop) {
  const auto begin = std::chrono::steady_clock::now();
  const Index outer = outer_index(index, record.outside);
  NullSink silence;  // one phase for all of it
  ReleaseCheck result = check_release(sys, release, where, outer, options, silence, stop);
  // The image is of the release, though no index names it.
  std::erase_if(result.differences, [](const Difference& difference) {
    return difference.kind == DifferenceKind::kAdded && difference.path == kImageFile;
  });
  if (options.contents) events.on(PhaseStarted{"verify", totals(index).file_bytes, "bytes"});
  result.files = totals(index).files;
  result.bytes = 0;
  bool missing = false;
  std::string problem =
      image_file_problem(sys, release, where, record, options.contents, &missing, stop);
  if (!problem.empty()) {
    result.differences.push_back({missing ? DifferenceKind::kMissing : DifferenceKind::kChanged,
                                  kImageFile, std::move(problem)});
  }
  if (options.contents && !missing) {
    const std::string path = where + "/" + kImageFile;
    const Fd fd = open_at(sys, release, kImageFile, O_RDONLY | O_NOFOLLOW, 0, path);
    try {
      ImageContentCheck(sys, fd.get(), path, index, result, events, stop).run(options.jobs);
    } catch (const Error& error) {
      if (error.code() != ExitCode::kDigestMismatch) throw;
      result.differences.push_back(
          {DifferenceKind::kChanged, kImageFile, std::string(error.what()) + ": " + error.why()});
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    events.on(PhaseFinished{"verify", took.count()});
  }
  std::ranges::sort(result.differences, {}, &Difference::path);
  return result;
}

ReleaseCheck check_installed(Sys& sys, int release, const std::string& where, const Index& index,
                             const ReleaseCheckOptions& options, EventSink& events,
                             const StopFlag& stop, Index* own) {
  const auto record = read_image_record(sys, release, ".", where);
  if (own != nullptr) *own = record ? outer_index(index, record->outside) : index;
  return record ? check_image_release(sys, release, where, index, *record, options, events, stop)
                : check_release(sys, release, where, index, options, events, stop);
}

}  // namespace eb
