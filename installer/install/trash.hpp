#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "installer/install/prefix.hpp"

namespace eb {

/// What became of a release that was renamed to .envinstall/trash-<release>-<nonce>.
struct TrashResult {
  uint64_t removed = 0;           ///< files and links
  std::vector<std::string> left;  ///< what no bundle brought, at most kMaxLeft paths
  uint64_t left_count = 0;
  std::string kept_at;  ///< where that lies now; empty when nothing is left
};
inline constexpr size_t kMaxLeft = 20;

/// Deletes what the release's own index names, what Python generated beside it, and the directories
/// that are then empty; nothing else, and through no link (FAULTS §4, "uninstall"). What remains is
/// somebody's and is kept as .envinstall/kept-…. Throws Error for what cannot be removed; the trash
/// then stays for a later run.
TrashResult empty_trash(Sys& sys, const Prefix& prefix, const std::string& trash);

/// True for bytecode that an interpreter writes beside its sources.
bool is_generated_file(std::string_view path);

}  // namespace eb
