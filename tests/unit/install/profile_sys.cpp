#include <sys/statfs.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <string>

#include "tests/support/forwarding_sys.hpp"

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
};

constexpr Profile kProfiles[] = {
    {"local"},
    // A rename whose first reply was lost is sent again, and then there is nothing to rename.
    {"nfs", EOPNOTSUPP, 0, ENOSYS, 0, true, 0x6969, 4, 0},
    {"lustre", EOPNOTSUPP, EINVAL, ENOTSUP, EINVAL, false, 0x0BD00BD0, 0, 5},
    {"old-kernel", ENOSYS, ENOSYS, ENOSYS, 0, true, 0, 0, 0},
    {"seccomp", EPERM, 0, EPERM, 0, false, 0, 0, 0},
};

class ProfileSys final : public test::ForwardingSys {
 public:
  explicit ProfileSys(const Profile& profile) : ForwardingSys(true_real_sys()), profile_(profile) {}

  int fallocate(int fd, int mode, off_t offset, off_t size) override {
    if (profile_.fallocate != 0) return -profile_.fallocate;
    return ForwardingSys::fallocate(fd, mode, offset, size);
  }
  int syncfs(int fd) override {
    return profile_.syncfs != 0 ? -profile_.syncfs : ForwardingSys::syncfs(fd);
  }
  int fstatfs(int fd, struct statfs* out) override {
    const int r = ForwardingSys::fstatfs(fd, out);
    if (r == 0 && profile_.type != 0) out->f_type = profile_.type;
    return r;
  }
  int get_quota(int fd, QuotaKind kind, uint32_t id, struct dqblk* out) override {
    return profile_.quota != 0 ? -profile_.quota : ForwardingSys::get_quota(fd, kind, id, out);
  }
  int fsync(int fd) override {
    struct stat info {};
    const bool is_folder = ForwardingSys::fstat(fd, &info) == 0 && S_ISDIR(info.st_mode);
    return is_folder && profile_.folder_fsync != 0 ? -profile_.folder_fsync
                                                   : ForwardingSys::fsync(fd);
  }
  int list(int dir, std::vector<DirEntry>* out) override {
    const int r = ForwardingSys::list(dir, out);
    if (profile_.unknown_types) {
      for (DirEntry& entry : *out) entry.type = DT_UNKNOWN;
    }
    return r;
  }
  int renameat(int from_dir, const char* from, int to_dir, const char* to) override {
    const int r = ForwardingSys::renameat(from_dir, from, to_dir, to);
    return r == 0 && hits(renames_, profile_.lost_replies) ? -ENOENT : r;
  }
  ssize_t read(int fd, void* buffer, size_t size) override {
    return hits(transfers_, profile_.interrupted) ? -EINTR : ForwardingSys::read(fd, buffer, size);
  }
  ssize_t write(int fd, const void* buffer, size_t size) override {
    return hits(transfers_, profile_.interrupted) ? -EINTR : ForwardingSys::write(fd, buffer, size);
  }
  ssize_t pwrite(int fd, const void* buffer, size_t size, off_t offset) override {
    return hits(transfers_, profile_.interrupted) ? -EINTR
                                                  : ForwardingSys::pwrite(fd, buffer, size, offset);
  }

 private:
  static bool hits(std::atomic<unsigned>& count, unsigned every) {
    return every != 0 && ++count % every == 0;
  }

  const Profile& profile_;
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
  static auto* chosen = new ProfileSys(chosen_profile());  // as the true one, never destroyed
  return *chosen;
}

}  // namespace eb
