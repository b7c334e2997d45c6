#include "runtime/image/starter.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>

#include "installer/base/error.hpp"
#include "runtime/image/private_folder.hpp"
#include "runtime/image/serve.hpp"

namespace eb::image {
namespace {

constexpr int kReadySeconds = 60;  // a cold image on a slow file system
constexpr auto kLockLimit = std::chrono::seconds(120);
constexpr unsigned kIdleSeconds = 300;

// /tmp first: the same path for every login and job of a user, so that what remembers it (a virtual
// environment) works again once the image is mounted; a runtime folder goes with the last session.
std::vector<std::string> mount_parents() {
  std::vector<std::string> out;
  if (const auto own = variable("ENVIMAGE_DIR")) out.push_back(*own);
  out.emplace_back("/tmp");
  if (const auto runtime = variable("XDG_RUNTIME_DIR")) out.push_back(*runtime);
  for (const char* parent : {"/dev/shm", "/var/tmp"}) out.emplace_back(parent);
  if (const auto temporary = variable("TMPDIR")) out.push_back(*temporary);
  return out;
}

std::string start_of(pid_t pid) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/stat");
  std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  // Field 22; the name in brackets may hold anything.
  std::istringstream rest(text.substr(std::min(text.size(), text.rfind(')') + 1)));
  std::string field;
  for (int i = 3; i <= 22 && rest >> field; ++i) {
  }
  return rest ? field : std::string();
}

// The process that serves: "PID START WAY".
struct Server {
  pid_t pid = 0;
  std::string start;
  std::string way;
};

Server read_server(const std::string& folder) {
  Server out;
  std::ifstream in(folder + "/server");
  if (!(in >> out.pid >> out.start >> out.way) || out.pid <= 0) return {};
  return start_of(out.pid) == out.start ? out : Server{};
}

void write_server(const std::string& folder, const Server& server) {
  const std::string path = folder + "/server";
  const std::string text =
      std::to_string(server.pid) + " " + server.start + " " + server.way + "\n";
  const std::string temporary = "server." + std::to_string(::getpid());
  const Fd dir = open_dir_at(real_sys(), AT_FDCWD, folder.c_str(), folder);
  ::unlinkat(dir.get(), temporary.c_str(), 0);
  replace_file_at(real_sys(), dir.get(), "server", temporary.c_str(), as_bytes(text), 0600, path);
}

// Becomes a member of the server's namespaces; the working directory stays what it was.
bool join(const Server& server) {
  std::array<char, 4096> here{};
  const bool has_here = ::getcwd(here.data(), here.size()) != nullptr;
  const std::string folder = "/proc/" + std::to_string(server.pid) + "/ns/";
  const int user = ::open((folder + "user").c_str(), O_RDONLY | O_CLOEXEC);
  const int mounts = ::open((folder + "mnt").c_str(), O_RDONLY | O_CLOEXEC);
  const bool done = user >= 0 && mounts >= 0 && ::setns(user, CLONE_NEWUSER) == 0 &&
                    ::setns(mounts, CLONE_NEWNS) == 0;
  if (user >= 0) ::close(user);
  if (mounts >= 0) ::close(mounts);
  if (!done) return false;
  if (has_here && ::chdir(here.data()) != 0) return ::chdir("/") == 0;
  return true;
}

void close_from(unsigned first) {
  if (::syscall(SYS_close_range, first, ~0u, 0) == 0) return;
  // Linux before 5.9.
  const long most = ::sysconf(_SC_OPEN_MAX);
  for (int fd = static_cast<int>(first); fd < std::min(most, 65536L); ++fd) ::close(fd);
}

// The child of a child, so that it is nobody's but init's.
[[noreturn]] void become_server(const Place& place, Way way, const std::string& point, int pipe) {
  ::setsid();
  const pid_t inner = ::fork();
  if (inner != 0) ::_exit(inner < 0 ? 1 : 0);
  const int null = ::open("/dev/null", O_RDWR);
  for (const int fd : {0, 1, 2}) ::dup2(null, fd);
  if (pipe != kReportFd) ::dup2(pipe, kReportFd);
  ::fcntl(kReportFd, F_SETFD, 0);
  close_from(kReportFd + 1);
  if (::chdir("/") != 0) ::_exit(1);
  const std::string idle = variable("ENVIMAGE_IDLE").value_or(std::to_string(kIdleSeconds));
  const std::string image = place.image();
  std::array<const char*, 7> argv = {"envimage",    "--serve",    way_name(way), image.c_str(),
                                     point.c_str(), idle.c_str(), nullptr};
  std::array<const char*, 1> variables = {nullptr};
  // By its own name: what a person sees in ps is then no python.
  const std::string program = place.release + "/libexec/envbundle/envimage";
  ::execve(program.c_str(), const_cast<char* const*>(argv.data()),  // NOLINT: exec's old signature
           const_cast<char* const*>(variables.data()));             // NOLINT
  ::_exit(1);
}

// Starts the process that serves and waits until it does: its number, or 0 and why it does not.
pid_t start_server(const Place& place, Way way, const std::string& point, std::string* why) {
  *why = "it ended, or did not answer";
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    *why = std::strerror(errno);
    return 0;
  }
  const Fd reading(real_sys(), ends[0]);
  Fd writing(real_sys(), ends[1]);
  const pid_t child = ::fork();
  if (child < 0) {
    *why = std::strerror(errno);
    return 0;
  }
  if (child == 0) become_server(place, way, point, writing.get());
  writing.reset();
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  std::string text;
  struct pollfd wanted = {.fd = reading.get(), .events = POLLIN, .revents = 0};
  while (::poll(&wanted, 1, kReadySeconds * 1000) > 0) {
    std::array<char, 1024> buffer{};
    const ssize_t got = ::read(reading.get(), buffer.data(), buffer.size());
    if (got <= 0) break;
    text.append(buffer.data(), static_cast<size_t>(got));
    if (text.starts_with(kReady) && text.ends_with('\n')) {
      return static_cast<pid_t>(std::strtol(text.c_str() + std::strlen(kReady), nullptr, 10));
    }
  }
  if (!text.empty()) *why = text;
  return 0;
}

std::vector<Way> ways() {
  std::vector<Way> out;
  if (::geteuid() == 0) out.push_back(Way::kDirect);
  out.push_back(Way::kFusermount);
  out.push_back(Way::kNamespace);
  const auto mode = variable("ENVIMAGE_MODE");
  if (mode) std::erase_if(out, [&](Way way) { return *mode != way_name(way); });
  return out;
}

// Live, here or in the server's namespace.
bool is_reachable(const std::string& folder, const std::string& point, Fd* hold) {
  if (look_at_mount(point, hold) == MountState::kLive) return true;
  const Server server = read_server(folder);
  return server.way == way_name(Way::kNamespace) && join(server) &&
         look_at_mount(point, hold) == MountState::kLive;
}

void mount_here(const Place& place, const std::string& folder, const std::string& point,
                std::string* why) {
  Fd hold;
  if (look_at_mount(point, &hold) == MountState::kStale) {
    hold.reset();
    drop_stale_mount(point);
  }
  hold.reset();
  if (::mkdir(point.c_str(), 0700) != 0 && errno != EEXIST) {
    *why += "; " + point + ": " + std::strerror(errno);
    return;
  }
  // What lies below the mount is seen where the mount is not: after it ended, and outside of a
  // namespace. A virtual environment's link to POINT/bin/python then leads back to us.
  const std::string programs = place.release + "/bin";
  if (::symlink(programs.c_str(), (point + "/bin").c_str()) != 0 && errno != EEXIST) {
    *why += "; " + point + "/bin: " + std::strerror(errno);
    return;
  }
  for (const Way way : ways()) {
    std::string problem;
    const pid_t pid = start_server(place, way, point, &problem);
    if (pid <= 0) {
      *why += std::string("; ") + way_name(way) + ": " + problem;
      continue;
    }
    write_server(folder, {pid, start_of(pid), way_name(way)});
    return;
  }
}

}  // namespace

Root reach_mount(const Place& place, std::string* why) {
  for (const std::string& parent : mount_parents()) {
    const auto folder = private_folder(parent, place.key, why);
    if (!folder) continue;
    why->clear();  // of parents that were no good
    Root out;
    out.path = *folder + "/" + place.release_name();
    if (is_reachable(*folder, out.path, &out.hold)) return out;
    out.hold.reset();
    const Fd lock = lock_folder(*folder, kLockLimit, [] {});
    if (is_reachable(*folder, out.path, &out.hold)) return out;
    out.hold.reset();
    mount_here(place, *folder, out.path, why);
    if (is_reachable(*folder, out.path, &out.hold)) return out;
    return {};
  }
  return {};
}

bool release_mount(const Place& place) {
  std::string ignored;
  for (const std::string& parent : mount_parents()) {
    const auto folder = private_folder(parent, place.key, &ignored);
    if (!folder) continue;
    const Server server = read_server(*folder);
    if (server.pid == 0) {
      drop_stale_mount(*folder + "/" + place.release_name());
      return true;
    }
    ::kill(server.pid, SIGTERM);
    for (int i = 0; i < 100; ++i) {
      ::usleep(100'000);
      if (start_of(server.pid) != server.start) return true;
      // The server outlives the mount where another mount namespace (a container) has a copy of it.
      Fd hold;
      if (server.way != way_name(Way::kNamespace) &&
          look_at_mount(*folder + "/" + place.release_name(), &hold) == MountState::kNone) {
        return true;
      }
    }
    return false;
  }
  return true;
}

}  // namespace eb::image
