#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "installer/base/sys.hpp"

namespace eb {

// A lease says that a process uses a release of a prefix, so that 'envinstall gc' on any node lets
// it be: one small file in PREFIX/.envinstall/leases. That folder is the switch: without it nobody
// writes anything ('envinstall gc --leases on' makes it, writable for all users as /tmp is).
// Nothing renews a lease. On its own machine it ends with its process, which gc looks for; on
// others nobody can tell, and it counts as long as gc's --older-than says.

inline constexpr char kLeasesDir[] = "leases";  ///< below .envinstall

/// What the lease of this process is to say.
struct LeaseRequest {
  std::string prefix;   ///< the folder that holds .envinstall
  std::string release;  ///< name of its folder
  std::string what;     ///< for people: "envrun jupyter"
  std::string node;     ///< host name
  std::string root;     ///< goes before /proc and /etc; empty outside tests
};

/// Writes the lease of the calling process; returns the file's path, nullopt where leases are not
/// wanted or the file cannot be made. A program that takes this process's place by execve(2) keeps
/// it. Never throws: a lease is a courtesy.
std::optional<std::string> take_lease(Sys& sys, const LeaseRequest& request) noexcept;

/// Takes it back. What cannot be removed ends with the process all the same.
void drop_lease(Sys& sys, const std::optional<std::string>& lease) noexcept;

/// A lease for the time of a block.
class HeldLease {
 public:
  HeldLease(Sys& sys, const LeaseRequest& request) : sys_(sys), path_(take_lease(sys, request)) {}
  ~HeldLease() { drop_lease(sys_, path_); }
  HeldLease(const HeldLease&) = delete;
  HeldLease& operator=(const HeldLease&) = delete;

 private:
  Sys& sys_;
  std::optional<std::string> path_;
};

}  // namespace eb
