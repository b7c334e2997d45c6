#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace eb {

/// Environment variables as a value: what a command was given, or what a program shall get.
class Variables {
 public:
  Variables() = default;
  /// "NAME=VALUE" each. Of a repeated name the first counts, as for getenv(3); an entry without "="
  /// is dropped.
  explicit Variables(const std::vector<std::string>& entries);

  /// nullopt when it is not set.
  std::optional<std::string> find(const std::string& name) const;
  /// Empty when it is not set.
  std::string get(const std::string& name) const { return find(name).value_or(""); }
  void set(const std::string& name, const std::string& value) { values_[name] = value; }
  void unset(const std::string& name) { values_.erase(name); }
  /// Puts `directory` first on a list such as PATH, and takes it out of its other places.
  void prepend(const std::string& name, const std::string& directory);

  /// "NAME=VALUE" each, sorted by name.
  std::vector<std::string> entries() const;
  bool operator==(const Variables&) const = default;

 private:
  std::map<std::string, std::string> values_;
};

/// Where this user's programs keep what is to last: $XDG_STATE_HOME, else $HOME/.local/state,
/// neither of them where it is relative (XDG base directory specification); empty when there is no
/// such.
std::string state_home(const Variables& variables);

}  // namespace eb
