#include "installer/install/unpack_image.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <unordered_map>

#include "installer/base/error.hpp"
#include "installer/image/image_writer.hpp"
#include "installer/install/directory_cache.hpp"
#include "installer/install/frame_pipeline.hpp"

namespace eb {
namespace {

/// Frames are decoded by many workers; the image is written by whoever's turn it is. Frames are
/// handed out in order, so whoever is waited for is at work or has failed.
class OrderedImage {
 public:
  OrderedImage(ImageWriter& writer, const StreamLayout& layout) : writer_(writer), layout_(layout) {
    skip_to_file();
  }

  void content(uint32_t entry, uint64_t offset, Bytes data) {
    std::unique_lock lock(mutex_);
    moved_.wait(lock, [&] { return failed_ || is_turn(entry, offset); });
    if (failed_) return;  // the failure ends everything
    writer_.content(entry, offset, data);
    offset_ += data.size();
    if (offset_ == layout_.index().entries[entry].size_bytes) {
      offset_ = 0;
      ++item_;
      skip_to_file();
    }
    moved_.notify_all();
  }

  void fail() {
    const std::lock_guard lock(mutex_);
    failed_ = true;
    moved_.notify_all();
  }

 private:
  bool is_turn(uint32_t entry, uint64_t offset) const {
    return item_ < layout_.order().size() && layout_.order()[item_] == entry && offset_ == offset;
  }
  void skip_to_file() {
    const std::vector<uint32_t>& order = layout_.order();
    while (item_ < order.size() && layout_.index().entries[order[item_]].type != EntryType::kFile) {
      ++item_;
    }
  }

  ImageWriter& writer_;
  const StreamLayout& layout_;
  std::mutex mutex_;
  std::condition_variable moved_;
  size_t item_ = 0;  ///< in the stream's order, and how far in its content
  uint64_t offset_ = 0;
  bool failed_ = false;
};

/// Files that lie beside the image, kept while they pass: there are few, and small.
class OutsideFiles {
 public:
  OutsideFiles(const Index& index, const Index& outer) {
    // bin/NAME is not the tree's file, and made of the program afterwards.
    size_t at = 0;
    for (const Entry& entry : outer.entries) {
      while (index.entries[at].path != entry.path) ++at;
      if (entry.type == EntryType::kFile && entry.path.parent() != "bin") {
        contents_[static_cast<uint32_t>(at)];
      }
    }
    for (const auto& [number, content] : contents_)
      paths_[index.entries[number].path.str()] = number;
  }

  void content(uint32_t entry, uint64_t offset, Bytes data) {
    const auto at = contents_.find(entry);
    if (at == contents_.end()) return;
    const std::lock_guard lock(mutex_);
    std::vector<std::byte>& whole = at->second;
    if (whole.size() < offset + data.size()) whole.resize(offset + data.size());
    std::ranges::copy(data, whole.begin() + static_cast<std::ptrdiff_t>(offset));
  }

  Bytes of(const Entry& entry) const { return contents_.at(paths_.at(entry.path.str())); }

 private:
  std::mutex mutex_;
  std::unordered_map<uint32_t, std::vector<std::byte>> contents_;  ///< by number in the index
  std::unordered_map<std::string, uint32_t> paths_;
};

class ImageFeeder final : public ContentConsumer {
 public:
  ImageFeeder(OrderedImage& image, OutsideFiles& outside, const StopFlag& stop)
      : image_(image), outside_(outside), stop_(stop) {}
  // A worker that an exception ends leaves its turn undone for ever.
  ~ImageFeeder() override {
    if (std::uncaught_exceptions() > exceptions_) image_.fail();
  }

  void content(uint32_t entry, uint64_t offset, Bytes data) override {
    stop_.check();
    outside_.content(entry, offset, data);
    image_.content(entry, offset, data);
  }

 private:
  OrderedImage& image_;
  OutsideFiles& outside_;
  const StopFlag& stop_;
  int exceptions_ = std::uncaught_exceptions();
};

void set_mode(Sys& sys, int fd, mode_t mode, const std::string& where) {
  if (const int r = sys.fchmod(fd, mode); r < 0) {
    throw system_error(-r, "cannot set the mode", where);
  }
}

void finish_file(Sys& sys, Fd fd, bool sync, const std::string& where) {
  if (sync) {
    if (const int r = sys.fsync(fd.get()); r < 0) {
      throw system_error(-r, "cannot make the file durable", where);
    }
  }
  close_written(sys, std::move(fd), where);
}

void write_outside(Sys& sys, const Index& outer, const OutsideFiles& files, const Stage& stage,
                   const UnpackOptions& options) {
  DirectoryCache directories(sys, stage.fd(), 8, stage.where());
  const auto write = [&](const Entry& entry, Bytes content) {
    const std::string where = directories.where(entry.path.str());
    const mode_t mode = mode_of(entry);
    Fd fd = create_at(sys, directories.open(entry.path.parent()),
                      std::string(entry.path.name()).c_str(), mode, where);
    set_mode(sys, fd.get(), mode, where);
    write_all(sys, fd.get(), content, where);
    finish_file(sys, std::move(fd), options.sync_files, where);
  };
  const Entry* program = nullptr;
  for (const Entry& entry : outer.entries) {
    const std::string where = directories.where(entry.path.str());
    const std::string name(entry.path.name());
    const int parent = directories.open(entry.path.parent());
    if (entry.path.str() == kImageProgram) program = &entry;
    if (entry.type == EntryType::kDirectory) {
      make_directory(sys, parent, name.c_str(), 0755, where);
    } else if (entry.type == EntryType::kSymlink) {
      if (const int r = sys.symlinkat(entry.target.c_str(), parent, name.c_str()); r < 0) {
        throw system_error(-r, "cannot make the link", where);
      }
    } else if (entry.path.parent() != "bin") {
      write(entry, files.of(entry));
    }
  }
  for (const Entry& entry : outer.entries) {
    if (entry.path.parent() != "bin") continue;
    const int r = sys.linkat(stage.fd(), kImageProgram, stage.fd(), entry.path.str().c_str());
    // Where the file system has no hard links, or not so many, there are copies.
    if (r < 0) write(entry, files.of(*program));
  }
}

}  // namespace

ImageRecord unpack_image(Sys& sys, BundleSource& source, const VerifiedBundle& bundle,
                         const Stage& stage, std::vector<std::string> outside,
                         const UnpackOptions& options, EventSink& events, const StopFlag& stop) {
  const Index& index = bundle.index();
  const StreamLayout layout(index);
  const std::string where = stage.where() + "/" + kImageFile;
  ImageRecord record;
  record.outside = std::move(outside);
  const Index outer = outer_index(index, record.outside);
  OutsideFiles files(index, outer);
  // Read back while it is written, for what is in it twice.
  Fd fd = open_at(sys, stage.fd(), kImageFile, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0644, where);
  set_mode(sys, fd.get(), 0644, where);
  {
    ImageWriter writer(sys, fd.get(), index, options.jobs, where);
    OrderedImage image(writer, layout);
    run_frames(
        source, bundle, layout, {.jobs = options.jobs, .phase = "pack"},
        [&]() -> std::unique_ptr<ContentConsumer> {
          return std::make_unique<ImageFeeder>(image, files, stop);
        },
        events, stop);
    record.size_bytes = writer.finish();
  }
  finish_file(sys, std::move(fd), options.sync_files, where);
  write_outside(sys, outer, files, stage, options);
  return record;
}

Sha256 hash_file(Sys& sys, int dir, const char* name, const std::string& where,
                 const StopFlag& stop) {
  constexpr size_t kPiece = size_t{1} << 20;
  const Fd fd = open_at(sys, dir, name, O_RDONLY | O_NOFOLLOW, 0, where);
  const auto buffer = std::make_unique_for_overwrite<std::byte[]>(kPiece);
  Sha256Hasher hasher;
  while (true) {
    stop.check();
    const size_t got = read_up_to(sys, fd.get(), buffer.get(), kPiece, where);
    hasher.update({buffer.get(), got});
    if (got < kPiece) return hasher.finish();
  }
}

}  // namespace eb
