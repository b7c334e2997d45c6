#include "installer/image/image_reader.hpp"

#include <sqfs/compressor.h>
#include <sqfs/data_reader.h>
#include <sqfs/dir_reader.h>
#include <sqfs/id_table.h>
#include <sqfs/inode.h>
#include <sqfs/super.h>

#include <algorithm>
#include <array>
#include <unordered_map>

#include "installer/base/error.hpp"
#include "installer/image/sys_file.hpp"

namespace eb {
namespace {

constexpr char kCannotRead[] = "cannot read the image";

SqfsPtr<sqfs_compressor_t> make_decompressor(SysFile& file, const sqfs_super_t& super) {
  sqfs_compressor_config_t config{};
  file.check(
      sqfs_compressor_config_init(&config, static_cast<SQFS_COMPRESSOR>(super.compression_id),
                                  super.block_size, SQFS_COMP_FLAG_UNCOMPRESS),
      kCannotRead);
  sqfs_compressor_t* out = nullptr;
  file.check(sqfs_compressor_create(&config, &out), kCannotRead);
  return sqfs_own(out);
}

struct TreeDeleter {
  void operator()(sqfs_tree_node_t* root) const noexcept { sqfs_dir_tree_destroy(root); }
};

bool is_type(const sqfs_inode_generic_t& inode, EntryType type) {
  const int basic = inode.base.type > SQFS_INODE_SOCKET ? inode.base.type - SQFS_INODE_SOCKET
                                                        : static_cast<int>(inode.base.type);
  return (type == EntryType::kDirectory && basic == SQFS_INODE_DIR) ||
         (type == EntryType::kFile && basic == SQFS_INODE_FILE) ||
         (type == EntryType::kSymlink && basic == SQFS_INODE_SLINK);
}

std::string octal(unsigned mode) {
  std::array<char, 8> text{};
  std::snprintf(text.data(), text.size(), "%04o", mode);
  return text.data();
}

// Words for what differs in one inode; empty = nothing.
std::string difference(const Entry& entry, const sqfs_inode_generic_t& inode) {
  if (!is_type(inode, entry.type)) return "now of another type";
  if (entry.type == EntryType::kSymlink) {
    const std::string target(reinterpret_cast<const char*>(inode.extra),
                             inode.data.slink.target_size);
    return target == entry.target ? "" : "leads to " + target + " instead of " + entry.target;
  }
  const unsigned wanted = mode_of(entry);
  const unsigned mode = inode.base.mode & 07777u;
  if (mode != wanted) return "mode " + octal(wanted) + " is now " + octal(mode);
  if (entry.type == EntryType::kDirectory) return {};
  sqfs_u64 size = 0;
  sqfs_inode_get_file_size(&inode, &size);
  if (size == entry.size_bytes) return {};
  return std::to_string(entry.size_bytes) + " bytes are now " + std::to_string(size);
}

}  // namespace

struct ImageReader::State {
  State(Sys& sys, int fd, const std::string& path) : where(path), file(sys, fd, path) {
    file.check(sqfs_super_read(&super, file.get()), kCannotRead);
    decompressor = make_decompressor(file, super);
    const SqfsPtr<sqfs_id_table_t> ids = sqfs_own(sqfs_id_table_create(0));
    file.check(sqfs_id_table_read(ids.get(), file.get(), &super, decompressor.get()), kCannotRead);
    const SqfsPtr<sqfs_dir_reader_t> directories =
        sqfs_own(sqfs_dir_reader_create(&super, decompressor.get(), file.get(), 0));
    sqfs_tree_node_t* root = nullptr;
    file.check(sqfs_dir_reader_get_full_hierarchy(directories.get(), ids.get(), nullptr, 0, &root),
               kCannotRead);
    tree.reset(root);
    collect(*root, "");
  }

  void collect(const sqfs_tree_node_t& directory, const std::string& path) {
    for (const sqfs_tree_node_t* node = directory.children; node != nullptr; node = node->next) {
      std::string inner = path.empty() ? "" : path + "/";
      inner += reinterpret_cast<const char*>(node->name);
      inodes.emplace(inner, node->inode);
      collect(*node, inner);
    }
  }

  std::string where;
  mutable SysFile file;
  sqfs_super_t super{};
  SqfsPtr<sqfs_compressor_t> decompressor;
  std::unique_ptr<sqfs_tree_node_t, TreeDeleter> tree;
  std::unordered_map<std::string, const sqfs_inode_generic_t*> inodes;
};

ImageReader::ImageReader(Sys& sys, int fd, const std::string& where)
    : state_(std::make_unique<State>(sys, fd, where)) {}
ImageReader::~ImageReader() = default;

std::vector<ImageReader::Finding> ImageReader::compare(const Index& index) const {
  std::vector<Finding> out;
  size_t known = 0;
  for (const Entry& entry : index.entries) {
    const auto at = state_->inodes.find(entry.path.str());
    if (at == state_->inodes.end()) {
      out.push_back({entry.path.str(), "not there"});
      continue;
    }
    ++known;
    if (std::string text = difference(entry, *at->second); !text.empty()) {
      out.push_back({entry.path.str(), std::move(text)});
    }
  }
  if (known == state_->inodes.size()) return out;
  for (const auto& [path, inode] : state_->inodes) {
    const auto at = std::ranges::lower_bound(
        index.entries, path, {},
        [](const Entry& entry) -> const std::string& { return entry.path.str(); });
    if (at == index.entries.end() || at->path.str() != path) out.push_back({path, "added"});
  }
  return out;
}

struct ImageReader::Content::State {
  explicit State(const ImageReader::State& shared) : image(shared) {
    decompressor = make_decompressor(image.file, image.super);
    reader = sqfs_own(
        sqfs_data_reader_create(image.file.get(), image.super.block_size, decompressor.get(), 0));
    image.file.check(sqfs_data_reader_load_fragment_table(reader.get(), &image.super), kCannotRead);
    buffer.resize(size_t{1} << 20);
  }

  const ImageReader::State& image;
  SqfsPtr<sqfs_compressor_t> decompressor;
  SqfsPtr<sqfs_data_reader_t> reader;
  std::vector<std::byte> buffer;
};

ImageReader::Content::Content(const ImageReader& image)
    : state_(std::make_unique<State>(*image.state_)) {}
ImageReader::Content::~Content() = default;

void ImageReader::Content::read(const RelPath& path, const std::function<void(Bytes)>& take) {
  const auto at = state_->image.inodes.find(path.str());
  if (at == state_->image.inodes.end() || !is_type(*at->second, EntryType::kFile)) {
    throw Error(ExitCode::kDigestMismatch, "the image lacks a file")
        .where(state_->image.where)
        .why("there is no file " + path.str());
  }
  sqfs_u64 size = 0;
  sqfs_inode_get_file_size(at->second, &size);
  for (uint64_t done = 0; done < size;) {
    const auto wanted =
        static_cast<sqfs_u32>(std::min<uint64_t>(state_->buffer.size(), size - done));
    const sqfs_s32 got = sqfs_data_reader_read(state_->reader.get(), at->second, done,
                                               state_->buffer.data(), wanted);
    state_->image.file.check(got, "cannot read " + path.str() + " from the image");
    if (got == 0) {
      throw Error(ExitCode::kDigestMismatch, "a file ends too early in the image")
          .where(state_->image.where)
          .why(path.str() + " has " + std::to_string(done) + " of " + std::to_string(size) +
               " bytes");
    }
    take({state_->buffer.data(), static_cast<size_t>(got)});
    done += static_cast<uint64_t>(got);
  }
}

}  // namespace eb
