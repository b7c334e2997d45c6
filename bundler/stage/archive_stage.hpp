#pragma once

#include <filesystem>

#include "bundler/lock/lock.hpp"
#include "bundler/stage/staging.hpp"

namespace eb {

// Artifacts that are placed as they stand: `artifact.destination` says where ("" = the release's
// root; else a valid RelPath, kInvalidLock otherwise). All throw bad_artifact() naming archive and
// entry, and leave conflicts to Staging.

/// A tar archive (also a CPython standalone build). `artifact.strip_components` leading components
/// of each name are taken off; entries that have no more than these are left out, as GNU tar does.
/// Hard links become copies; setuid, setgid and sticky bits are dropped.
void stage_tar(const std::filesystem::path& path, const Artifact& artifact, Staging& staging);

/// One file, to destination/file_name. It becomes executable when it begins with "#!" or is an ELF
/// program or library: a lock has no mode, and the content is what is locked.
void stage_file(const std::filesystem::path& path, const Artifact& artifact, Staging& staging);

/// A folder on this machine whose listing (bundler/artifact/folder.hpp) is still the one that the
/// lock names; Error kDownloadMismatch otherwise, also when it changes meanwhile.
void stage_folder(const std::filesystem::path& path, const Artifact& artifact, Staging& staging);

}  // namespace eb
