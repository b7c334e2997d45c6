#include "runtime/envrun/limits/memory_group.hpp"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <thread>
#include <vector>

#include "installer/base/error.hpp"

namespace eb {
namespace {

constexpr unsigned kMostDepth = 8;

int write_text(Sys& sys, const std::string& path, const std::string& text) {
  const int fd = sys.openat(AT_FDCWD, path.c_str(), O_WRONLY | O_CLOEXEC, 0);
  if (fd < 0) return -fd;
  const ssize_t written = sys.write(fd, text.data(), text.size());
  sys.close(fd);
  return written < 0 ? static_cast<int>(-written) : 0;
}

// The group and those in it, innermost first; other entries are files.
void add_groups(const HostFiles& files, const std::string& group, unsigned depth,
                std::vector<std::string>* out) {
  if (depth < kMostDepth) {
    for (const std::string& name : files.names(group)) {
      const std::string inner = std::string(group).append("/").append(name);
      const auto info = files.info(inner);
      if (info && S_ISDIR(info->st_mode)) add_groups(files, inner, depth + 1, out);
    }
  }
  out->push_back(group);
}

std::vector<std::string> groups_in(const HostFiles& files, const std::string& group) {
  std::vector<std::string> out;
  add_groups(files, group, 0, &out);
  return out;
}

// What an envrun left that was killed itself. Only empty groups can be removed, and those of a
// living envrun may be about to be entered.
void remove_stale(const HostFiles& files, const std::string& parent) {
  constexpr std::string_view kPrefix = "envrun-";
  for (const std::string& name : files.names(parent)) {
    if (!name.starts_with(kPrefix)) continue;
    const std::string number =
        name.substr(kPrefix.size(), name.find('-', kPrefix.size()) - kPrefix.size());
    if (!number_of(number) || files.exists("/proc/" + number)) continue;
    for (const std::string& group :
         groups_in(files, std::string(parent).append("/").append(name))) {
      files.sys().unlinkat(AT_FDCWD, group.c_str(), AT_REMOVEDIR);
    }
  }
}

std::vector<pid_t> processes_in(const HostFiles& files, const std::string& group) {
  std::vector<pid_t> out;
  for (const std::string& each : groups_in(files, group)) {
    for (const std::string& line :
         text_lines(files.read(each + "/cgroup.procs", 1u << 20).value_or(""))) {
      // 0 is a process of another PID namespace.
      const auto pid = number_of(line);
      if (pid && *pid > 1 && *pid != static_cast<uint64_t>(getpid())) {
        out.push_back(static_cast<pid_t>(*pid));
      }
    }
  }
  return out;
}

}  // namespace

OutOfMemory read_out_of_memory(const HostFiles& files, const std::string& group, int version,
                               bool with_inner) {
  OutOfMemory out;
  if (version == 2) {
    const auto count = [&](const char* file, const char* key) {
      return group_counter(files, group + file, key);
    };
    // "oom" counts how often a limit was met, in the group that has it and in those around it; the
    // local file (from Linux 5.2) without the latter.
    const uint64_t met = count("/memory.events", "oom").value_or(0);
    const uint64_t met_here = count("/memory.events.local", "oom").value_or(met);
    out.kills = count("/memory.events", "oom_kill").value_or(0);
    out.by_limit = (with_inner ? met : met_here) > 0;
    if (!with_inner && met > 0 && met_here == 0) out.kills = 0;
    out.peak = group_number(files, group + "/memory.peak");  // from Linux 5.19
  } else {
    out.kills = group_counter(files, group + "/memory.oom_control", "oom_kill").value_or(0);
    out.peak = group_number(files, group + "/memory.max_usage_in_bytes");
    // memory.failcnt no longer counts in newer kernels. Memory is charged in pieces of up to a huge
    // page, so that the peak stays that much below the limit.
    constexpr uint64_t kPiece = 4u << 20;
    const auto limit = group_number(files, group + "/memory.limit_in_bytes");
    out.by_limit = !out.peak || !limit || *out.peak + kPiece >= *limit;
  }
  return out;
}

MemoryGroup::MemoryGroup(const HostFiles& files, const GroupSite& site, uint64_t bytes)
    : files_(&files), site_(site) {
  const std::string name = "/envrun-" + std::to_string(getpid());
  try {
    remove_stale(files, site_.parent);
    if (site_.version == 2) divide_parent();
    // Several programs of one envrun: each has a group of its own.
    for (unsigned n = 0; n < 100; ++n) {
      path_ = site_.parent + name + (n == 0 ? "" : "-" + std::to_string(n));
      const int made = files_->sys().mkdirat(AT_FDCWD, path_.c_str(), 0755);
      if (made == 0) break;
      const std::string tried = std::exchange(path_, "");
      if (made != -EEXIST) throw system_error(-made, "cannot make a control group", tried);
    }
    if (path_.empty()) throw system_error(EEXIST, "cannot make a control group", site_.parent);
    const std::string number = std::to_string(bytes);
    if (site_.version == 2) {
      write("memory.max", number);
      if (files_->exists(path_ + "/memory.swap.max")) write("memory.swap.max", "0");
      if (files_->exists(path_ + "/memory.oom.group")) write("memory.oom.group", "1");
      events_ =
          open_at(files_->sys(), AT_FDCWD, (path_ + "/memory.events").c_str(), O_RDONLY, 0, path_);
    } else {
      write("memory.limit_in_bytes", number);
      if (files_->exists(path_ + "/memory.memsw.limit_in_bytes")) {
        write("memory.memsw.limit_in_bytes", number);
      }
    }
    processes_ =
        open_at(files_->sys(), AT_FDCWD, (path_ + "/cgroup.procs").c_str(), O_WRONLY, 0, path_);
  } catch (...) {
    remove();
    throw;
  }
}

MemoryGroup::~MemoryGroup() { remove(); }

int MemoryGroup::enter() const { return ::write(processes_.get(), "0", 1) == 1 ? 0 : errno; }

void MemoryGroup::write(const std::string& name, const std::string& text) const {
  const std::string path = path_ + "/" + name;
  if (const int error = write_text(files_->sys(), path, text); error != 0) {
    throw system_error(error, "the control group does not take " + text, path);
  }
}

void MemoryGroup::divide_parent() {
  const std::string control = site_.parent + "/cgroup.subtree_control";
  if (group_file_has(*files_, control, "memory")) return;
  if (site_.must_step_aside) {
    aside_ = site_.parent + "/envrun-" + std::to_string(getpid()) + "-itself";
    const int made = files_->sys().mkdirat(AT_FDCWD, aside_.c_str(), 0755);
    const int error = made < 0 ? -made : write_text(files_->sys(), aside_ + "/cgroup.procs", "0");
    if (error != 0) throw system_error(error, "cannot move envrun itself", aside_);
  }
  // Never taken back while others may have made groups meanwhile: they would lose their limits.
  if (const int error = write_text(files_->sys(), control, "+memory"); error != 0) {
    throw system_error(error, "the control group does not hand its memory controller on", control);
  }
}

void MemoryGroup::remove() noexcept {
  try {
    Sys& sys = files_->sys();
    events_.reset();
    processes_.reset();
    if (!path_.empty()) {
      end_group(*files_, path_, 0);
      for (const std::string& group : groups_in(*files_, path_)) {
        // A process that has just ended may still count for a moment.
        for (unsigned i = 0; i < 50; ++i) {
          if (sys.unlinkat(AT_FDCWD, group.c_str(), AT_REMOVEDIR) != -EBUSY) break;
          std::this_thread::sleep_for(std::chrono::milliseconds(10));
        }
      }
    }
    if (aside_.empty()) return;
    // Nobody else was in the parent, so only groups made since can be there; then it stays divided.
    const bool is_shared = groups_in(*files_, site_.parent).size() > 2;
    if (is_shared) return;
    write_text(sys, site_.parent + "/cgroup.subtree_control", "-memory");
    write_text(sys, site_.parent + "/cgroup.procs", "0");
    sys.unlinkat(AT_FDCWD, aside_.c_str(), AT_REMOVEDIR);
  } catch (...) {  // out of memory: the group stays, empty
  }
}

size_t end_group(const HostFiles& files, const std::string& group, unsigned grace_ms) {
  using std::chrono::milliseconds;
  const size_t found = processes_in(files, group).size();
  if (found == 0) return 0;
  constexpr unsigned kStepMs = 10;
  constexpr unsigned kMostMs = 5000;
  if (grace_ms > 0) {
    for (const pid_t pid : processes_in(files, group)) kill(pid, SIGTERM);
  }
  for (unsigned waited = 0; waited < grace_ms + kMostMs; waited += kStepMs) {
    const auto left = processes_in(files, group);
    if (left.empty()) break;
    if (waited >= grace_ms) {
      for (const pid_t pid : left) kill(pid, SIGKILL);
    }
    std::this_thread::sleep_for(milliseconds(kStepMs));
  }
  return found;
}

}  // namespace eb
