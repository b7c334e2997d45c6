#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bundler/lock/lock.hpp"
#include "bundler/lock/make_lock.hpp"
#include "bundler/lock/sources.hpp"
#include "bundler/manifest/manifest.hpp"

namespace eb {

/// The Debian part of a lock.
struct ResolvedBase {
  std::vector<Artifact> artifacts;
  int64_t release_time = 0;  ///< the archive's, seconds since 1970
};

/// Resolves [base] with apt and downloads the packages into `cache` for their licences. `preferred`
/// are the packages of the previous lock that need not move.
ResolvedBase resolve_base(const Manifest& manifest, const Sources& sources,
                          const std::vector<Artifact>& preferred, const LockOptions& options,
                          const ArtifactCache& cache, EventSink& events);

/// The upstream version of the base's interpreter ("3.11.2" of python3.11 3.11.2-6+deb12u6) where
/// it has the target's; "" otherwise.
std::string python_of_base(const std::vector<Artifact>& artifacts, const std::string& python);

}  // namespace eb
