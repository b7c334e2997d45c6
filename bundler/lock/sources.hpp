#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "bundler/fetch/fetch.hpp"
#include "bundler/lock/lock.hpp"

namespace eb {

/// A root of a Debian archive: what `dists/` and `pool/` stand below.
struct ArchiveRoot {
  std::string archive;              ///< debian | debian-security (Artifact::archive)
  std::string url;                  ///< ends in "/"
  std::vector<std::string> suites;  ///< bookworm, bookworm-updates …; empty: not known
};

/// Where wheels and packages are looked for. No host name of an index or archive is built in.
struct Sources {
  std::vector<std::string> index_urls;  ///< PEP 503/691 roots, the first is the default
  std::vector<std::string> find_links;  ///< folders (or pages) with wheels
  std::string ca_file;                  ///< what pip is told with `cert`; "" = the system's
  std::vector<ArchiveRoot> archives;
  std::string keyring;   ///< checks the archive's signature at lock time; "" = apt's own keys
  bool snapshot = true;  ///< snapshot.debian.org after the archives
};

/// Options and the sources file that a person gave.
struct SourcesOptions {
  std::vector<std::string> index_urls;    ///< --index-url; instead of pip's
  std::vector<std::string> archive_urls;  ///< --archive-url [ARCHIVE=]URL; instead of apt's
  std::filesystem::path file;             ///< --sources FILE (TOML); "" = none
  std::string python = "python3";         ///< whose pip is asked
};

/// Asks pip (environment, pip.conf, its own default) and apt where they look; options and the
/// sources file go first. Only what the lock needs is asked, so that a lock without wheels needs no
/// pip. Throws Error(kNetwork) when nothing is configured, Error(kInvalidLock) for a bad file.
Sources find_sources(const SourcesOptions& options, bool wheels, bool debs);

/// Finds the places of a lock's artifacts; keeps the index pages that it read. Safe for many
/// threads.
class SourceFinder {
 public:
  /// `lock_directory` is where the lock lies: paths of tar, file and folder are seen from there.
  SourceFinder(const Lock& lock, const Sources& sources, std::filesystem::path lock_directory,
               FetchOptions options);
  ~SourceFinder();
  SourceFinder(const SourceFinder&) = delete;
  SourceFinder& operator=(const SourceFinder&) = delete;

  /// Every place to try, in order. Wheels: files of the project's index pages with this name and
  /// this sha256 (PEP 503, 691); debs: each archive root, then the snapshot at the lock's time; the
  /// others: their path or URL. Throws Error(kNetwork) when no place is known, saying what was
  /// asked and what to do.
  std::vector<std::string> urls(const Artifact& artifact);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// What fetch_all() needs for `lock`: every artifact but folders, in the lock's order. The index is
/// asked, several pages at a time, only for wheels that are not in `cache` yet (phase "look up"),
/// so a full cache needs no network.
std::vector<FetchRequest> fetch_requests(const Lock& lock, SourceFinder& finder,
                                         const ArtifactCache& cache, EventSink& events);

/// Where a folder (or another artifact named by path) of a lock lies on this machine.
std::filesystem::path local_source(const Artifact& artifact,
                                   const std::filesystem::path& lock_directory);

}  // namespace eb
