#include "installer/install/bundle_check.hpp"

#include <atomic>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <unordered_map>
#include <utility>

#include "installer/base/error.hpp"
#include "installer/install/frame_pipeline.hpp"
#include "installer/install/stream_layout.hpp"

namespace eb {
namespace {

void compare(const Entry& entry, const Sha256& actual) {
  if (actual == entry.digest) return;
  throw Error(ExitCode::kDigestMismatch, "a file is not what the index says")
      .where(entry.path.str())
      .why("expected sha256 " + entry.digest.hex() + ", got " + actual.hex())
      .hint("the bundle was made wrongly: have it built again with 'envbundle build'");
}

/// A file that several workers hash, each part after the one before it. Frames are taken in order,
/// so whoever is waited for is at work or has failed.
struct SharedFile {
  std::mutex mutex;
  std::condition_variable moved;
  Sha256Hasher hasher;
  uint64_t done = 0;
};

struct SharedState {
  std::unordered_map<uint32_t, SharedFile> files;  ///< its shape never changes after the start
  std::atomic<bool> failed{false};

  void fail() {
    failed = true;
    for (auto& [entry, file] : files) {
      // Under the mutex, or the waiter could look before and sleep after.
      const std::lock_guard lock(file.mutex);
      file.moved.notify_all();
    }
  }
};

class FileHasher final : public ContentConsumer {
 public:
  FileHasher(SharedState& shared, const Index& index) : shared_(shared), index_(index) {}
  // A worker that an exception ends leaves its part undone for ever.
  ~FileHasher() override {
    if (std::uncaught_exceptions() > exceptions_) shared_.fail();
  }

  void content(uint32_t number, uint64_t offset, Bytes data) override {
    const Entry& entry = index_.entries[number];
    const auto shared = shared_.files.find(number);
    if (shared == shared_.files.end()) {
      own_.update(data);
      if (offset + data.size() == entry.size_bytes) compare(entry, own_.finish());
    } else {
      if (put_off_.entry != number) frame_end();  // the frame's second such file
      if (!put_off_.data.empty() || !is_next(shared->second, offset)) {
        put_off(number, offset, data);
      } else {
        add(shared->second, entry, offset, data);
      }
    }
  }

  void frame_end() override {
    if (put_off_.data.empty()) return;
    const PutOff part = std::exchange(put_off_, {});
    add(shared_.files.at(part.entry), index_.entries[part.entry], part.offset, part.data);
  }

 private:
  /// What the frame holds of a file whose part before it is not yet hashed: decoding goes on
  /// meanwhile, and the decoder keeps the bytes.
  struct PutOff {
    uint32_t entry = 0;
    uint64_t offset = 0;
    Bytes data;
  };

  static bool is_next(SharedFile& file, uint64_t offset) {
    const std::lock_guard lock(file.mutex);
    return file.done == offset;
  }

  void put_off(uint32_t number, uint64_t offset, Bytes data) {
    if (put_off_.data.empty()) {
      put_off_ = {number, offset, data};
    } else {
      put_off_.data = Bytes(put_off_.data.data(), put_off_.data.size() + data.size());
    }
  }

  void add(SharedFile& file, const Entry& entry, uint64_t offset, Bytes data) {
    std::unique_lock lock(file.mutex);
    file.moved.wait(lock, [&] { return file.done == offset || shared_.failed; });
    if (file.done != offset) return;  // the failure ends everything
    file.hasher.update(data);
    file.done += data.size();
    file.moved.notify_all();
    if (file.done == entry.size_bytes) compare(entry, file.hasher.finish());
  }

  SharedState& shared_;
  const Index& index_;
  Sha256Hasher own_;  ///< of a file that lies in one frame
  PutOff put_off_;
  int exceptions_ = std::uncaught_exceptions();
};

}  // namespace

BundleCheck check_bundle(BundleSource& source, const VerifiedBundle& bundle, unsigned jobs,
                         EventSink& events, const StopFlag& stop) {
  const Index& index = bundle.index();
  const StreamLayout layout(index);
  SharedState shared;
  for (const uint32_t entry : layout.spanning_files()) shared.files[entry];
  run_frames(
      source, bundle, layout, {.jobs = jobs, .phase = "verify"},
      [&]() -> std::unique_ptr<ContentConsumer> {
        return std::make_unique<FileHasher>(shared, index);
      },
      events, stop);
  const IndexTotals sums = totals(index);
  return {index.frames.size(), sums.files, sums.file_bytes};
}

}  // namespace eb
