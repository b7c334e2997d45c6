#include <algorithm>
#include <cstring>

#include "runtime/envrun/doctor/sections.hpp"

namespace eb {
namespace {

struct FileSystem {
  uint64_t magic;
  const char* name;
  bool is_shared;  // many small files are slow there
};
// linux/magic.h, and the makers' own headers for the cluster file systems (FAULTS §6).
constexpr FileSystem kFileSystems[] = {
    {0xEF53, "ext4", false},         {0x58465342, "XFS", false},     {0x9123683E, "btrfs", false},
    {0x01021994, "tmpfs", false},    {0x794C7630, "overlay", false}, {0x2FC12FC1, "ZFS", false},
    {0x6969, "NFS", true},           {0x0BD00BD0, "Lustre", true},   {0x47504653, "GPFS", true},
    {0x19830326, "BeeGFS", true},    {0x00C36400, "CephFS", true},   {0x65735546, "FUSE", false},
    {0x73717368, "squashfs", false}, {0xAAD7AAEA, "Panasas", true},  {0x5346414F, "AFS", true},
    {0xFF534D42, "CIFS", true},      {0xFE534D42, "SMB2", true},     {0x858458F6, "ramfs", false},
};
const FileSystem* file_system(uint64_t magic) {
  const auto at = std::ranges::find(kFileSystems, magic, &FileSystem::magic);
  return at == std::end(kFileSystems) ? nullptr : at;
}

struct Role {
  const char* subject;
  std::string path;
  uint64_t least_bytes;  // a warning below it
  uint64_t least_files;
  bool must_be_writable;
  bool runs_programs;
  const char* remedy;
};

std::string room_text(const FolderAnswer& folder) {
  std::string out = memory_text(folder.free_bytes) + " free";
  if (folder.total_files > 0) out += ", " + std::to_string(folder.free_files) + " files more";
  if (const FileSystem* kind = file_system(folder.type)) out += ", " + std::string(kind->name);
  return out;
}

std::string quota_text(const Quota& quota) {
  std::vector<std::string> parts;
  if (quota.limit_bytes > 0) {
    parts.push_back(memory_text(quota.used_bytes) + " of " + memory_text(quota.limit_bytes));
  }
  if (quota.limit_files > 0) {
    parts.push_back(std::to_string(quota.used_files) + " of " + std::to_string(quota.limit_files) +
                    " files");
  }
  return quota.kind + " quota: " + list_text(parts);
}

void add_quota(const Role& role, const Quota& quota, Observations& out) {
  const auto is_tight = [](uint64_t used, uint64_t limit) {
    return limit > 0 && used >= limit - limit / 20;
  };
  const auto is_over = [](uint64_t used, uint64_t limit) { return limit > 0 && used >= limit; };
  const std::string text = quota_text(quota);
  const std::vector<std::string> next = {role.remedy,
                                         "the site's command shows more: quota -s, "
                                         "lfs quota -h, mmlsquota"};
  // Pawsey's trap: files made outside of a project's folder belong to the personal group (F117).
  const std::string group = quota.kind == "group"
                                ? "; new files count for the group that they get: work below the "
                                  "project's folder, whose setgid bit passes its group on"
                                : "";
  if (is_over(quota.used_bytes, quota.limit_bytes) ||
      is_over(quota.used_files, quota.limit_files)) {
    out.problem(role.subject, text,
                "it is used up: writing fails with 'Disk quota exceeded'" + group, next);
  } else if (is_tight(quota.used_bytes, quota.limit_bytes) ||
             is_tight(quota.used_files, quota.limit_files)) {
    out.warning(role.subject, text, "nearly used up" + group, next);
  } else {
    out.ok(role.subject, text);
  }
}

void add_role(const Machine& machine, const Role& role, Observations& out) {
  const FolderAnswer* folder = machine.folder(role.path);
  if (folder == nullptr) return;
  const std::string where = role.path + ": ";
  if (!folder->has_answered) {
    out.problem(role.subject, where + "its file system does not answer",
                "the server is gone or overloaded; every program that looks there hangs",
                {"tell the administrators of this node; meanwhile work elsewhere"});
    return;
  }
  if (folder->error != 0) {
    out.problem(role.subject, where + std::strerror(folder->error),
                "this user cannot use the folder", {role.remedy});
    return;
  }
  const std::string text = where + room_text(*folder);
  const bool may_write = folder->is_writable && !folder->is_read_only;
  if (role.must_be_writable && !may_write) {
    out.problem(role.subject, text + (folder->is_read_only ? ", read-only" : ", not writable"),
                "programs cannot keep files there", {role.remedy});
  } else if (folder->is_noexec && role.runs_programs) {
    out.problem(role.subject, text + ", noexec",
                "programs there cannot be started ('Permission denied')",
                {"install to another file system, or root: mount -o remount,exec"});
  } else if (may_write && folder->free_bytes < role.least_bytes) {
    out.warning(role.subject, text, "nearly full", {role.remedy});
  } else if (may_write && folder->total_files > 0 && folder->free_files < role.least_files) {
    out.warning(role.subject, text, "room for few files more", {role.remedy});
  } else {
    out.ok(role.subject, text);
  }
  for (const Quota& quota : folder->quotas) add_quota(role, quota, out);
}

void add_advice(const Machine& machine, Observations& out) {
  const FolderAnswer* prefix = machine.folder(machine.place.prefix);
  const FileSystem* kind = prefix != nullptr ? file_system(prefix->type) : nullptr;
  if (kind == nullptr || !kind->is_shared) return;
  const bool is_worst = std::string(kind->name) != "NFS";
  Observation& note = out.note(
      "advice", "the prefix is on " + std::string(kind->name) +
                    ", where the many small files of Python are slow to open for the first time");
  note.next = {std::string(is_worst ? "" : "if starts are slow: ") +
               "install to a local disk of each node, or use the environment as one image file"};
}

}  // namespace

Observations examine_storage(const Machine& machine) {
  Observations out;
  constexpr uint64_t kGiB = 1ull << 30;
  const std::string home = machine.home();
  const std::vector<Role> roles = {
      {"home", home, kGiB / 2, 1000, true, false,
       "remove what is not needed: caches (~/.cache) and old environments first"},
      {"prefix", machine.place.prefix, 0, 0, false, true, "ask whoever installed the environment"},
      {"working folder", machine.directory, kGiB, 1000, false, false,
       "remove what is not needed, or work elsewhere"},
      {"temporary", machine.temporary(), kGiB, 1000, true, false,
       "TMPDIR=FOLDER on a file system with room, such as the job's own scratch"},
  };
  if (home.empty()) {
    out.problem("home", "HOME is not set", "caches and settings have no place",
                {"export HOME=FOLDER"});
  }
  std::vector<std::string> seen;
  for (const Role& role : roles) {
    if (role.path.empty() || std::ranges::find(seen, role.path) != seen.end()) continue;
    seen.push_back(role.path);
    add_role(machine, role, out);
  }
  if (const FolderAnswer* tmp = machine.folder(machine.temporary());
      tmp != nullptr && tmp->has_answered && tmp->is_noexec) {
    out.note("temporary", "mounted noexec").next = {
        "what compiles at run time (torch.compile, Triton, ninja) needs TMPDIR and "
        "TRITON_CACHE_DIR elsewhere"};
  }
  add_advice(machine, out);
  return out;
}

}  // namespace eb
