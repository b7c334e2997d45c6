#include "installer/check/child_process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <utility>

#include "installer/base/error.hpp"
#include "installer/base/file.hpp"
#include "installer/check/process_tree.hpp"

namespace eb {
namespace {

using Clock = std::chrono::steady_clock;

constexpr Milliseconds kTick{50};      // how often `stopped` is asked
constexpr Milliseconds kShortTick{5};  // once both pipes are closed and only the end is awaited
constexpr size_t kReadBytes = 32u << 10;
constexpr int kReadsATurn = 4;  // so that a flood does not keep the deadline from being seen
constexpr int kLastReads = 64;  // after the end: a pipe holds 64 KiB, at most 1 MiB

struct Pipe {
  Fd reading;
  Fd writing;
};

// Above the three standard descriptors: where the caller has closed one of those, a pipe's end
// could be 1 and would be overwritten while the child's descriptors are put in place.
Fd moved_up(Sys& sys, Fd fd) {
  if (fd.get() > STDERR_FILENO) return fd;
  const int above = ::fcntl(fd.get(), F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
  if (above < 0) throw system_error(errno, "cannot make a pipe", "fcntl");
  return {sys, above};
}

Pipe make_pipe(Sys& sys) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw system_error(errno, "cannot make a pipe", "pipe2");
  Fd reading(sys, ends[0]);
  Fd writing(sys, ends[1]);
  reading = moved_up(sys, std::move(reading));
  writing = moved_up(sys, std::move(writing));
  // Only our end: the ends of a pipe have their own flags.
  ::fcntl(reading.get(), F_SETFL, O_NONBLOCK);
  return {std::move(reading), std::move(writing)};
}

// /dev/null, or where there is none (a bare chroot) a pipe that is at its end.
Fd empty_input(Sys& sys) {
  const int fd = sys.openat(AT_FDCWD, "/dev/null", O_RDONLY | O_CLOEXEC, 0);
  return fd >= 0 ? moved_up(sys, Fd(sys, fd)) : make_pipe(sys).reading;
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> out;
  out.reserve(texts.size() + 1);
  for (const std::string& text : texts) out.push_back(const_cast<char*>(text.c_str()));
  out.push_back(nullptr);
  return out;
}

class SpawnSettings {
 public:
  SpawnSettings() {
    posix_spawn_file_actions_init(&actions_);
    posix_spawnattr_init(&attributes_);
  }
  ~SpawnSettings() {
    posix_spawnattr_destroy(&attributes_);
    posix_spawn_file_actions_destroy(&actions_);
  }
  SpawnSettings(const SpawnSettings&) = delete;
  SpawnSettings& operator=(const SpawnSettings&) = delete;

  void connect(const Fd& fd, int as) { posix_spawn_file_actions_adddup2(&actions_, fd.get(), as); }
  // What the installer itself was started with: a child that is given up must not keep somebody's
  // pipe open. Ours are all closed by execve.
  void close_inherited(Sys& sys) {
    std::vector<DirEntry> names;
    const int dir = sys.openat(AT_FDCWD, "/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    const Fd listed(sys, dir);
    if (dir < 0 || sys.list(dir, &names) < 0) return;
    for (const DirEntry& name : names) {
      const int fd = std::atoi(name.name.c_str());
      const int flags = fd > STDERR_FILENO ? ::fcntl(fd, F_GETFD) : -1;
      // One that is gone by then is no error for posix_spawn.
      if (flags >= 0 && (flags & FD_CLOEXEC) == 0) {
        posix_spawn_file_actions_addclose(&actions_, fd);
      }
    }
  }
  // 0, or the errno of the start. glibc starts the child as vfork does, reports a failed execve and
  // returns when the program runs.
  int start(const ChildCommand& command, pid_t* pid) {
    sigset_t none;
    sigemptyset(&none);
    sigset_t defaults;
    sigemptyset(&defaults);
    // What the installer ignores for itself would stay ignored across execve.
    for (const int signal : {SIGPIPE, SIGXFSZ, SIGCHLD}) sigaddset(&defaults, signal);
    posix_spawnattr_setsigmask(&attributes_, &none);
    posix_spawnattr_setsigdefault(&attributes_, &defaults);
    posix_spawnattr_setpgroup(&attributes_, 0);
    posix_spawnattr_setflags(
        &attributes_, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    return posix_spawn(pid, command.arguments.front().c_str(), &actions_, &attributes_,
                       pointers(command.arguments).data(), pointers(command.environment).data());
  }

 private:
  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
};

class Child {
 public:
  Child(Sys& sys, const ChildBounds& bounds, const LineHandler& on_line)
      : sys_(sys), bounds_(bounds), on_line_(on_line) {}
  ~Child() {
    if (!running_) return;
    // Only an exception leads here.
    find_descendants();
    kill_all(SIGKILL);
    const Clock::time_point until = Clock::now() + bounds_.kill_grace;
    while (!has_ended() && Clock::now() < until) sleep_for(kShortTick);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  int start(const ChildCommand& command) {
    const Fd input = empty_input(sys_);
    Pipe out = make_pipe(sys_);
    Pipe err = make_pipe(sys_);
    SpawnSettings settings;
    settings.close_inherited(sys_);
    settings.connect(input, STDIN_FILENO);
    settings.connect(out.writing, STDOUT_FILENO);
    settings.connect(err.writing, STDERR_FILENO);
    begin_ = Clock::now();
    deadline_ = begin_ + bounds_.first_limit;
    if (const int error = settings.start(command, &pid_); error != 0) return error;
    running_ = true;
    result_.pid = pid_;
    // A crash is reported here; a core file of a process with a GPU's address space helps nobody.
    const rlimit no_core{0, 0};
    ::prlimit(pid_, RLIMIT_CORE, &no_core, nullptr);
    out_ = std::move(out.reading);
    err_ = std::move(err.reading);
    return 0;
  }

  ChildResult watch(const std::function<bool()>& stopped) {
    while (true) {
      wait_for_output();
      // What was written in time counts, also when the installer itself slept meanwhile (Ctrl-Z).
      read_output(kReadsATurn);
      if (has_ended()) break;
      if (result_.cut == ChildCut::kNone) {
        if (stopped && stopped()) {
          end_it(ChildCut::kStopped);
        } else if (Clock::now() >= deadline_) {
          end_it(ChildCut::kDeadline);
        }
      } else if (!killed_ && Clock::now() >= next_step_) {
        find_descendants();
        kill_all(SIGKILL);
        killed_ = true;
        next_step_ = Clock::now() + bounds_.kill_grace;
      } else if (killed_ && Clock::now() >= next_step_) {
        result_.abandoned = true;
        result_.abandoned_state = read_process(sys_, pid_).state;
        running_ = false;
        break;
      }
    }
    // A last line without its newline was cut off and is dropped: half a number is a wrong number.
    if (!result_.abandoned) read_output(kLastReads);
    result_.seconds = std::chrono::duration<double>(Clock::now() - begin_).count();
    return std::move(result_);
  }

 private:
  static void sleep_for(Milliseconds time) {
    ::poll(nullptr, 0, static_cast<int>(time.count()));  // a signal ends it early
  }

  void send(pid_t target, int signal) {
    if (bounds_.send_signal) {
      bounds_.send_signal(target, signal);
    } else {
      ::kill(target, signal);
    }
  }

  // While the leader is not reaped its number cannot become another process's, nor another group's.
  void kill_all(int signal) {
    send(-pid_, signal);
    for (const ProcessEntry& each : descendants_) {
      if (read_process(sys_, each.pid).start == each.start) send(each.pid, signal);
    }
  }

  // Before anything dies: orphans have another parent and can no longer be told.
  void find_descendants() {
    for (ProcessEntry& each : descendants_of(sys_, pid_)) {
      const auto same = [&](const ProcessEntry& known) {
        return known.pid == each.pid && known.start == each.start;
      };
      if (std::ranges::none_of(descendants_, same)) descendants_.push_back(std::move(each));
    }
  }

  void end_it(ChildCut why) {
    result_.cut = why;
    find_descendants();
    // Only the group: a launcher of workers (torchrun) ends those that it put elsewhere itself.
    send(-pid_, SIGTERM);
    next_step_ = Clock::now() + bounds_.term_grace;
  }

  void wait_for_output() {
    pollfd polled[2];
    nfds_t count = 0;
    for (const Fd* fd : {&out_, &err_}) {
      if (*fd) polled[count++] = {fd->get(), POLLIN, 0};
    }
    const Clock::time_point due = result_.cut == ChildCut::kNone ? deadline_ : next_step_;
    const auto left =
        std::chrono::duration_cast<Milliseconds>(due - Clock::now()) + Milliseconds(1);
    const Milliseconds tick = count == 0 ? kShortTick : kTick;
    ::poll(polled, count, static_cast<int>(std::clamp(left, Milliseconds(0), tick).count()));
  }

  void read_output(int most) {
    for (int i = 0; i < most && read_some(out_, true); ++i) {
    }
    for (int i = 0; i < most && read_some(err_, false); ++i) {
    }
  }

  // Whether there may be more at once.
  bool read_some(Fd& fd, bool is_output) {
    if (!fd) return false;
    char buffer[kReadBytes];
    const ssize_t got = sys_.read(fd.get(), buffer, sizeof buffer);
    if (got == -EINTR) return true;
    if (got == -EAGAIN) return false;
    if (got <= 0) {
      fd.reset();
      return false;
    }
    const std::string_view text(buffer, static_cast<size_t>(got));
    if (is_output) {
      take_output(text);
    } else {
      take_error(text);
    }
    return true;
  }

  void take_output(std::string_view text) {
    // What a child says while it is being ended is read, so that it can end, and not believed.
    if (result_.cut != ChildCut::kNone) return;
    output_bytes_ += text.size();
    while (!text.empty() && result_.cut == ChildCut::kNone) {
      const size_t end = text.find('\n');
      const std::string_view part = text.substr(0, end);
      if (line_.size() + part.size() > bounds_.line_bytes) {
        is_too_long_ = true;
        line_.clear();
      }
      if (!is_too_long_) line_ += part;
      if (end == std::string_view::npos) break;
      text.remove_prefix(end + 1);
      take_line();
    }
    if (result_.cut == ChildCut::kNone && output_bytes_ > bounds_.output_bytes) too_much();
  }

  void take_line() {
    if (result_.cut != ChildCut::kNone) return;
    const std::string line = std::exchange(line_, {});
    if (++lines_ > bounds_.lines) {
      too_much();
    } else if (std::exchange(is_too_long_, false)) {
      ++result_.long_lines;
    } else if (const auto limit = on_line_(line)) {
      deadline_ = Clock::now() + *limit;
    }
  }

  void too_much() {
    if (has_ended()) {
      result_.cut = ChildCut::kTooMuchOutput;
    } else {
      end_it(ChildCut::kTooMuchOutput);
    }
  }

  void take_error(std::string_view text) {
    std::string& tail = result_.error_tail;
    tail += text;
    if (tail.size() > bounds_.error_tail_bytes)
      tail.erase(0, tail.size() - bounds_.error_tail_bytes);
  }

  // Reaps the leader when it has ended, after its group was ended.
  bool has_ended() {
    if (!running_) return true;
    siginfo_t info{};
    int answer = 0;
    do {
      answer = ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT);
    } while (answer != 0 && errno == EINTR);
    // ECHILD: the caller's parent told the kernel to reap by itself (SIGCHLD ignored).
    if (answer == 0 && info.si_pid == 0) return false;
    if (answer == 0) {
      if (info.si_code == CLD_EXITED) {
        result_.exit_code = info.si_status;
      } else {
        result_.signal = info.si_status;
      }
    }
    kill_all(SIGKILL);
    while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
    running_ = false;
    return true;
  }

  Sys& sys_;
  const ChildBounds& bounds_;
  const LineHandler& on_line_;
  ChildResult result_;
  pid_t pid_ = 0;
  bool running_ = false;
  bool killed_ = false;
  Fd out_;
  Fd err_;
  Clock::time_point begin_;
  Clock::time_point deadline_;
  Clock::time_point next_step_;  // after a cut: when SIGKILL, or giving up, is due
  std::vector<ProcessEntry> descendants_;
  std::string line_;
  bool is_too_long_ = false;
  size_t output_bytes_ = 0;
  size_t lines_ = 0;
};

}  // namespace

ChildResult run_child(Sys& sys, const ChildCommand& command, const ChildBounds& bounds,
                      const std::function<bool()>& stopped, const LineHandler& on_line) {
  Child child(sys, bounds, on_line);
  if (const int error = child.start(command); error != 0) {
    ChildResult out;
    out.start_error = error;
    return out;
  }
  return child.watch(stopped);
}

}  // namespace eb
