#pragma once

#include <string>
#include <vector>

#include "bundler/fetch/cache.hpp"
#include "bundler/lock/core_metadata.hpp"
#include "bundler/lock/index_reader.hpp"
#include "bundler/lock/lock.hpp"
#include "bundler/lock/pylock.hpp"
#include "bundler/manifest/marker.hpp"
#include "installer/base/events.hpp"

namespace eb {

/// Wheels as artifacts, with what only their METADATA tells.
struct DescribedWheels {
  std::vector<Artifact> artifacts;
  int64_t newest_upload = 0;  ///< seconds since 1970; 0 = not known
};

/// Size, licence and askers of each wheel. METADATA comes from the cache, from beside the file
/// (PEP 658, checked where the index gives its digest), from a part of the file, or from the whole
/// file, which then stays in the cache. `directory` is where paths of a pylock.toml are seen from.
DescribedWheels describe_wheels(const std::vector<ChosenWheel>& wheels,
                                const std::vector<std::string>& requirements,
                                const MarkerEnvironment& target, IndexReader& index,
                                const std::string& directory, const ArtifactCache& cache,
                                const FetchOptions& options, EventSink& events);

/// For each package who requires it on the target: names, and "manifest". Extras that one asks of
/// another count. `missing` gets requirements that no package of the set fulfils.
struct NamedMetadata {
  std::string name;
  CoreMetadata metadata;
};
std::vector<std::vector<std::string>> find_askers(const std::vector<NamedMetadata>& packages,
                                                  const std::vector<std::string>& requirements,
                                                  const MarkerEnvironment& target,
                                                  std::vector<std::string>* missing);

}  // namespace eb
