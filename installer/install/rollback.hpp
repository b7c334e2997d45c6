#pragma once

#include <optional>
#include <string>
#include <vector>

#include "installer/base/events.hpp"
#include "installer/install/host.hpp"
#include "installer/install/prefix.hpp"
#include "installer/install/stop_flag.hpp"

namespace eb {

struct RollbackReport {
  std::string prefix;
  std::string release;                  ///< active now
  std::string id;                       ///< of its bundle
  std::optional<std::string> previous;  ///< was active before
  bool changed = true;                  ///< false: it was the active one already
};

/// Makes a release that is installed the active one: the named one, or else the one that was active
/// before the present one, as .envinstall/log tells. Nothing is unpacked and no file of a release
/// changes; the counters against downgrades stay, because what is installed was verified then.
///
/// Throws Error(kUsage) where there is no such release or nobody can tell which, kDigestMismatch
/// when files of it are missing or of another size; nothing was changed then.
RollbackReport rollback(Sys& sys, PrefixView view, const std::optional<std::string>& release,
                        const Host& host, EventSink& events, const StopFlag& stop);

/// The release that `log` (text of .envinstall/log) names as active last before `current`, of those
/// in `releases`; empty when it tells none. Pure.
std::string active_before(const std::string& log, const std::string& current,
                          const std::vector<std::string>& releases);

}  // namespace eb
