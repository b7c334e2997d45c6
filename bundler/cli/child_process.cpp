#include "bundler/cli/child_process.hpp"

#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

#include "bundler/cli/interruption.hpp"
#include "installer/base/error.hpp"

namespace eb {
namespace {

constexpr size_t kMaxErrors = 16u << 10;
constexpr int kInputDescriptor = 3;

Fd memory_file(const char* name) {
  Fd fd(real_sys(), ::memfd_create(name, MFD_CLOEXEC));
  if (!fd) throw system_error(errno, "cannot make a file in memory", name);
  return fd;
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> out;
  out.reserve(texts.size() + 1);
  for (const std::string& text : texts) out.push_back(const_cast<char*>(text.c_str()));
  out.push_back(nullptr);
  return out;
}

/// posix_spawn's two objects, freed together.
struct SpawnSettings {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  SpawnSettings() {
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
  }
  ~SpawnSettings() {
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
  }
  SpawnSettings(const SpawnSettings&) = delete;
  SpawnSettings& operator=(const SpawnSettings&) = delete;
};

pid_t spawn(const ChildProcess& child, int input, int output, int errors) {
  SpawnSettings settings;
  posix_spawn_file_actions_addchdir_np(&settings.actions, child.folder.c_str());
  posix_spawn_file_actions_addopen(&settings.actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&settings.actions, output, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&settings.actions, errors, STDERR_FILENO);
  posix_spawn_file_actions_adddup2(&settings.actions, input, kInputDescriptor);
  posix_spawn_file_actions_addclosefrom_np(&settings.actions, kInputDescriptor + 1);
  // Signals are blocked or ignored here (interruption.cpp), and a child would inherit that.
  sigset_t none;
  sigset_t reset;
  sigemptyset(&none);
  sigemptyset(&reset);
  sigaddset(&reset, SIGPIPE);
  posix_spawnattr_setsigmask(&settings.attributes, &none);
  posix_spawnattr_setsigdefault(&settings.attributes, &reset);
  posix_spawnattr_setflags(&settings.attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  pid_t pid = 0;
  const int error =
      posix_spawn(&pid, child.argv.front().c_str(), &settings.actions, &settings.attributes,
                  pointers(child.argv).data(), pointers(child.environment).data());
  if (error != 0) throw system_error(error, "cannot start the program", child.argv.front());
  return pid;
}

void read_lines(int fd, const std::function<void(std::string_view)>& on_line) {
  std::string pending;
  std::array<char, 65536> buffer{};
  while (true) {
    const ssize_t got = ::read(fd, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    pending.append(buffer.data(), static_cast<size_t>(got));
    size_t begin = 0;
    for (size_t end = 0; (end = pending.find('\n', begin)) != std::string::npos; begin = end + 1) {
      on_line(std::string_view(pending).substr(begin, end - begin));
    }
    pending.erase(0, begin);
  }
  if (!pending.empty()) on_line(pending);
}

std::string tail_of(int fd) {
  const off_t size = ::lseek(fd, 0, SEEK_END);
  const off_t from = std::max<off_t>(0, size - static_cast<off_t>(kMaxErrors));
  std::string out(static_cast<size_t>(std::max<off_t>(0, size - from)), '\0');
  out.resize(pread_up_to(real_sys(), fd, out.data(), out.size(), static_cast<uint64_t>(from),
                         "messages of a child process"));
  return out;
}

}  // namespace

ChildResult run_child(const ChildProcess& child,
                      const std::function<void(std::string_view)>& on_line) {
  const Fd input = memory_file("child-input");
  pwrite_all(real_sys(), input.get(), as_bytes(child.input), 0, "input of a child process");
  const Fd errors = memory_file("child-errors");
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw system_error(errno, "cannot make a pipe", "");
  const Fd reader(real_sys(), ends[0]);
  Fd writer(real_sys(), ends[1]);
  const pid_t pid = spawn(child, input.get(), writer.get(), errors.get());
  register_child(pid);
  writer.reset();
  std::exception_ptr failure;
  try {
    read_lines(reader.get(), on_line);
  } catch (...) {
    // The child must be waited for first.
    failure = std::current_exception();
    ::kill(pid, SIGTERM);
  }
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  register_child(0);
  if (failure) std::rethrow_exception(failure);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), tail_of(errors.get())};
}

}  // namespace eb
