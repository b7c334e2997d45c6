#pragma once

#include "runtime/envrun/core/session.hpp"
#include "runtime/envrun/doctor/machine.hpp"

namespace eb {

/// This machine as it is now. Takes less than a second whatever answers or not; changes nothing.
Machine read_machine(Session& session);

/// The folders whose file systems are asked: home, prefix, working and temporary directory,
/// /dev/shm, and what PATH, LD_LIBRARY_PATH, PYTHONPATH and other variables name that are read
/// from.
std::vector<std::string> folders_to_ask(const Machine& machine);

/// What open(2), fstatfs(2) and quotactl_fd(2) tell of one folder. May hang.
FolderAnswer ask_folder(const std::string& path);
/// The same as one line of text and back: it comes from another process.
std::string folder_text(const FolderAnswer& answer);
FolderAnswer parse_folder(const std::string& text);

/// The mount point above `path` by the text of /proc/self/mounts; empty when it is / or none.
std::string mount_point_of(const std::string& mounts, const std::string& path);

/// The addresses in the output of `getent ahosts NAME`, each once.
std::vector<std::string> parse_ahosts(const std::string& text);

}  // namespace eb
