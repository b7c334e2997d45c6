#include <algorithm>
#include <tuple>

#include "bundler/pack/content_class.hpp"
#include "bundler/pack/pack.hpp"
#include "installer/base/error.hpp"
#include "installer/format/container.hpp"
#include "installer/format/tar_stream.hpp"

namespace eb {
namespace {

std::vector<uint32_t> order_of(const std::vector<Entry>& entries) {
  std::vector<uint32_t> directories;
  std::vector<uint32_t> symlinks;
  std::vector<std::tuple<ContentClass, std::string_view, uint32_t>> files;
  for (uint32_t i = 0; i < entries.size(); ++i) {
    const Entry& entry = entries[i];
    switch (entry.type) {
      case EntryType::kDirectory:
        directories.push_back(i);
        break;
      case EntryType::kSymlink:
        symlinks.push_back(i);
        break;
      case EntryType::kFile:
        files.emplace_back(content_class(entry.path, entry.executable), entry.path.str(), i);
        break;
    }
  }
  std::sort(files.begin(), files.end());
  std::vector<uint32_t> stream = std::move(directories);
  for (const auto& file : files) stream.push_back(std::get<uint32_t>(file));
  stream.insert(stream.end(), symlinks.begin(), symlinks.end());
  return stream;
}

// Cuts the stream where entries end, so that restoring one small file needs one frame; only an
// entry that is larger than a frame spans several.
class FrameCutter {
 public:
  explicit FrameCutter(uint64_t limit) : limit_(limit) {}

  void add(uint64_t size) {
    if (open_ > 0 && open_ + size > limit_) cut();
    for (; size > limit_; size -= limit_) {
      open_ = limit_;
      cut();
    }
    open_ += size;
  }
  std::vector<Frame> finish() {
    if (open_ > 0) cut();
    return std::move(frames_);
  }

 private:
  void cut() {
    frames_.push_back({.compressed_size = 0, .raw_size = open_, .digest = {}});
    open_ = 0;
  }
  uint64_t limit_;
  uint64_t open_ = 0;
  std::vector<Frame> frames_;
};

}  // namespace

PackPlan plan_pack(const Tree& tree, const std::map<std::string, std::string>& meta,
                   const PackOptions& options) {
  if (options.frame_raw_size == 0 || options.frame_raw_size > kMaxFrameRawSize) {
    throw Error(ExitCode::kUsage, "a frame cannot have that size")
        .why(std::to_string(options.frame_raw_size) + " bytes asked for; 1 to " +
             std::to_string(kMaxFrameRawSize) + " are possible");
  }
  PackPlan plan;
  plan.index.meta = meta;
  plan.index.entries = tree.entries;
  try {
    check_index(plan.index);
  } catch (const Error& error) {
    // What would be a malformed bundle on the other side is a tree that cannot be packed on this
    // one.
    throw Error(ExitCode::kConflict, "this tree cannot be packed")
        .where(error.where().empty() ? tree.root.string() : error.where())
        .why(error.why().empty() ? error.what() : std::string(error.what()) + ": " + error.why());
  }
  plan.stream = order_of(plan.index.entries);
  FrameCutter cutter(options.frame_raw_size);
  uint64_t at = 0;
  for (const uint32_t i : plan.stream) {
    Entry& entry = plan.index.entries[i];
    uint64_t size = tar_header_size(entry);
    if (entry.type == EntryType::kFile) {
      entry.offset = at;
      size += entry.size_bytes + tar_padding(entry.size_bytes);
    }
    cutter.add(size);
    at += size;
  }
  cutter.add(kTarEndSize);
  plan.index.frames = cutter.finish();
  return plan;
}

}  // namespace eb
