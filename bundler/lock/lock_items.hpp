#pragma once

#include <filesystem>
#include <vector>

#include "bundler/lock/lock.hpp"
#include "bundler/manifest/manifest.hpp"

namespace eb {

/// The [[tar]], [[file]] and [[folder]] of a manifest as artifacts: files and folders are read and
/// hashed now, what a URL names is as the manifest says. Paths are written as seen from
/// `lock_directory`. Throws Error(kDownloadMismatch) when a path is not what its sha256 says.
std::vector<Artifact> lock_items(const Manifest& manifest,
                                 const std::filesystem::path& lock_directory);

}  // namespace eb
