#include <algorithm>
#include <set>

#include "runtime/envrun/doctor/sections.hpp"

namespace eb {
namespace {

constexpr uint64_t kLeastShared = 1ull << 30;  // bytes; 64 MiB is what containers give by default
constexpr size_t kMostProcesses = 20000;
constexpr size_t kMostMaps = 4u << 20;  // bytes
constexpr char kFolder[] = "/dev/shm";

struct Segment {
  std::string path;
  uint64_t bytes = 0;
};

// What programs of this kind leave behind when they are killed: NCCL, PyTorch, Python's
// multiprocessing (POSIX semaphores and shared_memory).
bool is_ours_by_name(const std::string& name) {
  for (const char* prefix : {"nccl-", "torch_", "sem.mp-", "psm_", "cuda.shm.", "gloo"}) {
    if (name.starts_with(prefix)) return true;
  }
  return false;
}

std::vector<Segment> own_segments(const Machine& machine) {
  std::vector<Segment> out;
  for (const std::string& name : machine.files.names(kFolder)) {
    if (!is_ours_by_name(name)) continue;
    const std::string path = std::string(kFolder) + "/" + name;
    const auto info = machine.files.info(path);
    if (!info || !S_ISREG(info->st_mode) || info->st_uid != machine.uid) continue;
    out.push_back({path, static_cast<uint64_t>(info->st_blocks) * 512});
  }
  return out;
}

// Files below /dev/shm that a process maps. Other users' processes cannot be read, and map none of
// our segments.
std::set<std::string> mapped_segments(const Machine& machine) {
  std::set<std::string> out;
  size_t seen = 0;
  for (const std::string& name : machine.files.names("/proc")) {
    if (!number_of(name) || ++seen > kMostProcesses) continue;
    const auto owner = machine.files.info("/proc/" + name);
    if (!owner || owner->st_uid != machine.uid) continue;
    const auto maps = machine.files.read("/proc/" + name + "/maps", kMostMaps);
    if (!maps) continue;
    for (size_t at = maps->find("/dev/shm/"); at != std::string::npos;
         at = maps->find("/dev/shm/", at + 1)) {
      out.insert(maps->substr(at, maps->find('\n', at) - at));
    }
  }
  return out;
}

void add_segments(const Machine& machine, Observations& out) {
  std::vector<Segment> segments = own_segments(machine);
  if (segments.empty()) {
    out.ok("segments", "none of this user's programs is left there");
    return;
  }
  const std::set<std::string> mapped = mapped_segments(machine);
  std::vector<std::string> stale;
  uint64_t stale_bytes = 0;
  for (const Segment& segment : segments) {
    if (mapped.contains(segment.path)) continue;
    stale.push_back(segment.path);
    stale_bytes += segment.bytes;
  }
  if (stale.empty()) {
    out.ok("segments", number_text(segments.size(), "segment", "segments") + ", in use");
    return;
  }
  out.warning("segments",
              number_text(stale.size(), "segment", "segments") + " of " + memory_text(stale_bytes) +
                  " that no process of this user here maps: " + list_text(stale, 3),
              "programs that were killed left them; they take memory until they are removed",
              {"if no job of yours runs on this node: rm " + list_text(stale, 3)});
}

std::string mount_options(const Machine& machine) {
  const auto mounts = machine.files.read("/proc/self/mounts", 1u << 20);
  std::string out;
  for (const std::string& line : text_lines(mounts.value_or(""))) {
    const size_t at = line.find(" /dev/shm ");
    if (at == std::string::npos) continue;
    const std::string rest = line.substr(at + std::string(" /dev/shm ").size());
    out = rest.substr(0, rest.find(" 0 0"));  // the last mount is the one that is seen
  }
  return out;
}

}  // namespace

Observations examine_shared_memory(const Machine& machine) {
  Observations out;
  const FolderAnswer* shm = machine.folder(kFolder);
  const std::vector<std::string> ask = {
      "root: mount -t tmpfs -o size=50%,mode=1777 tmpfs /dev/shm"};
  if (shm == nullptr || !shm->has_answered || shm->error != 0) {
    out.problem(kFolder, "not there", "data loaders with workers and NCCL need it", ask);
    return out;
  }
  const std::string options = mount_options(machine);
  const std::string text = memory_text(shm->free_bytes) + " free of " +
                           memory_text(shm->total_bytes) + (options.empty() ? "" : ", " + options);
  if (!shm->is_writable) {
    out.problem(kFolder, text, "this user may not write there: data loaders and NCCL cannot start",
                {"root: chmod 1777 /dev/shm"});
  } else if (shm->free_bytes < kLeastShared) {
    out.warning(kFolder, text,
                "data loaders end with 'Bus error' or 'No space left on device' when it is full; "
                "NCCL with 'Error while creating shared memory segment'",
                {"envrun --shm-size 8g -- CMD gives a program more, where user namespaces are "
                 "allowed",
                 "torch.multiprocessing.set_sharing_strategy('file_system'), or fewer workers",
                 "root: mount -o remount,size=50% /dev/shm"});
  } else {
    out.ok(kFolder, text);
  }
  add_segments(machine, out);
  return out;
}

}  // namespace eb
