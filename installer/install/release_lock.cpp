#include "installer/install/release_lock.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <chrono>
#include <new>
#include <thread>

#include "installer/base/error.hpp"
#include "installer/base/file.hpp"
#include "installer/install/small_file.hpp"

namespace eb {
namespace {

constexpr char kLockDir[] = "lock.d";
constexpr char kOwnerFile[] = "owner";
constexpr auto kLookAgain = std::chrono::milliseconds(500);
constexpr auto kSleepStep = std::chrono::milliseconds(50);
constexpr int kTries = 32;  // a directory that others make and remove at the same time

std::string owner_path(const std::string& lock) {
  return std::string(kLockDir) + "/" + lock + "/" + kOwnerFile;
}

// Its content, which for others than the owner may be as long as they like. 0 or -errno.
int read_owner(Sys& sys, int state, const std::string& lock, std::string* text) {
  const std::string path = owner_path(lock);
  try {
    const Fd fd = open_at(sys, state, path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0, path);
    text->resize(4096);
    text->resize(read_up_to(sys, fd.get(), text->data(), text->size(), path));
    return 0;
  } catch (const Error& error) {
    return -error.cause();
  }
}

// A lock directory and its owner file, by whatever name it has now.
void remove_lock(Sys& sys, int state, const std::string& lock) {
  sys.unlinkat(state, owner_path(lock).c_str(), 0);
  sys.unlinkat(state, (std::string(kLockDir) + "/" + lock).c_str(), AT_REMOVEDIR);
}

// Takes a dead owner's lock away: exactly one of those who want to wins this rename.
void clear_away(Sys& sys, int state, const std::string& lock, const std::string& nonce) {
  const std::string dead = lock + ".dead." + nonce;
  const std::string from = std::string(kLockDir) + "/" + lock;
  const std::string to = std::string(kLockDir) + "/" + dead;
  const int r = sys.renameat(state, from.c_str(), state, to.c_str());
  // -ENOENT: another run was first, or the reply got lost; by that name only ours can be there.
  if (r == 0 || r == -ENOENT) remove_lock(sys, state, dead);
}

// A lock directory with its owner file, under a name of its own; `made` tells which file that is. 0
// or -errno.
int make_lock(Sys& sys, int state, const std::string& lock, const std::string& owner,
              struct stat* made) {
  int r = try_make_directory(sys, state, kLockDir, 0755);
  if (r >= 0)
    r = try_make_directory(sys, state, (std::string(kLockDir) + "/" + lock).c_str(), 0755);
  if (r < 0) return r;
  int fd = -EINTR;
  while (fd == -EINTR) {
    fd = sys.openat(state, owner_path(lock).c_str(),
                    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
  }
  if (fd < 0) return fd;
  int failure = 0;
  for (size_t at = 0; at < owner.size() && failure == 0;) {
    const ssize_t put = sys.write(fd, owner.data() + at, owner.size() - at);
    if (put > 0) at += static_cast<size_t>(put);
    if (put == 0) failure = -ENOSPC;
    if (put < 0 && put != -EINTR) failure = static_cast<int>(put);
  }
  if (sys.fstat(fd, made) < 0) *made = {};
  r = sys.close(fd);
  return failure != 0 ? failure : r == -EINTR ? 0 : r;
}

// Whether the lock has the owner file that was made: told without reading it.
bool is_owner_file(Sys& sys, int state, const std::string& lock, const struct stat& made) {
  struct stat there {};
  return made.st_ino != 0 &&
         sys.fstatat(state, owner_path(lock).c_str(), &there, AT_SYMLINK_NOFOLLOW) == 0 &&
         there.st_ino == made.st_ino && there.st_dev == made.st_dev;
}

// A lock appears with its owner file written and closed, so no living owner's is empty: the machine
// lost its power after the rename had reached the disk and before the file's content did (F131).
bool is_lost(const std::string& text) { return text.find_first_not_of('\0') == std::string::npos; }

std::string owner_text(const LockOwner& owner) {
  return "process " + std::to_string(owner.pid) + " on " +
         (owner.node.empty() ? "an unknown machine" : owner.node);
}

}  // namespace

std::string encode_owner(const LockOwner& owner) {
  return "node " + owner.node + "\nmachine " + owner.machine_id + "\nboot " + owner.boot_id +
         "\nnamespace " + owner.pid_namespace + "\npid " + std::to_string(owner.pid) + "\nstart " +
         owner.start + "\nnonce " + owner.nonce + "\n";
}

LockOwner parse_owner(const std::string& text) {
  LockOwner out;
  for (const std::string& line : lines_of(text)) {
    const size_t blank = line.find(' ');
    if (blank == std::string::npos) continue;
    const std::string key = line.substr(0, blank);
    const std::string value = line.substr(blank + 1);
    if (key == "node") out.node = value;
    if (key == "machine") out.machine_id = value;
    if (key == "boot") out.boot_id = value;
    if (key == "namespace") out.pid_namespace = value;
    if (key == "pid") out.pid = static_cast<pid_t>(parse_number(value).value_or(0));
    if (key == "start") out.start = value;
    if (key == "nonce") out.nonce = value;
  }
  return out;
}

bool is_dead(Sys& sys, const LockOwner& owner, const Host& host) {
  if (owner.boot_id.empty() || host.boot_id.empty()) return false;
  if (owner.boot_id != host.boot_id) {
    // Another boot: of this machine, or of another one. Cluster nodes may share a machine ID, and
    // names such as localhost are everybody's.
    return !owner.machine_id.empty() && owner.machine_id == host.machine_id &&
           owner.node == host.node && !host.node.empty() && host.node != "localhost";
  }
  if (owner.pid_namespace.empty() || owner.pid_namespace != host.pid_namespace) return false;
  // Without /proc nothing is known of anybody.
  if (process_start(sys, host.root, host.pid).empty()) return false;
  const std::string start = process_start(sys, host.root, owner.pid);
  return start.empty() || start != owner.start;
}

namespace {

// As ReleaseLock::remove_abandoned().
void remove_abandoned_locks(Sys& sys, const Prefix& prefix, const Host& host,
                            const std::string& nonce) {
  const int state = prefix.state.get();
  const int fd = sys.openat(state, kLockDir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
  if (fd < 0) return;
  const Fd held(sys, fd);
  std::vector<DirEntry> entries;
  if (sys.list(fd, &entries) < 0) return;
  for (const DirEntry& entry : entries) {
    const bool is_passing = entry.name.starts_with(".new-") ||
                            entry.name.find(".dead.") != std::string::npos ||
                            entry.name.find(".gone.") != std::string::npos;
    const auto text = read_small_file(sys, state, owner_path(entry.name), 4096);
    const LockOwner owner = parse_owner(text.value_or(""));
    const bool dead = (text && is_lost(*text)) || is_dead(sys, owner, host);
    if (is_passing && (owner.nonce.empty() || dead)) {
      // Whoever is about to write the owner file, and finds it gone, begins anew.
      remove_lock(sys, state, entry.name);
    } else if (dead) {
      clear_away(sys, state, entry.name, nonce);
    }
  }
  sys.unlinkat(state, kLockDir, AT_REMOVEDIR);
}

}  // namespace

// One attempt. False when a living owner holds the lock; `holder` is then told.
bool ReleaseLock::take(const Host& host, LockOwner* holder) {
  const int state = prefix_.state.get();
  const std::string fresh = ".new-" + nonce_;
  const std::string where = prefix_.at(kStateDir) + "/" + kLockDir;
  const std::string fresh_path = std::string(kLockDir) + "/" + fresh;
  const std::string lock_path = std::string(kLockDir) + "/" + release_;
  const LockOwner self{host.node,
                       host.machine_id,
                       host.boot_id,
                       host.pid_namespace,
                       process_start(sys_, host.root, host.pid),
                       nonce_,
                       host.pid};
  const std::string text = encode_owner(self);
  for (int i = 0; i < kTries; ++i) {
    struct stat made {};
    if (const int r = make_lock(sys_, state, fresh, text, &made); r < 0) {
      remove_lock(sys_, state, fresh);
      sys_.unlinkat(state, kLockDir, AT_REMOVEDIR);
      // Another run that ends or tidies up may have taken an empty folder away at this moment.
      if (r == -ENOENT && i + 1 < kTries) continue;
      throw system_error(-r, "cannot take the lock", where);
    }
    // Onto an existing lock the rename fails, because that directory is not empty.
    const int r = sys_.renameat(state, fresh_path.c_str(), state, lock_path.c_str());
    std::string text_there;
    const int seen = read_owner(sys_, state, release_, &text_there);
    // Whatever the rename said: its reply may be lost (F124), and a folder whose owner file
    // somebody tidied away before it was renamed is nobody's lock.
    if (seen == 0 ? parse_owner(text_there).nonce == nonce_
                  : seen != -ENOENT && is_owner_file(sys_, state, release_, made)) {
      return true;
    }
    remove_lock(sys_, state, fresh);
    if (r < 0 && r != -ENOTEMPTY && r != -EEXIST && r != -ENOENT && r != -ESTALE) {
      sys_.unlinkat(state, kLockDir, AT_REMOVEDIR);
      throw system_error(-r, "cannot take the lock", where + "/" + release_);
    }
    if (seen == -ENOENT || seen == -ESTALE) continue;  // freed meanwhile
    if (seen < 0) {
      sys_.unlinkat(state, kLockDir, AT_REMOVEDIR);
      throw system_error(-seen, "cannot read who holds the lock", where + "/" + release_);
    }
    *holder = parse_owner(text_there);
    if (!is_lost(text_there) && !is_dead(sys_, *holder, host)) {
      // The holder may have ended since it was read, and left the folder because of ours in it.
      sys_.unlinkat(state, kLockDir, AT_REMOVEDIR);
      return false;
    }
    clear_away(sys_, state, release_, nonce_);
  }
  throw Error(ExitCode::kBusy, "the lock changes hands all the time").where(where + "/" + release_);
}

ReleaseLock ReleaseLock::try_acquire(Sys& sys, const Prefix& prefix, const std::string& release,
                                     const Host& host, const std::string& nonce) {
  ReleaseLock out(sys, prefix, release, nonce);
  LockOwner holder;
  out.held_ = out.take(host, &holder);
  return out;
}

ReleaseLock ReleaseLock::acquire(Sys& sys, const Prefix& prefix, const std::string& release,
                                 const Host& host, const std::string& nonce, unsigned wait_seconds,
                                 const std::function<bool()>& is_done, EventSink& events,
                                 const StopFlag& stop) {
  using Clock = std::chrono::steady_clock;
  ReleaseLock out(sys, prefix, release, nonce);
  const auto deadline = Clock::now() + std::chrono::seconds(wait_seconds);
  bool told = false;
  while (true) {
    stop.check();
    LockOwner holder;
    if (out.take(host, &holder)) {
      out.held_ = true;
      return out;
    }
    if (is_done()) return out;
    if (!told) {
      events.on(Warning{"waiting for " + owner_text(holder) + ", which works on " + release});
      told = true;
    }
    const auto again = Clock::now() + kLookAgain;
    while (Clock::now() < std::min(again, deadline)) {
      stop.check();
      std::this_thread::sleep_for(kSleepStep);
    }
    if (Clock::now() >= deadline) {
      throw Error(ExitCode::kBusy, "another process works on this release")
          .where(prefix.at(kStateDir) + "/" + kLockDir + "/" + release)
          .why(owner_text(holder) + " holds the lock; waited " + std::to_string(wait_seconds) +
               " s")
          .hint("let it finish and run the same command again, or wait longer with --wait SECONDS")
          .hint("if that process is gone, remove the folder named above");
    }
  }
}

ReleaseLock::ReleaseLock(ReleaseLock&& other) noexcept
    : sys_(other.sys_),
      prefix_(other.prefix_),
      release_(std::move(other.release_)),
      nonce_(std::move(other.nonce_)),
      held_(std::exchange(other.held_, false)) {}

ReleaseLock::~ReleaseLock() {
  if (held_) release();
}

void ReleaseLock::remove_abandoned(Sys& sys, const Prefix& prefix, const Host& host,
                                   const std::string& nonce) noexcept {
  try {
    remove_abandoned_locks(sys, prefix, host, nonce);
  } catch (const std::bad_alloc&) {
    // A later run tries again.
  }
}

void ReleaseLock::release() noexcept {
  try {
    // Renamed first, so that nobody sees a lock without owner.
    const int state = prefix_.state.get();
    const std::string gone = release_ + ".gone." + nonce_;
    const std::string from = std::string(kLockDir) + "/" + release_;
    const std::string to = std::string(kLockDir) + "/" + gone;
    std::string owner;
    const int seen = read_owner(sys_, state, release_, &owner);
    // Somebody took it over. One that cannot be read is ours: nobody takes what a living run holds.
    if (seen == -ENOENT || (seen == 0 && parse_owner(owner).nonce != nonce_)) return;
    const int r = sys_.renameat(state, from.c_str(), state, to.c_str());
    if (r == 0 || r == -ENOENT) remove_lock(sys_, state, gone);  // as in clear_away()
    sys_.unlinkat(state, kLockDir, AT_REMOVEDIR);
    held_ = false;
  } catch (const std::bad_alloc&) {
    // The process is about to end, and its lock is a dead one's then.
  }
}

}  // namespace eb
