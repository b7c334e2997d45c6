#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "runtime/envrun/doctor/machine.hpp"

namespace eb {

// NCCL's own rules, so that what it would do can be told without a GPU. Source: NVIDIA/nccl,
// src/misc/socket.cc, src/misc/utils.cc and src/misc/param.cc of 2.27.3 and 2.28.3. What differs
// between versions was compared with the libraries themselves (tests/environment/doctor.py asks
// them): 2.28 leaves bridges of libvirt and interfaces without a carrier for last, 2.27 does not.

/// One setting of NCCL and where it came from.
struct NcclSetting {
  std::string value;
  std::string origin;  ///< "environment", or the file's path
};

/// NCCL_* settings as NCCL sees them: the environment, then $NCCL_CONF_FILE or else ~/.nccl.conf,
/// then /etc/nccl.conf; the first that names a variable counts (param.cc).
std::map<std::string, NcclSetting> nccl_settings(const Machine& machine);

/// The parts of a version that the rules depend on.
struct NcclRules {
  bool virtual_bridges_last = false;  ///< since 2.28: virbr* only when nothing else is there
  bool running_only = false;          ///< since 2.28: interfaces without IFF_RUNNING do not count
};
/// `version`: 2.27.3; an empty one counts as new.
NcclRules nccl_rules(const std::string& version);

/// Which interfaces NCCL takes, and by which rule.
struct NcclChoice {
  std::optional<InterfaceAddress>
      meeting;  ///< ranks meet over it; nullopt: NCCL ends with an error
  std::vector<InterfaceAddress> interfaces;  ///< for data, where it goes by TCP sockets
  std::string why;                           ///< the rule that led to `meeting`, in words
};
NcclChoice nccl_interfaces(const std::map<std::string, NcclSetting>& settings,
                           const std::vector<InterfaceAddress>& addresses, const NcclRules& rules);

/// Does `name` match one of NCCL's lists: "eth,ib", "^docker,lo", "=eth0", "=mlx5_1:1"? A list of
/// nothing matches everything. Ports are not looked at.
bool nccl_list_matches(const std::string& list, const std::string& name);

}  // namespace eb
