#include "installer/install/staging_yard.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>

#include "installer/base/error.hpp"
#include "installer/install/remove_tree.hpp"
#include "installer/install/small_file.hpp"

namespace eb {
namespace {

constexpr char kBootFile[] = "boot";
constexpr char kLeasesDir[] = "leases";
constexpr char kTrash[] = "trash-";
constexpr int64_t kLongestJob = 30 * 86400;  // seconds
// The lock beside the releases' own; no release is called so (F102).
constexpr char kWholeYard[] = ".yard";

// A word that may be a file name: job numbers such as "17[3].server" are not ours to choose.
std::string file_name(std::string text) {
  for (char& c : text) {
    const bool is_plain = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_';
    if (!is_plain) c = '_';
  }
  return text.substr(0, 64);
}

std::string folder_of(const Host& host) { return "envbundle-" + std::to_string(host.uid); }

std::string leases_of(const std::string& release) {
  return std::string(kLeasesDir) + "/" + release;
}

// Another user may have made the folder first, in a place such as /tmp.
void check_own(Sys& sys, int dir, const Host& host, const std::string& where) {
  struct stat info {};
  if (const int r = sys.fstat(dir, &info); r < 0) {
    throw system_error(-r, "cannot look at the folder for staged releases", where);
  }
  if (info.st_uid == host.uid && (info.st_mode & 077) == 0) return;
  throw Error(ExitCode::kPermission, "the folder for staged releases is not yours alone")
      .where(where)
      .why(info.st_uid == host.uid ? "others may enter it"
                                   : "it belongs to user " + std::to_string(info.st_uid))
      .hint("name another place with --to DIR, or remove that folder");
}

Fd make_and_open(Sys& sys, int dir, const char* name, const std::string& where) {
  make_directory(sys, dir, name, 0700, where);
  return open_dir_at(sys, dir, name, where);
}

}  // namespace

LeaseHolder lease_holder(Sys& sys, const std::function<std::string(const char*)>& variable,
                         const Host& host) {
  for (const char* name : {"SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID", "JOB_ID"}) {
    const std::string job = variable(name);
    if (job.empty()) continue;
    const auto end = parse_number(variable("SLURM_JOB_END_TIME"));
    return {"job-" + file_name(job), end ? static_cast<int64_t>(*end) : host.now + kLongestJob, 0,
            ""};
  }
  const pid_t leader = ::getsid(0);
  return {"session-" + std::to_string(leader), 0, leader, process_start(sys, host.root, leader)};
}

std::string StagingYard::path_in(const std::string& base, const Host& host) {
  return base + (base.ends_with('/') ? "" : "/") + folder_of(host);
}

bool StagingYard::has_release(Sys& sys, const std::string& base, const std::string& release,
                              const Host& host) {
  const std::string yard = path_in(base, host);
  struct stat info {};
  return sys.fstatat(AT_FDCWD, yard.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0 &&
         S_ISDIR(info.st_mode) && info.st_uid == host.uid &&
         sys.faccessat(AT_FDCWD, (yard + "/" + release + "/" + kStateDir).c_str(), F_OK) == 0;
}

StagingYard StagingYard::open(Sys& sys, const std::string& base, const Host& host,
                              unsigned wait_seconds, EventSink& events, const StopFlag& stop) {
  StagingYard out(sys, host, wait_seconds, events, stop);
  const Fd parent = open_at(sys, AT_FDCWD, base.c_str(), O_RDONLY | O_DIRECTORY, 0, base);
  Prefix& yard = out.yard_;
  yard.path = path_in(real_path(sys, parent.get(), base), host);
  yard.root = make_and_open(sys, parent.get(), folder_of(host).c_str(), yard.path);
  check_own(sys, yard.root.get(), host, yard.path);
  yard.state = make_and_open(sys, yard.root.get(), kStateDir, yard.at(kStateDir));
  out.forget_other_boots();
  return out;
}

ReleaseLock StagingYard::lock(const std::string& what) {
  return ReleaseLock::acquire(
      sys_, yard_, what, host_, random_name(), wait_seconds_, [] { return false; }, events_, stop_);
}

// By one rename, so that nobody sees half of it; then there is no hurry.
void StagingYard::throw_away(const std::string& name) {
  const std::string trash = kTrash + random_name();
  const int r = sys_.renameat(yard_.root.get(), name.c_str(), yard_.state.get(), trash.c_str());
  if (r == -ENOENT) return;
  if (r < 0) throw system_error(-r, "cannot remove the staged release", yard_.at(name));
}

void StagingYard::forget_other_boots() {
  const std::string here = host_.node + " " + host_.boot_id + "\n";
  const auto is_of_this_boot = [&] {
    const auto known = read_small_file(sys_, yard_.state.get(), kBootFile);
    return known == here;
  };
  if (!host_.boot_id.empty() && is_of_this_boot()) return;
  const ReleaseLock whole = lock(kWholeYard);
  if (host_.boot_id.empty() || is_of_this_boot()) return;
  std::vector<DirEntry> entries;
  sys_.list(yard_.root.get(), &entries);
  for (const DirEntry& entry : entries) {
    if (entry.name != kStateDir) throw_away(entry.name);
  }
  remove_tree(sys_, yard_.state.get(), kLeasesDir);
  std::vector<DirEntry> kept;
  sys_.list(yard_.state.get(), &kept);
  for (const DirEntry& entry : kept) {
    if (entry.name.starts_with(kTrash)) remove_tree(sys_, yard_.state.get(), entry.name);
  }
  replace_file_at(sys_, yard_.state.get(), kBootFile, (".boot-" + random_name()).c_str(),
                  as_bytes(here), 0600, yard_.at(kStateDir) + "/" + kBootFile);
}

void StagingYard::lease(const std::string& release, const LeaseHolder& holder) {
  const std::string where = yard_.at(kStateDir) + "/" + leases_of(release);
  const ReleaseLock held = lock(release);
  make_directory(sys_, yard_.state.get(), kLeasesDir, 0700, where);
  make_directory(sys_, yard_.state.get(), leases_of(release).c_str(), 0700, where);
  const std::string text = "until " + std::to_string(holder.until) + "\npid " +
                           std::to_string(holder.pid) + "\nstart " + holder.start + "\n";
  const Fd dir = open_dir_at(sys_, yard_.state.get(), leases_of(release).c_str(), where);
  // No fsync: after a crash another boot throws it away.
  const std::string temporary = "." + random_name();
  Fd file = create_at(sys_, dir.get(), temporary.c_str(), 0600, where);
  write_all(sys_, file.get(), as_bytes(text), where);
  close_written(sys_, std::move(file), where);
  if (const int r = rename_at(sys_, dir.get(), temporary.c_str(), dir.get(), holder.name.c_str());
      r < 0) {
    throw system_error(-r, "cannot note that the release is used", where);
  }
}

bool StagingYard::is_living(const std::string& path) const {
  LeaseHolder holder;
  const auto text = read_small_file(sys_, yard_.state.get(), path, 4096);
  if (!text) return false;
  for (const std::string& line : lines_of(*text)) {
    const size_t blank = line.find(' ');
    if (blank == std::string::npos) continue;
    const std::string value = line.substr(blank + 1);
    if (line.starts_with("until ")) {
      holder.until = static_cast<int64_t>(parse_number(value).value_or(0));
    }
    if (line.starts_with("pid ")) holder.pid = static_cast<pid_t>(parse_number(value).value_or(0));
    if (line.starts_with("start ")) holder.start = value;
  }
  if (holder.until > 0) return host_.now < holder.until;
  return !holder.start.empty() && process_start(sys_, host_.root, holder.pid) == holder.start;
}

std::optional<std::string> StagingYard::give_up(const std::string& release,
                                                const LeaseHolder& holder) {
  {
    const ReleaseLock held = lock(release);
    const std::string leases = leases_of(release);
    sys_.unlinkat(yard_.state.get(), (leases + "/" + holder.name).c_str(), 0);
    const int fd = sys_.openat(yard_.state.get(), leases.c_str(),
                               O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
    if (fd >= 0) {
      const Fd dir(sys_, fd);
      std::vector<DirEntry> entries;
      sys_.list(fd, &entries);
      for (const DirEntry& entry : entries) {
        // One with a dot is a lease that was never taken: its run ended before it had its name.
        if (entry.name.starts_with('.')) continue;
        if (is_living(leases + "/" + entry.name)) return entry.name;
      }
    }
    throw_away(release);
    remove_tree(sys_, yard_.state.get(), leases);
  }
  std::vector<DirEntry> entries;
  sys_.list(yard_.state.get(), &entries);
  for (const DirEntry& entry : entries) {
    if (entry.name.starts_with(kTrash)) remove_tree(sys_, yard_.state.get(), entry.name);
  }
  return std::nullopt;
}

}  // namespace eb
