#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "installer/format/index.hpp"

namespace eb {

/// What goes into a bundle: entries sorted by path (offset unset, digests set), and the folder that
/// holds the files' content under the same paths.
struct Tree {
  std::filesystem::path root;
  std::vector<Entry> entries;
};

/// Reads a folder: regular files (executable if the owner may execute), directories, symlinks;
/// hashes content with `threads` threads. Throws Error(kConflict) on anything else in it or on a
/// path that breaks a rule, naming all such paths.
Tree scan_tree(const std::filesystem::path& root, unsigned threads);

}  // namespace eb
