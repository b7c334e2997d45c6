#include "runtime/envrun/core/variables.hpp"

namespace eb {

Variables::Variables(const std::vector<std::string>& entries) {
  for (const std::string& entry : entries) {
    const size_t at = entry.find('=');
    if (at == std::string::npos || at == 0) continue;
    values_.emplace(entry.substr(0, at), entry.substr(at + 1));
  }
}

std::optional<std::string> Variables::find(const std::string& name) const {
  const auto found = values_.find(name);
  if (found == values_.end()) return std::nullopt;
  return found->second;
}

void Variables::prepend(const std::string& name, const std::string& directory) {
  std::string list = directory;
  const auto before = find(name);
  if (before && !before->empty()) {
    // An empty entry of PATH means the working directory: it is kept as it stands.
    const std::string all = *before + ":";
    for (size_t begin = 0; begin < all.size();) {
      const size_t end = all.find(':', begin);
      const std::string entry = all.substr(begin, end - begin);
      if (entry != directory) list.append(":").append(entry);
      begin = end + 1;
    }
  }
  set(name, list);
}

std::vector<std::string> Variables::entries() const {
  std::vector<std::string> out;
  out.reserve(values_.size());
  for (const auto& [name, value] : values_) out.push_back(name + "=" + value);
  return out;
}

std::string state_home(const Variables& variables) {
  const std::string named = variables.get("XDG_STATE_HOME");
  if (named.starts_with('/')) return named;
  const std::string home = variables.get("HOME");
  return home.starts_with('/') ? home + "/.local/state" : "";
}

}  // namespace eb
