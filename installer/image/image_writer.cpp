#include "installer/image/image_writer.hpp"

#include <sqfs/block_processor.h>
#include <sqfs/block_writer.h>
#include <sqfs/compressor.h>
#include <sqfs/dir_writer.h>
#include <sqfs/frag_table.h>
#include <sqfs/id_table.h>
#include <sqfs/inode.h>
#include <sqfs/meta_writer.h>
#include <sqfs/super.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <new>
#include <vector>

#include "installer/base/error.hpp"
#include "installer/image/image_tree.hpp"
#include "installer/image/sys_file.hpp"

namespace eb {
namespace {

constexpr sqfs_u32 kNoXattr = 0xFFFFFFFFu;
constexpr unsigned kBacklogOfThread = 10;  // blocks in flight; as squashfs-tools-ng's own programs
constexpr sqfs_u32 kRootNumber = 1;

sqfs_u32 number_of(uint32_t entry) { return entry + kRootNumber + 1; }

// sqfs_free() is for memory that the library made with malloc().
struct InodeDeleter {
  void operator()(sqfs_inode_generic_t* inode) const noexcept { sqfs_free(inode); }
};
using Inode = std::unique_ptr<sqfs_inode_generic_t, InodeDeleter>;

SqfsPtr<sqfs_compressor_t> make_zstd(const SysFile& file, sqfs_u16 flags) {
  sqfs_compressor_config_t config{};
  file.check(sqfs_compressor_config_init(&config, SQFS_COMP_ZSTD, kImageBlockBytes, flags),
             "cannot set up compression");
  config.level = kImageLevel;
  sqfs_compressor_t* out = nullptr;
  file.check(sqfs_compressor_create(&config, &out), "cannot set up compression");
  return sqfs_own(out);
}

}  // namespace

struct ImageWriter::State {
  State(Sys& sys, int fd, const Index& tree, unsigned jobs, const std::string& path)
      : index(tree), where(path), file(sys, fd, path), inodes(tree.entries.size(), nullptr) {
    if (const auto epoch = tree.meta.find(meta_key::kEpoch); epoch != tree.meta.end()) {
      // The format has 32 bits; what does not fit stays 0.
      std::from_chars(epoch->second.data(), epoch->second.data() + epoch->second.size(), time);
    }
    compressor = make_zstd(file, 0);
    decompressor = make_zstd(file, SQFS_COMP_FLAG_UNCOMPRESS);
    check(sqfs_super_init(&super, kImageBlockBytes, time, SQFS_COMP_ZSTD));
    check(sqfs_super_write(&super, file.get()));
    const int options = compressor->write_options(compressor.get(), file.get());
    check(options);
    if (options > 0) super.flags |= SQFS_FLAG_COMPRESSOR_OPTIONS;
    super.flags |= SQFS_FLAG_NO_XATTRS;
    fragments = sqfs_own(sqfs_frag_table_create(0));
    blocks = sqfs_own(sqfs_block_writer_create(file.get(), 0, 0));
    sqfs_block_processor_desc_t wanted{};
    wanted.size = sizeof wanted;
    wanted.max_block_size = kImageBlockBytes;
    wanted.num_workers = jobs;
    wanted.max_backlog = jobs * kBacklogOfThread;
    wanted.cmp = compressor.get();
    wanted.wr = blocks.get();
    wanted.tbl = fragments.get();
    wanted.file = file.get();
    wanted.uncmp = decompressor.get();
    sqfs_block_processor_t* made = nullptr;
    check(sqfs_block_processor_create_ex(&wanted, &made));
    processor = sqfs_own(made);
  }

  ~State() {
    processor.reset();  // its threads may still touch inodes
    for (sqfs_inode_generic_t* inode : inodes) sqfs_free(inode);
  }

  void check(int result) const { file.check(result, "cannot write the image"); }

  void write_tables();
  sqfs_u64 write_inode(sqfs_inode_generic_t& inode, sqfs_u32 number, sqfs_u16 mode);
  sqfs_u64 write_leaf(uint32_t number);
  sqfs_u64 write_directory(const ImageTree& tree, size_t directory, sqfs_u32 parent);

  const Index& index;
  const std::string where;
  SysFile file;
  sqfs_u32 time = 0;
  sqfs_super_t super{};
  SqfsPtr<sqfs_compressor_t> compressor;
  SqfsPtr<sqfs_compressor_t> decompressor;
  SqfsPtr<sqfs_frag_table_t> fragments;
  SqfsPtr<sqfs_block_writer_t> blocks;
  SqfsPtr<sqfs_block_processor_t> processor;
  SqfsPtr<sqfs_meta_writer_t> inode_table;
  SqfsPtr<sqfs_meta_writer_t> directory_table;
  SqfsPtr<sqfs_dir_writer_t> directory_writer;
  std::vector<sqfs_inode_generic_t*> inodes;  ///< of files; the processor keeps these addresses
};

// Returns where the inode lies: what a directory entry names it by.
sqfs_u64 ImageWriter::State::write_inode(sqfs_inode_generic_t& inode, sqfs_u32 number,
                                         sqfs_u16 mode) {
  inode.base.mode = mode;
  inode.base.uid_idx = 0;
  inode.base.gid_idx = 0;
  inode.base.mod_time = time;
  inode.base.inode_number = number;
  sqfs_u64 block = 0;
  sqfs_u32 offset = 0;
  sqfs_meta_writer_get_position(inode_table.get(), &block, &offset);
  check(sqfs_meta_writer_write_inode(inode_table.get(), &inode));
  return (block << 16) | offset;
}

sqfs_u64 ImageWriter::State::write_leaf(uint32_t number) {
  const Entry& entry = index.entries[number];
  if (entry.type == EntryType::kFile) {
    sqfs_inode_generic_t* inode = inodes[number];
    if (inode == nullptr) {
      throw Error(ExitCode::kInternal, "a file is missing in the image").where(entry.path.str());
    }
    if (inode->base.type == SQFS_INODE_EXT_FILE) inode->data.file_ext.nlink = 1;
    return write_inode(*inode, number_of(number),
                       SQFS_INODE_MODE_REG | (entry.executable ? 0755 : 0644));
  }
  const size_t size = entry.target.size();
  Inode inode(
      static_cast<sqfs_inode_generic_t*>(std::calloc(1, sizeof(sqfs_inode_generic_t) + size + 1)));
  if (!inode) throw std::bad_alloc();
  inode->base.type = SQFS_INODE_SLINK;
  inode->payload_bytes_available = static_cast<sqfs_u32>(size);
  inode->payload_bytes_used = static_cast<sqfs_u32>(size);
  inode->data.slink.nlink = 1;
  inode->data.slink.target_size = static_cast<sqfs_u32>(size);
  std::ranges::copy(entry.target, reinterpret_cast<char*>(inode->extra));
  return write_inode(*inode, number_of(number), SQFS_INODE_MODE_LNK | 0777);
}

// A directory's entries name inodes by where they lie, so what is in it is written first.
sqfs_u64 ImageWriter::State::write_directory(const ImageTree& tree, size_t directory,
                                             sqfs_u32 parent) {
  const sqfs_u32 number =
      directory == ImageTree::kRoot ? kRootNumber : number_of(static_cast<uint32_t>(directory));
  const std::vector<uint32_t>& children = tree.children(directory);
  std::vector<sqfs_u64> places;
  places.reserve(children.size());
  sqfs_u32 folders = 0;
  for (const uint32_t child : children) {
    const bool is_directory = index.entries[child].type == EntryType::kDirectory;
    folders += is_directory ? 1 : 0;
    places.push_back(is_directory ? write_directory(tree, child, number) : write_leaf(child));
  }
  check(sqfs_dir_writer_begin(directory_writer.get(), 0));
  for (size_t i = 0; i < children.size(); ++i) {
    const Entry& entry = index.entries[children[i]];
    const sqfs_u16 type = entry.type == EntryType::kDirectory ? SQFS_INODE_MODE_DIR
                          : entry.type == EntryType::kFile    ? SQFS_INODE_MODE_REG
                                                              : SQFS_INODE_MODE_LNK;
    check(sqfs_dir_writer_add_entry(directory_writer.get(), std::string(entry.path.name()).c_str(),
                                    number_of(children[i]), places[i], type));
  }
  check(sqfs_dir_writer_end(directory_writer.get()));
  const Inode inode(sqfs_dir_writer_create_inode(directory_writer.get(), 0, kNoXattr, parent));
  if (!inode) throw std::bad_alloc();
  if (inode->base.type == SQFS_INODE_EXT_DIR) {
    inode->data.dir_ext.nlink = folders + 2;
  } else {
    inode->data.dir.nlink = folders + 2;
  }
  return write_inode(*inode, number, SQFS_INODE_MODE_DIR | 0755);
}

void ImageWriter::State::write_tables() {
  const auto end = [this] { return file.get()->get_size(file.get()); };
  const SqfsPtr<sqfs_id_table_t> ids = sqfs_own(sqfs_id_table_create(0));
  sqfs_u16 owner = 0;
  check(sqfs_id_table_id_to_index(ids.get(), 0, &owner));
  inode_table = sqfs_own(sqfs_meta_writer_create(file.get(), compressor.get(), 0));
  directory_table = sqfs_own(
      sqfs_meta_writer_create(file.get(), compressor.get(), SQFS_META_WRITER_KEEP_IN_MEMORY));
  directory_writer = sqfs_own(sqfs_dir_writer_create(directory_table.get(), 0));
  super.inode_table_start = end();
  // The root's parent is one more than there are inodes, as mksquashfs writes it.
  const ImageTree tree(index);
  super.inode_count = static_cast<sqfs_u32>(index.entries.size()) + 1;
  super.root_inode_ref = write_directory(tree, ImageTree::kRoot, super.inode_count + 1);
  check(sqfs_meta_writer_flush(inode_table.get()));
  check(sqfs_meta_writer_flush(directory_table.get()));
  super.directory_table_start = end();
  check(sqfs_meta_write_write_to_file(directory_table.get()));
  check(sqfs_frag_table_write(fragments.get(), file.get(), &super, compressor.get()));
  check(sqfs_id_table_write(ids.get(), file.get(), &super, compressor.get()));
  super.bytes_used = end();
  check(sqfs_super_write(&super, file.get()));
  // Kernels mount only whole device blocks.
  const uint64_t size =
      (super.bytes_used + SQFS_DEVBLK_SIZE - 1) / SQFS_DEVBLK_SIZE * SQFS_DEVBLK_SIZE;
  check(file.get()->truncate(file.get(), size));
}

ImageWriter::ImageWriter(Sys& sys, int fd, const Index& index, unsigned jobs,
                         const std::string& where)
    : state_(std::make_unique<State>(sys, fd, index, jobs == 0 ? 1 : jobs, where)) {}
ImageWriter::~ImageWriter() = default;

void ImageWriter::content(uint32_t entry, uint64_t offset, Bytes data) {
  sqfs_block_processor_t* const processor = state_->processor.get();
  if (offset == 0) {
    state_->check(sqfs_block_processor_begin_file(processor, &state_->inodes[entry], nullptr, 0));
  }
  // libsquashfs 1.2 does not survive an append of nothing.
  if (!data.empty()) {
    state_->check(sqfs_block_processor_append(processor, data.data(), data.size()));
  }
  if (offset + data.size() == state_->index.entries[entry].size_bytes) {
    state_->check(sqfs_block_processor_end_file(processor));
  }
}

uint64_t ImageWriter::finish() {
  state_->check(sqfs_block_processor_finish(state_->processor.get()));
  state_->write_tables();
  return state_->file.get()->get_size(state_->file.get());
}

}  // namespace eb
