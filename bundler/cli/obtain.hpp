#pragma once

#include <filesystem>
#include <string>

#include "bundler/cli/commands.hpp"
#include "bundler/fetch/cache.hpp"
#include "bundler/fetch/fetch.hpp"
#include "bundler/lock/lock.hpp"
#include "bundler/lock/sources.hpp"

namespace eb {

/// Where a command may get artifacts from, as its options say.
struct SourceArguments {
  std::string cache;  ///< "" = ArtifactCache::default_directory()
  SourcesOptions sources;
  FetchOptions fetch;
  bool offline = false;

  ArtifactCache open_cache() const;
};
void add_cache_option(CLI::App& app, SourceArguments& arguments);
void add_source_options(CLI::App& app, SourceArguments& arguments);

struct LockFile {
  Lock lock;
  Sha256 digest;                 ///< of the file's bytes
  std::filesystem::path folder;  ///< where it lies
  std::string name;              ///< as it was given, for messages
};
LockFile read_lock(const std::filesystem::path& file);

struct Obtained {
  size_t cached = 0;  ///< files that were there
  size_t fetched = 0;
};
/// Brings every artifact of the lock into the cache. Sources are looked up only when something is
/// missing, so that a full cache needs neither network nor pip. Throws what fetch_all() throws;
/// with `offline` Error(kNetwork) naming what is missing. `hooks` as those of fetch_all(); a file
/// that turns out damaged may be followed by those before it once more.
Obtained obtain(const LockFile& lock, const SourceArguments& arguments, EventSink& events,
                const FetchHooks& hooks = {});

}  // namespace eb
