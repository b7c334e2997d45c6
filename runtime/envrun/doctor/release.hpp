#pragma once

#include <map>
#include <optional>
#include <string>

#include "runtime/envrun/doctor/machine.hpp"

namespace eb {

/// For Machine::meta: reads and parses the whole index, some 50 ms.
std::optional<std::map<std::string, std::string>> read_release_meta(const Machine& machine);

/// Version of a distribution in the release's site-packages by its dist-info folder, such as
/// "2.27.3" of nvidia_nccl_cu12; `prefix` is the folder's beginning. Empty when there is none.
std::string distribution_version(const Machine& machine, const std::string& prefix);

/// lib/pythonX.Y of the release, as "3.11"; empty when it has no Python.
std::string release_python(const Machine& machine);

}  // namespace eb
