#include <fcntl.h>
#include <sys/statfs.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <mutex>
#include <set>
#include <string>

#include "installer/base/reopening_sys.hpp"
#include "tests/support/forgetful_server.hpp"

// Every test of this program can be run as if on another file system or kernel: EB_PROFILE=nfs,
// lustre, old-kernel or seccomp (FAULTS §5). The program is linked with --wrap for real_sys(), so
// that neither the installer nor a test knows of it.

namespace eb {
// Names that the linker gives to the true function and to the one that is called in its place.
Sys& true_real_sys() asm("__real__ZN2eb8real_sysEv");
Sys& wrapped_real_sys() asm("__wrap__ZN2eb8real_sysEv");

namespace {

struct Profile {
  const char* name;
  /// What calls answer that the file system or the kernel does not have; 0 = they work.
  int fallocate = 0, syncfs = 0, quota = 0;
  /// What a directory's fsync answers.
  int folder_fsync = 0;
  bool unknown_types = false;  ///< list() tells no DT_*
  unsigned type = 0;           ///< what statfs says the file system is; 0 = the truth
  unsigned lost_replies = 0;   ///< every so many-th rename is done and answers ENOENT
  unsigned interrupted = 0;    ///< every so many-th read or write answers EINTR
  unsigned stale = 0;          ///< every so many-th open of a kind is of a handle soon forgotten
};

constexpr Profile kProfiles[] = {
    {"local"},
    // A rename whose first reply was lost is sent again, and then there is nothing to rename.
    {"nfs", EOPNOTSUPP, 0, ENOSYS, 0, true, 0x6969, 4, 0, 11},
    {"lustre", EOPNOTSUPP, EINVAL, ENOTSUP, EINVAL, false, 0x0BD00BD0, 0, 5, 0},
    {"old-kernel", ENOSYS, ENOSYS, ENOSYS, 0, true, 0, 0, 0, 0},
    {"seccomp", EPERM, 0, EPERM, 0, false, 0, 0, 0, 0},
};

class ProfileSys final : public test::ForgetfulServer {
 public:
  explicit ProfileSys(const Profile& profile)
      : ForgetfulServer(true_real_sys()), profile_(profile) {}

  int openat(int dir, const char* path, int flags, mode_t mode) override {
    const bool is_folder = (flags & O_DIRECTORY) != 0;
    const bool is_read = (flags & (O_ACCMODE | O_CREAT)) == O_RDONLY;
    std::atomic<unsigned>& opens = is_folder ? folder_opens_ : is_read ? reads_ : writes_;
    // A server that was set up anew forgets once: the tries that follow find it in order.
    static thread_local unsigned quiet = 0;
    if (quiet > 0) --quiet;
    const bool hit = quiet == 0 && hits(opens, profile_.stale);
    if (hit) quiet = kQuietOpens;
    // The folder that it is opened in, or else what was opened.
    if (hit && dir != AT_FDCWD) forget(dir);
    const int fd = ForgetfulServer::openat(dir, path, flags, mode);
    if (fd >= 0) set_fragile(fd, hit && dir == AT_FDCWD && is_read);
    return fd;
  }
  // Nobody forgets between an open and the answer to it, of which the first look is a part.
  int fstat(int fd, struct stat* out) override {
    const int r = ForgetfulServer::fstat(fd, out);
    if (set_fragile(fd, false)) forget(fd);
    return r;
  }
  int fallocate(int fd, int mode, off_t offset, off_t size) override {
    if (profile_.fallocate != 0) return -profile_.fallocate;
    return ForgetfulServer::fallocate(fd, mode, offset, size);
  }
  int syncfs(int fd) override {
    return profile_.syncfs != 0 ? -profile_.syncfs : ForgetfulServer::syncfs(fd);
  }
  int fstatfs(int fd, struct statfs* out) override {
    const int r = ForgetfulServer::fstatfs(fd, out);
    if (r == 0 && profile_.type != 0) out->f_type = profile_.type;
    return r;
  }
  int get_quota(int fd, QuotaKind kind, uint32_t id, struct dqblk* out) override {
    return profile_.quota != 0 ? -profile_.quota : ForgetfulServer::get_quota(fd, kind, id, out);
  }
  int fsync(int fd) override {
    struct stat info {};
    const bool is_folder = true_real_sys().fstat(fd, &info) == 0 && S_ISDIR(info.st_mode);
    return is_folder && profile_.folder_fsync != 0 ? -profile_.folder_fsync
                                                   : ForgetfulServer::fsync(fd);
  }
  int list(int dir, std::vector<DirEntry>* out) override {
    const int r = ForgetfulServer::list(dir, out);
    if (profile_.unknown_types) {
      for (DirEntry& entry : *out) entry.type = DT_UNKNOWN;
    }
    return r;
  }
  int renameat(int from_dir, const char* from, int to_dir, const char* to) override {
    const int r = ForgetfulServer::renameat(from_dir, from, to_dir, to);
    return r == 0 && hits(renames_, profile_.lost_replies) ? -ENOENT : r;
  }
  ssize_t read(int fd, void* buffer, size_t size) override {
    return hits(transfers_, profile_.interrupted) ? -EINTR
                                                  : ForgetfulServer::read(fd, buffer, size);
  }
  ssize_t write(int fd, const void* buffer, size_t size) override {
    return hits(transfers_, profile_.interrupted) ? -EINTR
                                                  : ForgetfulServer::write(fd, buffer, size);
  }
  ssize_t pwrite(int fd, const void* buffer, size_t size, off_t offset) override {
    return hits(transfers_, profile_.interrupted)
               ? -EINTR
               : ForgetfulServer::pwrite(fd, buffer, size, offset);
  }

 private:
  static bool hits(std::atomic<unsigned>& count, unsigned every) {
    return every != 0 && ++count % every == 0;
  }

  static constexpr unsigned kQuietOpens = 40;  // a path from the top has no more components

  // Whether it was, of a descriptor that is to be forgotten after the first look at it.
  bool set_fragile(int fd, bool is_fragile) {
    const std::lock_guard lock(mutex_);
    const bool was = fragile_.erase(fd) > 0;
    if (is_fragile) fragile_.insert(fd);
    return was;
  }

  const Profile& profile_;
  std::mutex mutex_;
  std::set<int> fragile_;
  std::atomic<unsigned> folder_opens_{0};
  std::atomic<unsigned> reads_{0};
  std::atomic<unsigned> writes_{0};
  std::atomic<unsigned> renames_{0};
  std::atomic<unsigned> transfers_{0};
};

const Profile& chosen_profile() {
  const char* name = std::getenv("EB_PROFILE");
  const std::string wanted = name == nullptr ? "local" : name;
  for (const Profile& profile : kProfiles) {
    if (wanted == profile.name) return profile;
  }
  std::abort();  // a misspelt name must not pass for a run
}

}  // namespace

Sys& wrapped_real_sys() {
  // As the true one: over ReopeningSys, and never destroyed.
  static auto* const kernel = new ProfileSys(chosen_profile());
  static auto* const chosen = new ReopeningSys(*kernel);
  return *chosen;
}

}  // namespace eb
