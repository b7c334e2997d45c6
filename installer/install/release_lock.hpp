#pragma once

#include <functional>
#include <string>

#include "installer/base/events.hpp"
#include "installer/install/host.hpp"
#include "installer/install/prefix.hpp"
#include "installer/install/stop_flag.hpp"

namespace eb {

/// Who holds a lock, as its owner file says.
struct LockOwner {
  std::string node, machine_id, boot_id, pid_namespace, start, nonce;
  pid_t pid = 0;
};
std::string encode_owner(const LockOwner& owner);
LockOwner parse_owner(const std::string& text);

/// True only where it is certain: the same machine booted anew since, or the same boot and process
/// namespace where no such process runs. A lock of another machine is never called dead.
bool is_dead(Sys& sys, const LockOwner& owner, const Host& host);

/// The right to stage and to remove one release: .envinstall/lock.d/<release>/owner. It saves work,
/// it does not keep things right – publishing by rename does that, also where two hold "the" lock.
/// A directory appears with its owner file in one rename, which is atomic on every file system; an
/// owner file without content so is what a power cut left, and nobody's.
class ReleaseLock {
 public:
  /// Waits while a living owner holds it, looking again twice a second. `is_done` is asked
  /// meanwhile; once it says true, the lock is not needed and not held. Throws Error(kBusy) after
  /// `wait_seconds`, and what StopFlag throws. `nonce` names this run.
  static ReleaseLock acquire(Sys& sys, const Prefix& prefix, const std::string& release,
                             const Host& host, const std::string& nonce, unsigned wait_seconds,
                             const std::function<bool()>& is_done, EventSink& events,
                             const StopFlag& stop);
  /// The lock if nobody alive holds it, else one that is not held.
  static ReleaseLock try_acquire(Sys& sys, const Prefix& prefix, const std::string& release,
                                 const Host& host, const std::string& nonce);

  /// Removes the locks of dead runs, and what they left between making one and taking it.
  static void remove_abandoned(Sys& sys, const Prefix& prefix, const Host& host,
                               const std::string& nonce) noexcept;

  ReleaseLock(ReleaseLock&& other) noexcept;
  ReleaseLock& operator=(ReleaseLock&&) = delete;
  ~ReleaseLock();

  bool held() const { return held_; }

 private:
  ReleaseLock(Sys& sys, const Prefix& prefix, std::string release, std::string nonce)
      : sys_(sys), prefix_(prefix), release_(std::move(release)), nonce_(std::move(nonce)) {}
  bool take(const Host& host, LockOwner* holder);
  void release() noexcept;

  Sys& sys_;
  const Prefix& prefix_;
  std::string release_;
  std::string nonce_;
  bool held_ = false;
};

}  // namespace eb
