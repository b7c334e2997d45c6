#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "bundler/cli/arrivals.hpp"
#include "bundler/cli/bytecode.hpp"
#include "bundler/lock/lock.hpp"
#include "bundler/pack/tree.hpp"
#include "bundler/stage/staging.hpp"
#include "installer/base/events.hpp"

namespace eb {

/// Puts every artifact of the lock into `staging` as it arrives, and then everything of our own:
/// edits of the base, activation scripts, licences, package list, launchers, bytecode. `work` is a
/// folder for temporary files. Throws Error: what an artifact's reader or Staging throws
/// (`arrivals` is closed then); kConflict with all conflicts at once; kInternal where `arrivals`
/// was closed before everything came.
BytecodeResult stage_lock(const Lock& lock, Arrivals& arrivals, const std::filesystem::path& work,
                          unsigned threads, Staging& staging, EventSink& events);

/// What was staged, with the digests that Staging took when it wrote the files: nothing is read
/// again. Refers to the folder of `staging`.
Tree tree_of(const Staging& staging);

/// Removes what matches one of the shell patterns ('*' also matches '/'), directories with all they
/// hold. Returns how many entries that were.
size_t prune(const std::vector<std::string>& patterns, Staging& staging);

}  // namespace eb
