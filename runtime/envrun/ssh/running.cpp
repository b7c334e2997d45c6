#include "runtime/envrun/ssh/running.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

#include "installer/base/error.hpp"

namespace eb {
namespace {

constexpr int kStopSeconds = 15;

// The process of the pid file; 0 when it is gone, or when its number has become another's: ours has
// its own name and this sub-command among its words.
pid_t running_pid(const World& world, const SshdFolders& folders) {
  try {
    const std::string text = read_text(world.sys, folders.pid_file());
    const auto pid = static_cast<pid_t>(std::strtol(text.c_str(), nullptr, 10));
    if (pid <= 1) return 0;
    const std::string process = "/proc/" + std::to_string(pid);
    const int fd =
        world.sys.openat(AT_FDCWD, (process + "/cmdline").c_str(), O_RDONLY | O_CLOEXEC, 0);
    if (fd < 0) return 0;
    std::string words(4096, '\0');
    const ssize_t size = world.sys.read(fd, words.data(), words.size());
    struct stat info {};
    const bool is_mine = world.sys.fstat(fd, &info) == 0 && info.st_uid == world.uid;
    world.sys.close(fd);
    words.resize(size > 0 ? static_cast<size_t>(size) : 0);
    const std::string name = words.substr(0, words.find('\0'));
    const bool is_envrun = name.substr(name.rfind('/') + 1) == kProgramName;
    return is_mine && is_envrun && words.find(std::string("\0sshd\0", 6)) != words.npos ? pid : 0;
  } catch (const Error&) {
    return 0;
  }
}

}  // namespace

RunFiles::~RunFiles() {
  for (const std::string& file :
       {folders_.config(), folders_.pid_file(), folders_.sshd_pid_file()}) {
    sys_->unlinkat(AT_FDCWD, file.c_str(), 0);
  }
  sys_->unlinkat(AT_FDCWD, folders_.run.c_str(), AT_REMOVEDIR);
}

std::string running_server(const World& world, const SshdFolders& folders) {
  const pid_t pid = running_pid(world, folders);
  return pid > 0 ? "your own envrun sshd, process " + std::to_string(pid) : "";
}

int stop_running(World& world, const SshdFolders& folders) {
  const pid_t pid = running_pid(world, folders);
  if (pid == 0) {
    throw Error(ExitCode::kUsage, "no sshd of yours runs on that port of this machine")
        .where(folders.run)
        .hint("--port names the port that it was started with; other nodes are asked there");
  }
  if (kill(pid, SIGTERM) != 0) {
    throw system_error(errno, "cannot end sshd", "process " + std::to_string(pid));
  }
  for (int i = 0; i < kStopSeconds * 20; ++i) {
    if (running_pid(world, folders) != pid) {
      tell(world, "sshd has ended, process " + std::to_string(pid));
      return 0;
    }
    usleep(50'000);
  }
  throw Error(ExitCode::kBusy, "sshd has not ended yet")
      .where("process " + std::to_string(pid))
      .hint("try again, or 'kill -KILL " + std::to_string(pid) + "'");
}

}  // namespace eb
