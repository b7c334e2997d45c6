#include "runtime/envrun/limits/shm_plan.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <cstring>
#include <limits>

#include "installer/base/error.hpp"
#include "runtime/envrun/limits/machine_memory.hpp"
#include "runtime/envrun/limits/memory_size.hpp"

namespace eb {
namespace {

constexpr char kShm[] = "/dev/shm";

}  // namespace

ShmFacts read_shm_facts(const World& world, const HostFiles& files, uint64_t bytes,
                        const PrivateShm& shm) {
  ShmFacts out;
  out.machine_bytes = machine_memory(files);
  const auto info = files.info(kShm);
  const auto real = files.real_path(kShm);
  if (info && real && S_ISDIR(info->st_mode)) {
    out.is_there = files.access_error(kShm, W_OK | X_OK) == 0;
    struct statfs system {};
    const int fd = files.sys().openat(AT_FDCWD, (world.root + *real).c_str(),
                                      O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    if (fd >= 0 && files.sys().fstatfs(fd, &system) == 0) {
      const auto block = static_cast<uint64_t>(system.f_bsize);
      out.is_tmpfs = system.f_type == TMPFS_MAGIC;
      out.total = system.f_blocks * block;
      out.free = system.f_bavail * block;
      if (out.is_tmpfs && system.f_blocks == 0) {
        out.total = out.free = std::numeric_limits<uint64_t>::max();
      }
    }
    if (fd >= 0) files.sys().close(fd);
  }
  if (info && (!out.is_there || out.free < bytes)) {
    out.is_tried = true;
    out.private_error = try_private_shm(shm);
  }
  return out;
}

ShmPlan plan_shm(uint64_t bytes, const ShmFacts& facts) {
  const std::string size = memory_size_text(bytes);
  if (facts.machine_bytes > 0 && bytes > facts.machine_bytes) {
    throw Error(ExitCode::kUnsupportedFs, "--shm-size " + size + " is more than this machine has")
        .why("shared memory is memory, and there are " + memory_size_text(facts.machine_bytes))
        .hint("a smaller --shm-size, or another machine");
  }
  ShmPlan out;
  if (facts.is_there && facts.free >= bytes) {
    out.text = "/dev/shm has " + size + " free: left as it is";
    return out;
  }
  if (facts.is_tried && facts.private_error == 0) {
    out.means = ShmMeans::kPrivate;
    out.text = "/dev/shm is a private one of " + size +
               ": processes outside of this envrun do not share it";
    return out;
  }
  const std::string why = facts.is_tried ? std::string("a private one cannot be mounted: ") +
                                               std::strerror(facts.private_error) +
                                               " (user namespaces are off, or restricted)"
                                         : "there is no folder /dev/shm to mount one on";
  if (!facts.is_there || facts.free < kLeastMemorySize) {
    throw Error(ExitCode::kUnsupportedFs,
                "there is no shared memory to use, for --shm-size " + size)
        .where(kShm)
        .why(why)
        .hint(
            "ask the administrator for a tmpfs on /dev/shm, or for user namespaces "
            "(sysctl user.max_user_namespaces)");
  }
  out.means = ShmMeans::kAsItIs;
  out.text = "/dev/shm stays as it is, with " + memory_size_text(facts.free) + " free";
  // PyTorch's strategy file_system would not help: its files are in /dev/shm as well.
  out.warning = "--shm-size " + size + " cannot be had: /dev/shm has " +
                memory_size_text(facts.free) + " free, and " + why +
                "; a DataLoader that needs more ends with a bus error: use num_workers=0, fewer "
                "workers, or a smaller prefetch_factor";
  return out;
}

}  // namespace eb
