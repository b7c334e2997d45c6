#include "runtime/envrun/core/program.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <iostream>

#include "installer/base/error.hpp"

namespace eb {
namespace {

volatile sig_atomic_t child_pid = 0;

// A terminal sends SIGINT and SIGQUIT to the whole group: passing those on would deliver them
// twice.
extern "C" void pass_on(int signal, siginfo_t* info, void*) {
  const int saved = errno;
  const bool from_terminal = info != nullptr && info->si_code == SI_KERNEL;
  if (child_pid > 0 && !from_terminal) kill(static_cast<pid_t>(child_pid), signal);
  errno = saved;
}

// SIGCHLD only has to interrupt a pause.
extern "C" void wake_up(int, siginfo_t*, void*) {}

constexpr std::array kPassedOn = {SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGCONT};

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> out;
  out.reserve(texts.size() + 1);
  for (std::string& text : texts) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

// argv and environ as execve(2) takes them, made before a fork: afterwards nothing may allocate.
class StartTexts {
 public:
  explicit StartTexts(const Program& program)
      : argument_texts_(program.arguments),
        variable_texts_(program.variables.entries()),
        arguments_(pointers(argument_texts_)),
        variables_(pointers(variable_texts_)) {}
  StartTexts(const StartTexts&) = delete;
  StartTexts& operator=(const StartTexts&) = delete;

  char* const* arguments() const { return arguments_.data(); }
  char* const* variables() const { return variables_.data(); }

 private:
  std::vector<std::string> argument_texts_;
  std::vector<std::string> variable_texts_;
  std::vector<char*> arguments_;
  std::vector<char*> variables_;
};

int report_start_failure(const std::string& path, int error) {
  Error message(ExitCode::kIo, "cannot start " + path);
  message.why(std::strerror(error));
  if (error == ENOENT) message.hint("the file, or the interpreter that it names, is missing");
  if (error == EACCES) message.hint("it must be executable, on a file system without noexec");
  std::cerr << render_error("envrun", message) << std::flush;
  return error == ENOENT ? kNotFound : kCannotStart;
}

// Only what is async-signal-safe: between fork and exec. Never returns on success.
int start_here(const Program& program, char* const* arguments, char* const* variables) {
  if (program.before) {
    if (const int error = program.before(); error != 0) return error;
  }
  execve(program.path.c_str(), arguments, variables);
  return errno;
}

class PassedOnSignals {
 public:
  PassedOnSignals() {
    // Where the parent ignores SIGCHLD, the kernel would not keep exit codes.
    struct sigaction waking {};
    waking.sa_sigaction = wake_up;
    waking.sa_flags = SA_SIGINFO | SA_RESTART;
    sigemptyset(&waking.sa_mask);
    sigaction(SIGCHLD, &waking, &child_before_);
    for (size_t i = 0; i < kPassedOn.size(); ++i) {
      struct sigaction action {};
      action.sa_sigaction = pass_on;
      action.sa_flags = SA_SIGINFO | SA_RESTART;
      sigemptyset(&action.sa_mask);
      sigaction(kPassedOn[i], &action, &before_[i]);
      // What the parent told to ignore stays so (nohup).
      if (before_[i].sa_handler == SIG_IGN) sigaction(kPassedOn[i], &before_[i], nullptr);
    }
  }
  ~PassedOnSignals() { restore(); }
  PassedOnSignals(const PassedOnSignals&) = delete;
  PassedOnSignals& operator=(const PassedOnSignals&) = delete;
  void restore() const {
    sigaction(SIGCHLD, &child_before_, nullptr);
    for (size_t i = 0; i < kPassedOn.size(); ++i) sigaction(kPassedOn[i], &before_[i], nullptr);
  }

 private:
  std::array<struct sigaction, kPassedOn.size()> before_{};
  struct sigaction child_before_ {};
};

// Until the child has ended; returns its status. SIGCHLD must be blocked, so that none comes
// between the look and the pause.
int watch_program(const Program& program, pid_t child) {
  sigset_t awake;
  sigprocmask(SIG_SETMASK, nullptr, &awake);
  sigdelset(&awake, SIGCHLD);
  bool is_file_gone = false;
  for (;;) {
    int status = 0;
    pid_t ended = 0;
    while ((ended = waitpid(-1, &status, WNOHANG)) > 0) {
      if (ended == child) return status;
    }
    if (ended < 0 && errno == ECHILD) return 0;  // somebody else waited for it
    const WatchPause pause = program.watch(child);
    const auto ms = pause.at_most.count();
    const timespec timeout{.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    pollfd file{.fd = is_file_gone ? -1 : pause.fd, .events = POLLPRI, .revents = 0};
    if (ppoll(&file, 1, &timeout, &awake) > 0) {
      // Only reading arms it again. A file that is gone would end every pause at once.
      std::array<char, 256> content{};
      is_file_gone = pread(pause.fd, content.data(), content.size(), 0) < 0;
    }
  }
}

int wait_for_program(const Program& program, pid_t child) {
  if (program.watch) return watch_program(program, child);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

}  // namespace

int execute_program(const Program& program) {
  const StartTexts texts(program);
  std::cout.flush();
  std::cerr.flush();
  return report_start_failure(program.path,
                              start_here(program, texts.arguments(), texts.variables()));
}

int run_program(const Program& program) {
  const StartTexts texts(program);
  std::cout.flush();
  std::cerr.flush();
  std::array<int, 2> failure{};
  if (pipe2(failure.data(), O_CLOEXEC) != 0) throw system_error(errno, "cannot make a pipe", "");

  child_pid = 0;
  const PassedOnSignals signals;
  // Until the child is known, a signal waits.
  sigset_t all, before;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, &before);
  const pid_t child = fork();
  if (child == 0) {
    signals.restore();
    sigprocmask(SIG_SETMASK, &before, nullptr);
    close(failure[0]);
    const int error = start_here(program, texts.arguments(), texts.variables());
    [[maybe_unused]] const ssize_t told = write(failure[1], &error, sizeof error);
    _exit(kCannotStart);
  }
  const int fork_error = errno;
  child_pid = child > 0 ? child : 0;
  sigset_t meanwhile = before;
  if (program.watch) sigaddset(&meanwhile, SIGCHLD);
  sigprocmask(SIG_SETMASK, &meanwhile, nullptr);
  close(failure[1]);
  if (child < 0) {
    close(failure[0]);
    sigprocmask(SIG_SETMASK, &before, nullptr);
    return report_start_failure(program.path, fork_error);
  }
  int start_error = 0;
  ssize_t told = 0;
  do told = read(failure[0], &start_error, sizeof start_error);
  while (told < 0 && errno == EINTR);
  close(failure[0]);
  const int status = wait_for_program(program, child);
  child_pid = 0;
  sigprocmask(SIG_SETMASK, &before, nullptr);
  if (told == sizeof start_error) return report_start_failure(program.path, start_error);
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

std::string find_program(Sys& sys, const std::string& name, const std::string& path) {
  const auto is_program = [&](const std::string& candidate) {
    struct stat info {};
    return sys.fstatat(AT_FDCWD, candidate.c_str(), &info, 0) == 0 && S_ISREG(info.st_mode) &&
           sys.faccessat(AT_FDCWD, candidate.c_str(), X_OK) == 0;
  };
  if (name.empty()) return "";
  if (name.find('/') != std::string::npos) return is_program(name) ? name : "";
  const std::string all = path + ":";
  for (size_t begin = 0; begin < all.size();) {
    const size_t end = all.find(':', begin);
    const std::string directory = all.substr(begin, end - begin);
    std::string candidate = (directory.empty() ? "." : directory) + "/" + name;
    if (is_program(candidate)) return candidate;
    begin = end + 1;
  }
  return "";
}

}  // namespace eb
