#include "bundler/cli/work_folder.hpp"

#include <stdlib.h>
#include <sys/file.h>

#include <cerrno>

#include "installer/base/error.hpp"

namespace eb {
namespace {

// A folder whose lock can be had belongs to nobody any more.
void remove_stale(const std::filesystem::path& parent, const std::string& prefix) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(parent, error)) {
    if (!entry.path().filename().string().starts_with(prefix)) continue;
    const int fd = real_sys().openat(AT_FDCWD, entry.path().c_str(),
                                     O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
    if (fd < 0) continue;
    const Fd owned(real_sys(), fd);
    if (::flock(fd, LOCK_EX | LOCK_NB) == 0) {
      std::error_code ignored;
      std::filesystem::remove_all(entry.path(), ignored);
    }
  }
}

}  // namespace

WorkFolder::WorkFolder(const std::filesystem::path& parent, const std::string& name) {
  const std::string prefix = "." + name + ".work-";
  remove_stale(parent, prefix);
  std::string path = (parent / (prefix + "XXXXXX")).string();
  if (::mkdtemp(path.data()) == nullptr) {
    throw system_error(errno, "cannot make the work folder", parent.string())
        .hint("name a folder that you may write to with --work-dir");
  }
  path_ = path;
  registration_ = std::make_unique<Temporary>(path_);
  lock_ = open_at(real_sys(), AT_FDCWD, path_.c_str(), O_RDONLY | O_DIRECTORY, 0, path);
  ::flock(lock_.get(), LOCK_EX | LOCK_NB);
}

WorkFolder::~WorkFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace eb
