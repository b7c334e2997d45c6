#include "runtime/envrun/limits/memory_group_place.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <sstream>

namespace eb {
namespace {

constexpr uint64_t kNoLimit = 1ull << 62;  // version 1 writes "none" as a number near 2^63

std::vector<std::string> words_of(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> out;
  for (std::string word; in >> word;) out.push_back(word);
  return out;
}

bool lists(const std::string& list, const std::string& word) {
  return ("," + list + ",").find("," + word + ",") != std::string::npos;
}

struct Mount {
  std::string root;   // of the hierarchy, as this mount shows it
  std::string point;  // where it stands
};

// Lines of proc(5) mountinfo: ID PARENT DEV ROOT POINT OPTIONS [TAGS...] - TYPE SOURCE SUPER
std::optional<Mount> mount_of(const HostFiles& files, const std::string& type,
                              const std::string& super_option) {
  for (const std::string& line :
       text_lines(files.read("/proc/self/mountinfo", 1u << 20).value_or(""))) {
    const auto words = words_of(line);
    const auto dash = std::ranges::find(words, "-");
    if (words.size() < 10 || words.end() - dash < 4 || dash[1] != type) continue;
    if (super_option.empty() || lists(dash[3], super_option)) return Mount{words[3], words[4]};
  }
  return std::nullopt;
}

// Path in the hierarchy of the line "N:CONTROLLERS:PATH" of this process.
std::optional<std::string> own_path(const HostFiles& files, bool is_version_1) {
  for (const std::string& line : text_lines(files.read("/proc/self/cgroup").value_or(""))) {
    const size_t first = line.find(':');
    const size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    if (is_version_1 ? lists(controllers, "memory") : line.starts_with("0::")) {
      return line.substr(second + 1);
    }
  }
  return std::nullopt;
}

// Folder of the group; nullopt when the mount does not show it (a cgroup namespace of others).
std::optional<std::string> folder_of(const Mount& mount, const std::string& path) {
  std::string below = path;
  if (mount.root != "/") {
    if (!path.starts_with(mount.root)) return std::nullopt;
    below = path.substr(mount.root.size());
  }
  if (below == "/" || below.empty()) return mount.point;
  if (below.find("/..") != std::string::npos) return std::nullopt;
  return mount.point + below;
}

std::string parent_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

std::optional<uint64_t> least_limit(const HostFiles& files, const MemoryGroupPlace& own) {
  const std::string file = own.version == 2 ? "/memory.max" : "/memory.limit_in_bytes";
  std::optional<uint64_t> out;
  std::string path = own.path;
  for (unsigned depth = 0; depth < 64; ++depth) {
    const auto limit = group_number(files, path + file);
    if (limit && *limit < kNoLimit && (!out || *limit < *out)) out = limit;
    if (path == own.mount_point || path.size() < own.mount_point.size()) break;
    path = parent_of(path);
  }
  return out;
}

bool may_make_groups(const HostFiles& files, const std::string& folder) {
  return files.access_error(folder, W_OK | X_OK) == 0 &&
         files.access_error(folder + "/cgroup.procs", W_OK) == 0;
}

// What a process would get rid of by leaving the group.
std::string limit_of_own(const HostFiles& files, const std::string& group) {
  static constexpr std::array kLimits = {"memory.max", "memory.high", "memory.swap.max",
                                         "pids.max"};
  for (const char* name : kLimits) {
    if (group_number(files, group + "/" + name)) return name;
  }
  const std::string cpu = files.first_line(group + "/cpu.max");
  return cpu.empty() || cpu.starts_with("max") ? "" : "cpu.max";
}

GroupSite version_1_site(const HostFiles& files, const MemoryGroupPlace& own) {
  GroupSite out{.version = 1};
  if (!may_make_groups(files, own.path)) {
    out.why_none = "this user may not make groups in " + own.path;
  } else if (files.first_line(own.path + "/memory.use_hierarchy") != "1") {
    out.why_none = own.path + " does not pass its own limit on to groups in it";
  } else {
    out.parent = own.path;
  }
  return out;
}

}  // namespace

std::optional<uint64_t> group_number(const HostFiles& files, const std::string& path) {
  return number_of(files.first_line(path));
}

std::optional<uint64_t> group_counter(const HostFiles& files, const std::string& path,
                                      const std::string& key) {
  for (const std::string& line : text_lines(files.read(path).value_or(""))) {
    const auto words = words_of(line);
    if (words.size() == 2 && words[0] == key) return number_of(words[1]);
  }
  return std::nullopt;
}

bool group_file_has(const HostFiles& files, const std::string& path, const std::string& word) {
  const auto words = words_of(files.first_line(path));
  return std::ranges::find(words, word) != words.end();
}

MemoryGroupPlace own_memory_group(const HostFiles& files) {
  MemoryGroupPlace out;
  for (const int version : {1, 2}) {
    const auto path = own_path(files, version == 1);
    const auto mount =
        version == 1 ? mount_of(files, "cgroup", "memory") : mount_of(files, "cgroup2", "");
    if (!path || !mount) continue;
    const auto folder = folder_of(*mount, *path);
    if (!folder) continue;
    // The root of version 2 has no memory.max, but hands the controller on.
    if (version == 2 && !group_file_has(files, *folder + "/cgroup.controllers", "memory")) continue;
    out.version = version;
    out.path = *folder;
    out.mount_point = mount->point;
    out.limit = least_limit(files, out);
    return out;
  }
  return out;
}

GroupSite find_group_site(const HostFiles& files, const MemoryGroupPlace& own, bool in_slurm_job) {
  GroupSite out{.version = own.version};
  if (own.version == 0) {
    out.why_none = "no control group counts memory here";
    return out;
  }
  if (own.version == 1) return version_1_site(files, own);
  const auto hands_on = [&](const std::string& group) {
    return group_file_has(files, group + "/cgroup.subtree_control", "memory");
  };
  if (may_make_groups(files, own.path)) {
    if (hands_on(own.path)) {
      out.parent = own.path;
      return out;
    }
    const auto inside = text_lines(files.read(own.path + "/cgroup.procs").value_or(""));
    // The system's root alone may hold processes and hand on controllers; it has no type.
    const bool is_root = !files.exists(own.path + "/cgroup.type");
    const bool is_alone = inside.size() == 1 && number_of(inside.front()) == getpid();
    if ((is_alone || is_root) &&
        files.access_error(own.path + "/cgroup.subtree_control", W_OK) == 0) {
      out.parent = own.path;
      out.must_step_aside = !is_root;
      return out;
    }
    out.why_none = "other processes are in " + own.path + ", which is not divided yet";
  } else {
    out.why_none = "this user may not make groups in " + own.path;
  }
  if (in_slurm_job || own.path == own.mount_point) return out;
  const std::string around = parent_of(own.path);
  if (!may_make_groups(files, around) || !hands_on(around)) return out;
  if (const std::string limit = limit_of_own(files, own.path); !limit.empty()) {
    out.why_none += ", and beside it " + limit + " of that group would no longer hold";
    return out;
  }
  out.parent = around;
  out.why_none.clear();
  return out;
}

}  // namespace eb
