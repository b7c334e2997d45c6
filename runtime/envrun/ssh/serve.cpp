#include "runtime/envrun/ssh/serve.hpp"

#include <dirent.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <map>

#include "installer/base/error.hpp"

namespace eb {
namespace {

using Clock = std::chrono::steady_clock;

sigset_t waited_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int each : {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGCHLD}) sigaddset(&set, each);
  return set;
}

// While it lives the signals wait for sigtimedwait().
class HeldSignals {
 public:
  HeldSignals() {
    const sigset_t set = waited_signals();
    sigprocmask(SIG_BLOCK, &set, &before_);
  }
  ~HeldSignals() { restore(); }
  HeldSignals(const HeldSignals&) = delete;
  HeldSignals& operator=(const HeldSignals&) = delete;
  void restore() const { sigprocmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_{};
};

// The next signal within `seconds`, else 0.
int next_signal(time_t seconds) {
  const sigset_t set = waited_signals();
  const timespec limit{seconds, 0};
  const int signal = sigtimedwait(&set, nullptr, &limit);
  return signal > 0 ? signal : 0;
}

// Takes every ended child; true when `server` was among them, with its status.
bool reap(pid_t server, int& status) {
  bool ended = false;
  int each = 0;
  for (pid_t pid = waitpid(-1, &each, WNOHANG); pid > 0; pid = waitpid(-1, &each, WNOHANG)) {
    if (pid != server) continue;
    ended = true;
    status = each;
  }
  return ended;
}

// The parent of a process that is no zombie; 0 where that cannot be read.
pid_t parent_of(const std::string& pid) {
  std::ifstream file("/proc/" + pid + "/stat");
  std::string text;
  std::getline(file, text);
  // The name before the state may hold anything, also ")".
  const size_t name_end = text.rfind(')');
  if (name_end == std::string::npos || text.size() < name_end + 4 || text[name_end + 2] == 'Z') {
    return 0;
  }
  return static_cast<pid_t>(std::strtol(text.c_str() + name_end + 4, nullptr, 10));
}

void end_descendants() {
  const auto deadline = Clock::now() + std::chrono::seconds(kGraceSeconds);
  // What is asked first may start something new meanwhile: so again until nothing is left, in the
  // end without asking. A process in an uninterruptible wait is given up after twice the time.
  for (bool asked = false;; asked = true) {
    int ignored = 0;
    reap(0, ignored);
    const std::vector<pid_t> left = descendants_of(getpid());
    if (left.empty()) return;
    const auto now = Clock::now();
    if (now > deadline + std::chrono::seconds(kGraceSeconds)) return;
    for (const pid_t pid : left) {
      if (now > deadline) {
        kill(pid, SIGKILL);
      } else if (!asked) {
        // A shell at its prompt obeys only SIGHUP; a stopped process only after SIGCONT.
        kill(pid, SIGTERM);
        kill(pid, SIGHUP);
        kill(pid, SIGCONT);
      }
    }
    usleep(50'000);
  }
}

int start_failure(const Program& program, int error) {
  std::cerr << render_error("envrun", system_error(error, "cannot start sshd", program.path))
            << std::flush;
  return error == ENOENT ? kNotFound : kCannotStart;
}

}  // namespace

std::vector<pid_t> descendants_of(pid_t ancestor) {
  std::multimap<pid_t, pid_t> children;
  if (DIR* proc = opendir("/proc"); proc != nullptr) {
    for (const dirent* entry = readdir(proc); entry != nullptr; entry = readdir(proc)) {
      const std::string name = static_cast<const char*>(entry->d_name);
      if (name.find_first_not_of("0123456789") != std::string::npos) continue;
      if (const pid_t parent = parent_of(name); parent > 0) {
        children.emplace(parent, static_cast<pid_t>(std::strtol(name.c_str(), nullptr, 10)));
      }
    }
    closedir(proc);
  }
  std::vector<pid_t> found = {ancestor};
  for (size_t i = 0; i < found.size(); ++i) {
    const auto [begin, end] = children.equal_range(found[i]);
    for (auto each = begin; each != end; ++each) found.push_back(each->second);
  }
  found.erase(found.begin());
  return found;
}

int serve(const Program& program) {
  std::cout.flush();
  std::cerr.flush();
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  const HeldSignals held;
  const pid_t parent = getpid();
  const pid_t server = fork();
  if (server < 0) return start_failure(program, errno);
  if (server == 0) {
    // Whatever ends envrun, SIGKILL too, ends the listener.
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    held.restore();
    if (getppid() != parent) _exit(kCannotStart);
    _exit(execute_program(program));
  }
  int status = 0;
  bool told_to_stop = false;
  auto deadline = Clock::time_point::max();
  while (true) {
    const int signal = next_signal(1);
    if (reap(server, status)) break;
    if (Clock::now() > deadline) kill(server, SIGKILL);
    if (signal == 0 || signal == SIGCHLD || told_to_stop) continue;
    told_to_stop = true;
    deadline = Clock::now() + std::chrono::seconds(kGraceSeconds);
    kill(server, SIGTERM);
  }
  end_descendants();
  if (told_to_stop) return 0;
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace eb
