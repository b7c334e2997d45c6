#include "runtime/metrics/shm.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <memory>

namespace eb::metrics {
namespace {

constexpr size_t kMaxFiles = 65536;
constexpr uint64_t kBlockBytes = 512;  // of st_blocks, stat(2)

struct CloseFolder {
  void operator()(DIR* folder) const { closedir(folder); }
};

}  // namespace

std::optional<ShmSample> read_shm(const std::string& folder, unsigned uid) {
  struct statvfs status {};
  if (statvfs(folder.c_str(), &status) != 0) return {};
  ShmSample out;
  out.size_bytes = uint64_t{status.f_blocks} * status.f_frsize;
  out.used_bytes = uint64_t{status.f_blocks - status.f_bfree} * status.f_frsize;
  const std::unique_ptr<DIR, CloseFolder> open_folder(opendir(folder.c_str()));
  for (size_t i = 0; open_folder && i < kMaxFiles; ++i) {
    const dirent* const entry = readdir(open_folder.get());
    if (entry == nullptr) break;
    struct stat file {};
    if (fstatat(dirfd(open_folder.get()), entry->d_name, &file, AT_SYMLINK_NOFOLLOW) != 0 ||
        !S_ISREG(file.st_mode) || file.st_uid != uid) {
      continue;
    }
    out.own_bytes += static_cast<uint64_t>(file.st_blocks) * kBlockBytes;
    ++out.own_files;
  }
  return out;
}

}  // namespace eb::metrics
