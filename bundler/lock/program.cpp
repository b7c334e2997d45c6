#include "bundler/lock/program.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "installer/base/error.hpp"
#include "installer/base/file.hpp"

extern char** environ;  // NOLINT(readability-redundant-declaration)

namespace eb {
namespace {

constexpr size_t kMaxOutput = size_t{256} << 20;
constexpr size_t kMaxErrors = size_t{64} << 10;

struct Pipe {
  Fd read, write;
};

Pipe make_pipe() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) throw system_error(errno, "cannot make a pipe", "");
  return {Fd(real_sys(), ends[0]), Fd(real_sys(), ends[1])};
}

/// posix_spawn's file actions with the destructor that they lack.
class FileActions {
 public:
  FileActions() { posix_spawn_file_actions_init(&actions_); }
  ~FileActions() { posix_spawn_file_actions_destroy(&actions_); }
  FileActions(const FileActions&) = delete;
  FileActions& operator=(const FileActions&) = delete;
  posix_spawn_file_actions_t* get() { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_;
};

/// Waits for the child, whatever happens to its reader: no zombie, and nothing left running.
class Child {
 public:
  explicit Child(pid_t pid) : pid_(pid) {}
  ~Child() {
    if (pid_ < 0) return;
    kill(pid_, SIGKILL);
    wait();
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  int wait() {
    int status = 0;
    while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  }

 private:
  pid_t pid_;
};

std::vector<std::string> environment_of(const Program& program) {
  auto changes = program.environment;
  changes.emplace_back("LC_ALL", "C.UTF-8");
  std::vector<std::string> out;
  for (char** at = environ; *at != nullptr; ++at) {
    const std::string_view entry(*at);
    const std::string_view name = entry.substr(0, entry.find('='));
    const bool changed = std::any_of(changes.begin(), changes.end(),
                                     [&](const auto& change) { return change.first == name; });
    if (!changed) out.emplace_back(entry);
  }
  for (const auto& [name, value] : changes) {
    if (!value.empty()) out.emplace_back(name).append("=").append(value);
  }
  return out;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> out;
  out.reserve(texts.size() + 1);
  for (auto& text : texts) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

/// Appends what is there; false at the end.
bool read_some(const Fd& fd, std::string& out) {
  std::array<char, 65536> buffer;
  const ssize_t count = real_sys().read(fd.get(), buffer.data(), buffer.size());
  if (count == -EINTR) return true;
  if (count <= 0) return false;
  out.append(buffer.data(), static_cast<size_t>(count));
  return true;
}

void collect(const Program& program, Fd output, Fd errors, ProgramResult& result) {
  bool output_open = true;
  bool errors_open = true;
  while (output_open || errors_open) {
    std::array<pollfd, 2> polled = {pollfd{output_open ? output.get() : -1, POLLIN, 0},
                                    pollfd{errors_open ? errors.get() : -1, POLLIN, 0}};
    if (poll(polled.data(), polled.size(), -1) < 0) {
      if (errno == EINTR) continue;
      throw system_error(errno, "cannot read what a program says", program.argv[0]);
    }
    if (polled[0].revents != 0) output_open = read_some(output, result.output);
    if (polled[1].revents != 0) errors_open = read_some(errors, result.errors);
    if (result.output.size() > kMaxOutput) {
      throw Error(ExitCode::kIo, "a program writes without end").where(program.argv[0]);
    }
    if (result.errors.size() > 2 * kMaxErrors) {
      result.errors.erase(0, result.errors.size() - kMaxErrors);
    }
  }
}

}  // namespace

ProgramResult run_program(const Program& program) {
  Pipe output = make_pipe();
  Pipe errors = make_pipe();
  FileActions actions;
  posix_spawn_file_actions_addopen(actions.get(), STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(actions.get(), output.write.get(), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(actions.get(), errors.write.get(), STDERR_FILENO);
  std::vector<std::string> arguments = program.argv;
  std::vector<std::string> variables = environment_of(program);
  pid_t pid = -1;
  const int problem = posix_spawnp(&pid, program.argv[0].c_str(), actions.get(), nullptr,
                                   pointers(arguments).data(), pointers(variables).data());
  if (problem != 0) {
    throw Error(ExitCode::kInternal, "cannot run a program")
        .where(program.argv[0])
        .why(std::strerror(problem));  // NOLINT(concurrency-mt-unsafe)
  }
  Child child(pid);
  output.write.reset();
  errors.write.reset();
  ProgramResult out;
  collect(program, std::move(output.read), std::move(errors.read), out);
  out.status = child.wait();
  return out;
}

bool program_exists(const std::string& name) {
  const auto runnable = [](const std::string& path) {
    std::error_code ignored;
    return real_sys().faccessat(AT_FDCWD, path.c_str(), X_OK) == 0 &&
           !std::filesystem::is_directory(path, ignored);
  };
  if (name.find('/') != std::string::npos) return runnable(name);
  const char* path = std::getenv("PATH");  // NOLINT(concurrency-mt-unsafe)
  std::string_view rest = path == nullptr ? "/usr/bin:/bin" : path;
  while (!rest.empty()) {
    const size_t end = std::min(rest.find(':'), rest.size());
    if (end > 0 && runnable(std::string(rest.substr(0, end)) + "/" + name)) return true;
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return false;
}

std::string last_lines(const std::string& text, size_t count) {
  std::string_view rest = text;
  while (!rest.empty() && rest.back() == '\n') rest.remove_suffix(1);
  size_t begin = rest.size();
  while (begin > 0) {
    if (rest[begin - 1] == '\n' && --count == 0) break;
    --begin;
  }
  return std::string(rest.substr(begin));
}

}  // namespace eb
