#pragma once

#include <functional>
#include <optional>
#include <string>

#include "installer/install/prefix.hpp"
#include "installer/install/release_lock.hpp"

namespace eb {

/// On whose behalf a staged release is used, so that no other job of the user takes it away.
struct LeaseHolder {
  std::string name;   ///< "job-4711", "session-815"; a file name
  int64_t until = 0;  ///< seconds since 1970 when it ends at the latest; 0 = lives as long as `pid`
  pid_t pid = 0;      ///< leader of the session, where there is no job
  std::string start;  ///< when that began (process_start())
};

/// The holder that these variables and this process speak of: the scheduler's job (Slurm, PBS, LSF,
/// Grid Engine), else the session. A job that does not tell its end is believed to last 30 days.
LeaseHolder lease_holder(Sys& sys, const std::function<std::string(const char*)>& variable,
                         const Host& host);

/// BASE/envbundle-UID: the folder where `envinstall stage` keeps this user's releases on one disk
/// of one machine, each in a prefix of its own, so that the path is the same on every node.
///
///   BASE/envbundle-UID/                 0700, nobody else's
///     RELEASE/                          a prefix
///     .envinstall/{boot,lock.d,leases/RELEASE/HOLDER,trash-…}
///
/// What is there from another boot of the machine is thrown away: it was never synced.
class StagingYard {
 public:
  /// Makes what is missing. Throws Error(kPermission) where the folder is not the user's alone.
  static StagingYard open(Sys& sys, const std::string& base, const Host& host,
                          unsigned wait_seconds, EventSink& events, const StopFlag& stop);
  /// The folder's path, whether it is there or not.
  static std::string path_in(const std::string& base, const Host& host);
  /// True when BASE has the release, or a run that is making it.
  static bool has_release(Sys& sys, const std::string& base, const std::string& release,
                          const Host& host);

  std::string prefix_of(const std::string& release) const { return yard_.path + "/" + release; }

  /// Says that `holder` uses the release, before it looks whether that is there.
  void lease(const std::string& release, const LeaseHolder& holder);
  /// `holder` is done with it. Removes the release unless another living holder has a lease, whose
  /// name is then the result.
  std::optional<std::string> give_up(const std::string& release, const LeaseHolder& holder);

 private:
  StagingYard(Sys& sys, const Host& host, unsigned wait_seconds, EventSink& events,
              const StopFlag& stop)
      : sys_(sys), host_(host), wait_seconds_(wait_seconds), events_(events), stop_(stop) {}
  ReleaseLock lock(const std::string& what);
  void throw_away(const std::string& name);
  void forget_other_boots();
  bool is_living(const std::string& path) const;

  Sys& sys_;
  const Host& host_;
  unsigned wait_seconds_;
  EventSink& events_;
  const StopFlag& stop_;
  Prefix yard_;
};

}  // namespace eb
