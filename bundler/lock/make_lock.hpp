#pragma once

#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "bundler/fetch/cache.hpp"
#include "bundler/fetch/fetch.hpp"
#include "bundler/lock/lock.hpp"
#include "bundler/lock/sources.hpp"
#include "bundler/manifest/manifest.hpp"
#include "installer/base/events.hpp"

namespace eb {

/// Which versions of the previous lock may be left behind.
struct Upgrade {
  bool all = false;
  std::set<std::string> names;  ///< packages; also "debs" and "wheels" for all of a kind
};

struct LockOptions {
  std::filesystem::path lock_directory;  ///< where the lock is going to lie
  std::optional<Lock> previous;
  Upgrade upgrade;
  SourcesOptions sources;
  FetchOptions fetch;
  std::string uv = "uv";  ///< program that resolves wheels; pip serves where it is absent
};

/// Chooses every version (DESIGN §3: the only step that may). Runs `uv` or `pip`, and `apt` in a
/// private state directory: the machine's own lists and status are not touched. Packages of the
/// base are downloaded into `cache`, because their licences stand in them; of wheels only what
/// their index does not tell.
///
/// With a previous lock of the same manifest, what no upgrade names stays as it is; with one of a
/// changed manifest its versions are preferred. The same manifest, previous lock and state of index
/// and archive give the same lock.
///
/// Throws Error: kUnresolvable, kNetwork, kInvalidLock, kPolicy (a licence that the manifest does
/// not accept), kInternal (a resolver cannot be run).
Lock make_lock(const Manifest& manifest, const LockOptions& options, const ArtifactCache& cache,
               EventSink& events);

/// Why `lock` is not what `manifest` asks for, a sentence each; empty when it is current. Reads the
/// files and folders that the manifest names, nothing else; asks no network.
std::vector<std::string> stale_reasons(const Manifest& manifest, const Lock& lock,
                                       const std::filesystem::path& lock_directory);

}  // namespace eb
