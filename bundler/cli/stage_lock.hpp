#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "bundler/cli/bytecode.hpp"
#include "bundler/lock/lock.hpp"
#include "bundler/pack/tree.hpp"
#include "bundler/stage/staging.hpp"
#include "installer/base/events.hpp"

namespace eb {

/// Where the artifacts of a lock lie on this machine, by digest; folders by their source.
struct ObtainedArtifacts {
  std::map<Sha256, std::filesystem::path> files;
  std::filesystem::path lock_folder;  ///< what relative sources of folders are relative to

  /// Throws Error(kInternal) for one that was not obtained.
  std::filesystem::path path_of(const Artifact& artifact) const;
};

/// Puts every artifact of the lock into `staging`, and then everything of our own: edits of the
/// base, activation scripts, licences, package list, launchers, bytecode. `work` is a folder for
/// temporary files. Throws Error: what an artifact's reader or Staging throws; kConflict with all
/// conflicts at once.
BytecodeResult stage_lock(const Lock& lock, const ObtainedArtifacts& artifacts,
                          const std::filesystem::path& work, unsigned threads, Staging& staging,
                          EventSink& events);

/// What was staged, with the digests that Staging took when it wrote the files: nothing is read
/// again. Refers to the folder of `staging`.
Tree tree_of(const Staging& staging);

/// Removes what matches one of the shell patterns ('*' also matches '/'), directories with all they
/// hold. Returns how many entries that were.
size_t prune(const std::vector<std::string>& patterns, Staging& staging);

}  // namespace eb
