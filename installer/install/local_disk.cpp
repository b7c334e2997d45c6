#include "installer/install/local_disk.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "installer/base/error.hpp"
#include "installer/install/durability.hpp"
#include "installer/install/size_text.hpp"
#include "installer/install/small_file.hpp"

namespace eb {

std::vector<DiskCandidate> disk_candidates(
    const std::function<std::string(const char*)>& variable) {
  std::vector<DiskCandidate> out;
  for (const char* name : {"SLURM_TMPDIR", "LOCAL_SCRATCH", "TMPDIR"}) {
    std::string path = variable(name);
    if (path.starts_with('/')) out.push_back({std::string("$") + name, std::move(path)});
  }
  for (const char* path : {"/local", "/scratch/local", "/tmp", "/dev/shm"}) {
    const auto is_same = [&](const DiskCandidate& other) { return other.path == path; };
    if (std::ranges::none_of(out, is_same)) out.push_back({path, path});
  }
  return out;
}

uint64_t job_memory(const std::function<std::string(const char*)>& variable) {
  // Slurm tells MiB, of the node or of each CPU (sbatch(1)); 0 stands for "all of it".
  constexpr uint64_t kMiB = 1u << 20;
  if (const auto node = parse_number(variable("SLURM_MEM_PER_NODE"))) return *node * kMiB;
  const auto cpu = parse_number(variable("SLURM_MEM_PER_CPU"));
  const auto cpus = parse_number(variable("SLURM_CPUS_ON_NODE"));
  return cpu && cpus ? *cpu * *cpus * kMiB : 0;
}

std::string refuse_disk(Sys& sys, const std::string& path, const VerifiedBundle& bundle,
                        uint64_t memory_limit, const Host& host) {
  int fd = 0;
  do {
    fd = sys.openat(AT_FDCWD, path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
  } while (fd == -EINTR);
  if (fd < 0) return std::strerror(-fd);
  const Fd dir(sys, fd);
  if (sys.faccessat(fd, ".", W_OK | X_OK) < 0) return "it may not be written";
  const SpaceReport space = read_space(sys, fd, bundle, std::nullopt, path);
  const Durability kind = judge_durability(space.fs_type, host);
  if (space.is_read_only) return "it is read-only";
  if (space.is_noexec) return "it is mounted noexec";
  if (kind.is_server) return "it is on a server (" + kind.file_system + ")";
  if (space.counts_inodes && space.free_inodes < space.need.inodes) {
    return "it has room for " + std::to_string(space.free_inodes) + " files, needed are " +
           std::to_string(space.need.inodes);
  }
  if (space.free_bytes < space.need.bytes) {
    return "it has " + size_text(space.free_bytes) + ", needed are " + size_text(space.need.bytes);
  }
  if (kind.is_memory && memory_limit > 0 && space.need.bytes > memory_limit / 2) {
    return "it is memory, of which the job has " + size_text(memory_limit) + "; " +
           size_text(space.need.bytes) + " would be taken away from it";
  }
  return {};
}

}  // namespace eb
