#include "runtime/envrun/doctor/ask.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>

namespace eb {
namespace {

constexpr size_t kMostBytes = 64u << 10;

struct Asked {
  pid_t child = -1;
  int answer = -1;
  std::string text;
  bool is_done = false;
};

Asked begin(const Question& question) {
  Asked out;
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return out;
  const pid_t child = fork();
  if (child == 0) {
    const int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) dup2(nothing, stream);
    question(ends[1]);
    _exit(0);
  }
  close(ends[1]);
  if (child < 0) {
    close(ends[0]);
    return out;
  }
  out.child = child;
  out.answer = ends[0];
  return out;
}

// False when there is nothing more to come.
bool read_some(Asked& asked) {
  std::array<char, 4096> buffer{};
  const ssize_t got = read(asked.answer, buffer.data(), buffer.size());
  if (got < 0) return errno == EINTR;
  if (got == 0) {
    asked.is_done = true;
    return false;
  }
  asked.text.append(buffer.data(), static_cast<size_t>(got));
  if (asked.text.size() < kMostBytes) return true;
  asked.is_done = true;
  return false;
}

void end(Asked& asked) {
  if (asked.answer >= 0) close(asked.answer);
  if (asked.child < 0) return;
  kill(asked.child, SIGKILL);
  // One that the kernel holds is nobody's business any more once this process has ended.
  for (int tries = 0; tries < 10 && waitpid(asked.child, nullptr, WNOHANG) == 0; ++tries) {
    usleep(1000);
  }
}

}  // namespace

std::vector<std::optional<std::string>> ask_all(const std::vector<Question>& questions,
                                                int limit_ms) {
  using Clock = std::chrono::steady_clock;
  const auto limit = Clock::now() + std::chrono::milliseconds(limit_ms);
  std::vector<Asked> asked;
  asked.reserve(questions.size());
  for (const Question& question : questions) asked.push_back(begin(question));
  while (true) {
    std::vector<pollfd> waiting;
    std::vector<Asked*> owners;
    for (Asked& each : asked) {
      if (each.answer < 0 || each.is_done) continue;
      waiting.push_back({each.answer, POLLIN, 0});
      owners.push_back(&each);
    }
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(limit - Clock::now()).count();
    if (waiting.empty() || left <= 0) break;
    if (poll(waiting.data(), waiting.size(), static_cast<int>(left)) < 0 && errno != EINTR) break;
    for (size_t i = 0; i < waiting.size(); ++i) {
      if (waiting[i].revents != 0 && !read_some(*owners[i])) owners[i]->is_done = true;
    }
  }
  std::vector<std::optional<std::string>> out;
  for (Asked& each : asked) {
    out.push_back(each.is_done ? std::optional(std::move(each.text)) : std::nullopt);
    end(each);
  }
  return out;
}

}  // namespace eb
