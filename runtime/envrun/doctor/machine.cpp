#include "runtime/envrun/doctor/machine.hpp"

#include <algorithm>

namespace eb {

std::string Machine::temporary() const {
  const std::string chosen = variables.get("TMPDIR");
  return chosen.empty() ? "/tmp" : chosen;
}

const FolderAnswer* Machine::folder(const std::string& path) const {
  const auto at = std::ranges::find(facts.folders, path, &FolderAnswer::path);
  return at == facts.folders.end() ? nullptr : &*at;
}

bool Machine::may_read(const std::string& path) const {
  return std::ranges::none_of(facts.folders, [&](const FolderAnswer& folder) {
    return !folder.has_answered && (path == folder.path || path.starts_with(folder.path + "/"));
  });
}

std::vector<std::string> path_list(const std::string& value) {
  constexpr size_t kMost = 64;
  std::vector<std::string> out;
  const std::string all = value + ":";
  for (size_t begin = 0; begin < all.size() && out.size() < kMost;) {
    const size_t end = all.find(':', begin);
    std::string entry = all.substr(begin, end - begin);
    while (entry.size() > 1 && entry.ends_with('/')) entry.pop_back();
    if (entry.starts_with('/') && std::ranges::find(out, entry) == out.end()) {
      out.push_back(std::move(entry));
    }
    begin = end + 1;
  }
  return out;
}

}  // namespace eb
