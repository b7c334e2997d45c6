#pragma once

#include <string>

#include "runtime/envrun/ssh/folders.hpp"

namespace eb {

/// The files of one server; gone with it.
class RunFiles {
 public:
  RunFiles(Sys& sys, SshdFolders folders) : sys_(&sys), folders_(std::move(folders)) {}
  ~RunFiles();
  RunFiles(const RunFiles&) = delete;
  RunFiles& operator=(const RunFiles&) = delete;

 private:
  Sys* sys_;
  SshdFolders folders_;
};

/// "process N of yours" when an envrun sshd of this user runs in `folders.run`, else "".
std::string running_server(const World& world, const SshdFolders& folders);

/// Sends SIGTERM to it and waits until it is gone, at most 15 seconds. Returns 0; throws
/// Error(kUsage) when none runs, kBusy when it does not end.
int stop_running(World& world, const SshdFolders& folders);

}  // namespace eb
