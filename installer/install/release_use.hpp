#pragma once

#include <map>
#include <string>
#include <vector>

#include "installer/install/host.hpp"
#include "installer/install/prefix.hpp"

namespace eb {

/// A process of this machine that runs, maps, holds or stands in something of a release.
struct UsingProcess {
  pid_t pid = 0;
  std::string name;  ///< as the kernel has it, at most 15 characters
};

/// A lease (installer/lease) that is not known to be over.
struct LivingLease {
  std::string node;
  std::string what;
  pid_t pid = 0;
  int64_t age_seconds = 0;  ///< by the file system's clock
  bool is_certain = false;  ///< its process was found alive on this machine
};

struct ReleaseUse {
  std::vector<UsingProcess> processes;
  std::vector<LivingLease> leases;
  bool any() const { return !processes.empty() || !leases.empty(); }
  /// "2 processes here (python, 4711), leased on node7"; empty when nothing is known.
  std::string text() const;
};

/// Who uses which of the releases, as far as this machine can tell.
struct UseReport {
  std::map<std::string, ReleaseUse> releases;  ///< those that are in use
  uint64_t unreadable = 0;        ///< processes of others, of which nothing can be seen
  std::vector<std::string> over;  ///< names of leases whose process is gone, or that are too old
};

/// Looks through /proc for paths with "/releases/NAME", whatever the prefix is called where the
/// process sees it, and reads the leases of the prefix. A path counts unless it is seen to lead to
/// another file than the release of `view`: a copy in another prefix. A lease of another machine
/// counts until it is `lease_seconds` old. Changes nothing; what cannot be read is left out.
UseReport find_use(Sys& sys, const PrefixView& view, const Host& host, int64_t lease_seconds);

/// A release that a text names by a path.
struct NamedRelease {
  std::string name;
  std::string path;  ///< of the release's folder, as the text has it
  bool operator==(const NamedRelease&) const = default;
};
/// The releases of `known` (sorted) that `text` names: lines of /proc/PID/maps, a link's target.
/// Each name once.
std::vector<NamedRelease> releases_in(const std::string& text,
                                      const std::vector<std::string>& known);

/// Removes leases that UseReport::over names.
void remove_leases(Sys& sys, int state, const std::vector<std::string>& names) noexcept;

}  // namespace eb
