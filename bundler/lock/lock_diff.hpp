#pragma once

#include <string>
#include <utility>
#include <vector>

#include "bundler/lock/lock.hpp"

namespace eb {

/// What a new lock has that the old one has not. Artifacts are paired by kind and name.
struct LockDiff {
  std::vector<Artifact> added;
  std::vector<Artifact> removed;
  std::vector<std::pair<Artifact, Artifact>> changed;  ///< old, new: version, file or digest differ
  std::vector<std::string> settings;  ///< "python 3.11 -> 3.12", the parts that are no artifacts

  bool empty() const {
    return added.empty() && removed.empty() && changed.empty() && settings.empty();
  }
};

LockDiff diff_locks(const Lock& old_lock, const Lock& new_lock);

/// One line each, for a person: `+ wheel numpy 2.3.1`, `- deb …`, `~ deb git 1:2 -> 1:3`.
std::string render_diff(const LockDiff& diff);

}  // namespace eb
