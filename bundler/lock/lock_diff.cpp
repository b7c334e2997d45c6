#include "bundler/lock/lock_diff.hpp"

#include <algorithm>
#include <map>

namespace eb {
namespace {

using Key = std::pair<ArtifactKind, std::string>;

std::map<Key, const Artifact*> by_name(const Lock& lock) {
  std::map<Key, const Artifact*> out;
  for (const auto& artifact : lock.artifacts) {
    out.emplace(Key{artifact.kind, artifact.name}, &artifact);
  }
  return out;
}

std::string shown(const Artifact& artifact) {
  return std::string(to_string(artifact.kind)) + " " + artifact.name +
         (artifact.version.empty() ? "" : " " + artifact.version);
}

/// What of a change a person cares about: the version, else the file, else its content.
std::string change(const Artifact& before, const Artifact& after) {
  if (before.version != after.version) {
    return shown(before) + " -> " + (after.version.empty() ? "none" : after.version);
  }
  if (before.file_name != after.file_name) {
    return shown(before) + ": " + before.file_name + " -> " + after.file_name;
  }
  if (before.digest != after.digest) {
    constexpr size_t kShown = 12;
    return shown(before) + ": content " + before.digest.hex().substr(0, kShown) + " -> " +
           after.digest.hex().substr(0, kShown);
  }
  if (before.licence != after.licence) {
    return shown(before) + ": licence \"" + before.licence + "\" -> \"" + after.licence + "\"";
  }
  return shown(before) + ": what asks for it, or where it goes";
}

void compare(std::vector<std::string>& out, const char* name, const std::string& before,
             const std::string& after) {
  if (before == after) return;
  out.push_back(std::string(name) + " " + (before.empty() ? "none" : before) + " -> " +
                (after.empty() ? "none" : after));
}

std::string joined(const std::vector<std::string>& list) {
  std::string out;
  for (const auto& item : list) out += (out.empty() ? "" : ", ") + item;
  return out;
}

}  // namespace

LockDiff diff_locks(const Lock& old_lock, const Lock& new_lock) {
  LockDiff out;
  const auto before = by_name(old_lock);
  const auto after = by_name(new_lock);
  for (const auto& [key, artifact] : before) {
    const auto found = after.find(key);
    if (found == after.end()) {
      out.removed.push_back(*artifact);
    } else if (*found->second != *artifact) {
      out.changed.emplace_back(*artifact, *found->second);
    }
  }
  for (const auto& [key, artifact] : after) {
    if (before.count(key) == 0) out.added.push_back(*artifact);
  }
  const std::vector<std::string> usual = {"the usual ones"};
  compare(out.settings, "name", old_lock.manifest_name, new_lock.manifest_name);
  compare(out.settings, "version", old_lock.version, new_lock.version);
  compare(out.settings, "platform", old_lock.platform, new_lock.platform);
  compare(out.settings, "python", old_lock.python, new_lock.python);
  compare(out.settings, "glibc", old_lock.glibc, new_lock.glibc);
  compare(out.settings, "suite", old_lock.suite, new_lock.suite);
  compare(out.settings, "timestamp", old_lock.timestamp, new_lock.timestamp);
  compare(out.settings, "cuda", old_lock.cuda, new_lock.cuda);
  compare(out.settings, "min-driver", old_lock.min_driver, new_lock.min_driver);
  compare(out.settings, "prune", joined(old_lock.prune), joined(new_lock.prune));
  compare(out.settings, "modules.conflict", joined(old_lock.module_conflicts.value_or(usual)),
          joined(new_lock.module_conflicts.value_or(usual)));
  compare(out.settings, "accepted-licences", joined(old_lock.accepted_licences),
          joined(new_lock.accepted_licences));
  return out;
}

std::string render_diff(const LockDiff& diff) {
  std::string out;
  for (const auto& text : diff.settings) out += "~ " + text + "\n";
  for (const auto& artifact : diff.removed) out += "- " + shown(artifact) + "\n";
  for (const auto& [before, after] : diff.changed) out += "~ " + change(before, after) + "\n";
  for (const auto& artifact : diff.added) out += "+ " + shown(artifact) + "\n";
  return out;
}

}  // namespace eb
