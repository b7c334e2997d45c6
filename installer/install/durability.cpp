#include "installer/install/durability.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <optional>

#include "installer/base/error.hpp"
#include "installer/base/file.hpp"
#include "installer/base/version.hpp"
#include "installer/base/worker_pool.hpp"
#include "installer/install/directory_cache.hpp"
#include "installer/install/prefix.hpp"
#include "installer/install/receipt.hpp"

namespace eb {
namespace {

enum class Kind { kLocal, kMemory, kServer };

constexpr uint64_t kExt4 = 0xEF53;
constexpr uint64_t kXfs = 0x58465342;
// Numbers: linux/magic.h, and the sources of the file systems that are not in it.
constexpr struct {
  uint64_t type;
  const char* name;
  Kind kind;
} kFileSystems[] = {
    {kExt4, "ext4", Kind::kLocal},         {kXfs, "XFS", Kind::kLocal},
    {0x9123683E, "btrfs", Kind::kLocal},   {0xF2F52010, "F2FS", Kind::kLocal},
    {0x2FC12FC1, "ZFS", Kind::kLocal},     {0xCA451A4E, "bcachefs", Kind::kLocal},
    {0x794C7630, "overlay", Kind::kLocal}, {0x01021994, "tmpfs", Kind::kMemory},
    {0x858458F6, "ramfs", Kind::kMemory},  {0x6969, "NFS", Kind::kServer},
    {0x0BD00BD0, "Lustre", Kind::kServer}, {0x47504653, "GPFS", Kind::kServer},
    {0x19830326, "BeeGFS", Kind::kServer}, {0x00C36400, "Ceph", Kind::kServer},
    {0x65735546, "FUSE", Kind::kServer},   {0xFF534D42, "CIFS", Kind::kServer},
    {0xFE534D42, "SMB", Kind::kServer},    {0x01021997, "9p", Kind::kServer},
};

Error sync_error(int error, const std::string& where) {
  return system_error(error, "cannot make the release durable", where)
      .hint(
          "the disk or the server refused to keep the data: look at its state, then run the same "
          "command again");
}

void sync_file(Sys& sys, int dir, const char* name, int flags, const std::string& where) {
  const Fd fd = open_at(sys, dir, name, O_RDONLY | O_NOFOLLOW | flags, 0, where);
  if (const int r = sys.fsync(fd.get()); r < 0) {
    const bool is_unknown = r == -EINVAL || r == -EOPNOTSUPP || r == -ENOSYS;
    if ((flags & O_DIRECTORY) == 0 || !is_unknown) throw sync_error(-r, where);
  }
}

// Entries of the wanted kind, each with a descriptor cache of its chunk.
void sync_entries(Sys& sys, int stage, const Index& index, bool directories, unsigned jobs,
                  const std::string& where) {
  std::vector<const Entry*> entries;
  for (const Entry& entry : index.entries) {
    const EntryType wanted = directories ? EntryType::kDirectory : EntryType::kFile;
    if (entry.type == wanted) entries.push_back(&entry);
  }
  constexpr size_t kChunk = 256;
  for_each_parallel((entries.size() + kChunk - 1) / kChunk, std::min(jobs, 8u), [&](size_t chunk) {
    DirectoryCache cache(sys, stage, 2, where);
    const size_t end = std::min(entries.size(), (chunk + 1) * kChunk);
    for (size_t i = chunk * kChunk; i < end; ++i) {
      const RelPath& path = entries[i]->path;
      const int parent = cache.open(path.parent());
      sync_file(sys, parent, std::string(path.name()).c_str(), directories ? O_DIRECTORY : 0,
                cache.where(path.str()));
    }
  });
}

}  // namespace

Durability judge_durability(uint64_t statfs_type, const Host& host) {
  Durability out;
  // f_type is a signed long of which some file systems use the high bit.
  const uint64_t type = statfs_type & 0xFFFFFFFFu;
  const auto* known = std::ranges::find(kFileSystems, type, [](const auto& f) { return f.type; });
  const bool is_known = known != std::end(kFileSystems);
  out.file_system = is_known ? known->name : "a file system of unknown kind";
  const Kind kind = is_known ? known->kind : Kind::kServer;
  const auto kernel = DottedVersion::parse_prefix(host.kernel);
  out.by_syncfs = kind == Kind::kMemory ||
                  (kind == Kind::kLocal && kernel && *kernel >= *DottedVersion::parse("5.8"));
  out.past_cache = out.by_syncfs && (type == kExt4 || type == kXfs);
  switch (kind) {
    case Kind::kLocal:
      out.promise = "on disk (" + out.file_system + "): survives a power loss";
      break;
    case Kind::kMemory:
      out.promise = "in memory (" + out.file_system + "): gone after a reboot";
      break;
    case Kind::kServer:
      out.promise = "handed to the server and acknowledged (" + out.file_system + ")";
      break;
  }
  out.is_server = is_known && kind == Kind::kServer;
  out.is_memory = kind == Kind::kMemory;
  if (!is_known) out.promise = "every file synced (" + out.file_system + ")";
  return out;
}

void make_durable(Sys& sys, int stage, const Index& index, const Durability& durability,
                  bool files_synced, const std::vector<std::string>& bundle_files, unsigned jobs,
                  const std::string& where) {
  if (durability.by_syncfs) {
    const int r = sys.syncfs(stage);
    if (r == 0) return;
    if (r != -ENOSYS && r != -EOPNOTSUPP && r != -EINVAL) throw sync_error(-r, where);
  }
  if (!files_synced) sync_entries(sys, stage, index, false, jobs, where);
  sync_entries(sys, stage, index, true, jobs, where);
  for (const std::string& name : bundle_files) {
    const std::string path = std::string(kBundleDir) + "/" + name;
    std::string shown = where;
    shown.append("/").append(path);
    sync_file(sys, stage, path.c_str(), 0, shown);
  }
  sync_file(sys, stage, kBundleDir, O_DIRECTORY, where + "/" + kBundleDir);
  sync_directory(sys, stage, where);
}

}  // namespace eb
