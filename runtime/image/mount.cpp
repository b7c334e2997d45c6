#include "runtime/image/mount.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <spawn.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/statfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "installer/base/error.hpp"

namespace eb::image {
namespace {

constexpr long kFuseMagic = 0x65735546;
constexpr int kHelperMilliseconds = 20'000;

constexpr std::array kHelpers = {"/usr/bin/fusermount3",  "/bin/fusermount3",
                                 "/usr/sbin/fusermount3", "/usr/local/bin/fusermount3",
                                 "/usr/bin/fusermount",   "/bin/fusermount"};

const char* find_helper() {
  for (const char* path : kHelpers) {
    if (::access(path, X_OK) == 0) return path;
  }
  return nullptr;
}

// Runs the helper with a clean environment and silent; its exit status, -1 where it did not start.
int run_helper(std::vector<std::string> arguments, int comm_fd) {
  std::vector<char*> argv;
  argv.reserve(arguments.size() + 1);
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  std::string comm = "_FUSE_COMMFD=" + std::to_string(comm_fd);
  std::string path = "PATH=/usr/bin:/bin:/usr/sbin:/sbin";
  std::array<char*, 3> variables = {path.data(), comm_fd >= 0 ? comm.data() : nullptr, nullptr};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  for (const int fd : {0, 1, 2}) {
    posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_RDWR, 0);
  }
  pid_t child = 0;
  const int error =
      ::posix_spawn(&child, argv[0], &actions, nullptr, argv.data(), variables.data());
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) return -1;
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return -1;
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int receive_descriptor(int socket) {
  struct pollfd wanted = {.fd = socket, .events = POLLIN, .revents = 0};
  if (::poll(&wanted, 1, kHelperMilliseconds) <= 0) return -1;
  char byte = 0;
  struct iovec piece = {.iov_base = &byte, .iov_len = 1};
  alignas(struct cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  struct msghdr message {};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  if (::recvmsg(socket, &message, MSG_CMSG_CLOEXEC) <= 0) return -1;
  const struct cmsghdr* head = CMSG_FIRSTHDR(&message);
  if (head == nullptr || head->cmsg_type != SCM_RIGHTS) return -1;
  int fd = -1;
  std::memcpy(&fd, CMSG_DATA(head), sizeof fd);
  return fd;
}

// The protocol of libfuse: the helper sends the descriptor back over the socket.
Fd by_fusermount(const std::string& point) {
  const char* helper = find_helper();
  if (helper == nullptr) {
    throw Error(ExitCode::kUnsupportedFs, "there is no fusermount3 on this node").where(point);
  }
  std::array<int, 2> pair{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()) != 0) {
    throw system_error(errno, "cannot make a socket", helper);
  }
  const Fd ours(real_sys(), pair[0]);
  const Fd theirs(real_sys(), pair[1]);
  ::fcntl(theirs.get(), F_SETFD, 0);
  const int status =
      run_helper({helper, "-o", "ro,nosuid,nodev,subtype=squashfuse,fsname=envbundle", "--", point},
                 theirs.get());
  const int fd = status == 0 ? receive_descriptor(ours.get()) : -1;
  if (fd < 0) {
    throw Error(ExitCode::kUnsupportedFs, "fusermount refuses to mount")
        .where(helper)
        .why(status < 0 ? "it cannot be started"
                        : "it ended with status " + std::to_string(status));
  }
  return {real_sys(), fd};
}

Fd by_mount(const std::string& point) {
  Fd fuse = open_at(real_sys(), AT_FDCWD, "/dev/fuse", O_RDWR, 0, "/dev/fuse");
  const std::string data = "fd=" + std::to_string(fuse.get()) +
                           ",rootmode=40000,user_id=" + std::to_string(::geteuid()) +
                           ",group_id=" + std::to_string(::getegid());
  if (::mount("envbundle", point.c_str(), "fuse.squashfuse", MS_RDONLY | MS_NOSUID | MS_NODEV,
              data.c_str()) != 0) {
    throw system_error(errno, "the kernel refuses to mount", point);
  }
  return fuse;
}

void write_proc(const char* path, const std::string& text) {
  const Fd fd = open_at(real_sys(), AT_FDCWD, path, O_WRONLY, 0, path);
  write_all(real_sys(), fd.get(), as_bytes(text), path);
}

// A namespace in which this user may mount, and is who he was.
void enter_namespace() {
  const std::string uid = std::to_string(::geteuid());
  const std::string gid = std::to_string(::getegid());
  if (::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) {
    throw system_error(errno, "there are no user namespaces for ordinary users", "unshare");
  }
  write_proc("/proc/self/setgroups", "deny");
  write_proc("/proc/self/uid_map", uid + " " + uid + " 1");
  write_proc("/proc/self/gid_map", gid + " " + gid + " 1");
  // What the node mounts later (automounted homes) is to be seen; ours is not to be seen there.
  if (::mount("", "/", nullptr, MS_SLAVE | MS_REC, nullptr) != 0) {
    throw system_error(errno, "cannot detach the mounts", "/");
  }
}

}  // namespace

const char* way_name(Way way) {
  switch (way) {
    case Way::kDirect:
      return "mount";
    case Way::kFusermount:
      return "fusermount";
    case Way::kNamespace:
      return "namespace";
  }
  return "";
}

MountState look_at_mount(const std::string& point, Fd* hold) {
  const int fd = ::open(point.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return errno == ENOTCONN || errno == EIO ? MountState::kStale : MountState::kNone;
  *hold = Fd(real_sys(), fd);
  struct statfs info {};
  if (::fstatfs(fd, &info) != 0) return MountState::kStale;
  return info.f_type == kFuseMagic ? MountState::kLive : MountState::kNone;
}

Fd mount_fuse(Way way, const std::string& point) {
  if (way == Way::kFusermount) return by_fusermount(point);
  if (way == Way::kNamespace) enter_namespace();
  return by_mount(point);
}

bool unmount(Way way, const std::string& point, bool lazily) {
  if (way != Way::kFusermount) {
    return ::umount2(point.c_str(), UMOUNT_NOFOLLOW | (lazily ? MNT_DETACH : 0)) == 0;
  }
  const char* helper = find_helper();
  if (helper == nullptr) return false;
  std::vector<std::string> arguments = {helper, "-u", "-q"};
  if (lazily) arguments.emplace_back("-z");
  arguments.emplace_back("--");
  arguments.push_back(point);
  return run_helper(arguments, -1) == 0;
}

void drop_stale_mount(const std::string& point) {
  if (!unmount(Way::kDirect, point, true)) unmount(Way::kFusermount, point, true);
}

}  // namespace eb::image
