#include "runtime/envrun/limits/private_shm.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace eb {
namespace {

int write_file(const char* path, const char* text) {
  const int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return errno;
  const ssize_t written = write(fd, text, std::strlen(text));
  const int error = written < 0 ? errno : 0;
  close(fd);
  return error;
}

int enter_namespaces(const PrivateShm& shm) {
  // Root of the machine stays what it is; root of a container may not be allowed to.
  if (shm.is_root && unshare(CLONE_NEWNS) == 0) return 0;
  if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return errno;
  // Without it an ordinary user may not map a group (user_namespaces(7)). Kernels before 3.19 have
  // no such file.
  if (const int error = write_file("/proc/self/setgroups", "deny"); error != 0 && error != ENOENT) {
    return error;
  }
  if (const int error = write_file("/proc/self/uid_map", shm.uid_map.data()); error != 0) {
    return error;
  }
  return write_file("/proc/self/gid_map", shm.gid_map.data());
}

}  // namespace

PrivateShm private_shm(uint64_t bytes, uid_t uid, gid_t gid) {
  PrivateShm out;
  std::snprintf(out.options.data(), out.options.size(), "size=%llu,mode=1777",
                static_cast<unsigned long long>(bytes));
  std::snprintf(out.uid_map.data(), out.uid_map.size(), "%u %u 1", uid, uid);
  std::snprintf(out.gid_map.data(), out.gid_map.size(), "%u %u 1", gid, gid);
  out.is_root = uid == 0;
  return out;
}

int enter_private_shm(const PrivateShm& shm) {
  if (const int error = enter_namespaces(shm); error != 0) return error;
  // Mounts made outside still come in (autofs); ours stays inside.
  if (mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr) != 0) return errno;
  if (mount("shm", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, shm.options.data()) != 0) {
    return errno;
  }
  return 0;
}

int try_private_shm(const PrivateShm& shm) {
  const pid_t child = fork();
  if (child < 0) return errno;
  if (child == 0) _exit(enter_private_shm(shm));
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : EIO;
}

}  // namespace eb
