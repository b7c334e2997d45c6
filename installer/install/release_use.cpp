#include "installer/install/release_use.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <set>

#include "installer/base/error.hpp"
#include "installer/install/release_lock.hpp"
#include "installer/install/size_text.hpp"
#include "installer/install/small_file.hpp"
#include "installer/lease/lease.hpp"

namespace eb {
namespace {

constexpr size_t kMaxMaps = 8u << 20;     // bytes of /proc/PID/maps
constexpr size_t kMaxLeases = 100'000;    // files that are looked at
constexpr size_t kMaxDescriptors = 4096;  // of one process

class ProcessScan {
 public:
  ProcessScan(Sys& sys, const PrefixView& view, const Host& host, UseReport& report)
      : sys_(sys), releases_(view.releases), host_(host), report_(report) {
    for (const std::string& release : view.releases) {
      struct stat info {};
      const std::string below = std::string(kReleasesDir) + "/" + release;
      if (sys_.fstatat(view.dir.get(), below.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0) {
        inodes_[release] = info.st_ino;
      }
    }
  }

  void run() {
    for (const DirEntry& entry : list(host_.root + "/proc")) {
      const auto pid = parse_number(entry.name);
      if (pid && static_cast<pid_t>(*pid) != host_.pid) look(static_cast<pid_t>(*pid));
    }
  }

 private:
  std::vector<DirEntry> list(const std::string& path) {
    std::vector<DirEntry> out;
    const int fd = sys_.openat(AT_FDCWD, path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    if (fd < 0) return out;
    const Fd held(sys_, fd);
    if (sys_.list(fd, &out) < 0) out.clear();
    return out;
  }

  // The target, empty when it cannot be read; `*denied` when it may not.
  std::string link(const std::string& path, bool* denied) {
    std::string out(4096, '\0');
    const ssize_t got = sys_.readlinkat(AT_FDCWD, path.c_str(), out.data(), out.size());
    if (got == -EACCES || got == -EPERM) *denied = true;
    out.resize(got > 0 ? static_cast<size_t>(got) : 0);
    return out;
  }

  // Only the inode is compared: one server's folder can have several device numbers here.
  bool is_another(pid_t pid, const NamedRelease& named) {
    const std::string path = host_.root + "/proc/" + std::to_string(pid) + "/root" + named.path;
    struct stat info {};
    return sys_.fstatat(AT_FDCWD, path.c_str(), &info, 0) == 0 &&
           info.st_ino != inodes_[named.name];
  }

  void look(pid_t pid) {
    const std::string folder = host_.root + "/proc/" + std::to_string(pid);
    std::set<std::string> found;
    const auto add = [&](const std::string& text) {
      for (const NamedRelease& named : releases_in(text, releases_)) {
        if (!found.contains(named.name) && !is_another(pid, named)) found.insert(named.name);
      }
    };
    bool denied = false;
    for (const char* name : {"/exe", "/cwd", "/root"}) add(link(folder + name, &denied));
    if (denied) {
      ++report_.unreadable;
      return;
    }
    if (const auto maps = read_small_file(sys_, AT_FDCWD, folder + "/maps", kMaxMaps)) add(*maps);
    size_t seen = 0;
    for (const DirEntry& fd : list(folder + "/fd")) {
      if (++seen > kMaxDescriptors) break;
      add(link(folder + "/fd/" + fd.name, &denied));
    }
    for (const std::string& release : found) {
      const auto name = read_small_file(sys_, AT_FDCWD, folder + "/comm", 64);
      report_.releases[release].processes.push_back({pid, printable(trimmed(name.value_or("")))});
    }
  }

  Sys& sys_;
  const std::vector<std::string>& releases_;
  const Host& host_;
  UseReport& report_;
  std::map<std::string, ino_t> inodes_;  ///< of the releases' folders
};

// What the file system's clock says; the machine's, where it cannot be asked.
int64_t time_of_file_system(Sys& sys, int dir, int64_t otherwise) {
  const std::string name = "." + random_name();
  const int fd = sys.openat(dir, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return otherwise;
  struct stat info {};
  const int r = sys.fstat(fd, &info);
  sys.close(fd);
  sys.unlinkat(dir, name.c_str(), 0);
  return r == 0 ? info.st_mtime : otherwise;
}

void read_leases(Sys& sys, int state, const std::vector<std::string>& releases, const Host& host,
                 int64_t lease_seconds, UseReport& report) {
  const int fd = sys.openat(state, kLeasesDir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
  if (fd < 0) return;
  const Fd dir(sys, fd);
  std::vector<DirEntry> entries;
  if (sys.list(fd, &entries) < 0) return;
  if (entries.size() > kMaxLeases) entries.resize(kMaxLeases);
  const int64_t now = entries.empty() ? host.now : time_of_file_system(sys, fd, host.now);
  for (const DirEntry& entry : entries) {
    struct stat info {};
    if (sys.fstatat(fd, entry.name.c_str(), &info, AT_SYMLINK_NOFOLLOW) < 0 ||
        !S_ISREG(info.st_mode)) {
      continue;
    }
    const auto text = read_small_file(sys, fd, entry.name, 4096);
    if (!text) continue;  // of somebody who hides it, or gone meanwhile
    LivingLease lease;
    std::string release;
    for (const std::string& line : lines_of(*text)) {
      if (line.starts_with("release ")) release = line.substr(8);
      if (line.starts_with("what ")) lease.what = printable(line.substr(5));
    }
    const LockOwner owner = parse_owner(*text);
    lease.node = printable(owner.node);
    lease.pid = owner.pid;
    lease.age_seconds = std::max<int64_t>(now - info.st_mtime, 0);
    const bool is_here = !owner.boot_id.empty() && owner.boot_id == host.boot_id &&
                         owner.pid_namespace == host.pid_namespace;
    if (is_dead(sys, owner, host) || (!is_here && lease.age_seconds > lease_seconds)) {
      report.over.push_back(entry.name);
      continue;
    }
    lease.is_certain = is_here;
    if (std::ranges::binary_search(releases, release)) {
      report.releases[release].leases.push_back(std::move(lease));
    }
  }
}

}  // namespace

std::string ReleaseUse::text() const {
  std::string out;
  if (!processes.empty()) {
    out = count_text(processes.size(), "process", "processes") + " here (" +
          (processes.front().name.empty() ? "process" : processes.front().name) + ", " +
          std::to_string(processes.front().pid) + (processes.size() > 1 ? ", …)" : ")");
  }
  if (!leases.empty()) {
    out += (out.empty() ? "" : "; ") + count_text(leases.size(), "lease", "leases") + " (" +
           leases.front().what + " on " + leases.front().node + (leases.size() > 1 ? ", …)" : ")");
  }
  return out;
}

UseReport find_use(Sys& sys, const PrefixView& view, const Host& host, int64_t lease_seconds) {
  UseReport report;
  ProcessScan(sys, view, host, report).run();
  const int fd =
      sys.openat(view.dir.get(), kStateDir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
  if (fd < 0) return report;
  const Fd state(sys, fd);
  read_leases(sys, fd, view.releases, host, lease_seconds, report);
  return report;
}

std::vector<NamedRelease> releases_in(const std::string& text,
                                      const std::vector<std::string>& known) {
  static constexpr std::string_view kMark = "/releases/";
  std::vector<NamedRelease> out;
  for (size_t at = text.find(kMark); at != std::string::npos; at = text.find(kMark, at)) {
    const size_t mark = at;
    at += kMark.size();
    const size_t end = std::min(text.find_first_of("/\n ", at), text.size());
    std::string name = text.substr(at, end - at);
    if (!std::ranges::binary_search(known, name)) continue;
    if (std::ranges::find(out, name, &NamedRelease::name) != out.end()) continue;
    // In a line of maps the path is the last field, and the first with a slash.
    const size_t line = text.rfind('\n', mark);
    const size_t begin = text.find('/', line == std::string::npos ? 0 : line);
    out.push_back({std::move(name), text.substr(begin, end - begin)});
  }
  return out;
}

void remove_leases(Sys& sys, int state, const std::vector<std::string>& names) noexcept {
  try {
    for (const std::string& name : names) {
      sys.unlinkat(state, (std::string(kLeasesDir) + "/" + name).c_str(), 0);
    }
  } catch (const std::exception&) {
    // A later run tries again.
  }
}

}  // namespace eb
