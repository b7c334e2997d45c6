#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "installer/format/index.hpp"

namespace eb {

/// Which entries of an index lie in which directory. The index must outlive it.
class ImageTree {
 public:
  static constexpr size_t kRoot = SIZE_MAX;

  explicit ImageTree(const Index& index) {
    std::unordered_map<std::string_view, size_t> directories{{"", kRoot}};
    for (uint32_t i = 0; i < index.entries.size(); ++i) {
      const Entry& entry = index.entries[i];
      // Entries are sorted by path and every parent is there, so a parent came before.
      children_[directories.at(entry.path.parent())].push_back(i);
      if (entry.type == EntryType::kDirectory) directories.emplace(entry.path.str(), i);
    }
  }

  /// Sorted by name. `directory` is an entry's number, or kRoot.
  const std::vector<uint32_t>& children(size_t directory) const {
    static const std::vector<uint32_t> kNone;
    const auto at = children_.find(directory);
    return at == children_.end() ? kNone : at->second;
  }

 private:
  std::unordered_map<size_t, std::vector<uint32_t>> children_;
};

}  // namespace eb
