#include "runtime/gpu/maps.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace eb::gpu {
namespace {

constexpr std::string_view kWatched[] = {
    "libcuda",    "libnvidia-",    "libcudart",  "libcublas", "libcudnn",    "libnccl",
    "libnvrtc",   "libnvJitLink",  "libcufft",   "libcurand", "libcusolver", "libcusparse",
    "libnvshmem", "libnvToolsExt", "libcufile",  "libcupti",  "libtorch",    "libc10",
    "libstdc++",  "libgcc_s",      "libgomp",    "libc.so",   "libc-",       "libm.so",
    "libm-",      "ld-linux",      "libpthread", "libdl",     "librt",       "libz."};

}  // namespace

bool is_watched_library(std::string_view name) {
  return std::ranges::any_of(
      kWatched, [&](std::string_view beginning) { return name.starts_with(beginning); });
}

std::vector<std::string> watched_paths(std::string_view maps) {
  std::vector<std::string> out;
  while (!maps.empty()) {
    const size_t end = std::min(maps.find('\n'), maps.size());
    const std::string_view line = maps.substr(0, end);
    maps.remove_prefix(std::min(end + 1, maps.size()));
    // Address, permissions, offset, device and inode hold no slash; the path is all that follows.
    const size_t slash = line.find('/');
    if (slash == std::string_view::npos) continue;
    const std::string path(line.substr(slash));
    if (!is_watched_library(std::string_view(path).substr(path.rfind('/') + 1))) continue;
    if (std::ranges::find(out, path) == out.end()) out.push_back(path);
  }
  return out;
}

std::string read_proc(const char* path) {
  std::string out;
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return out;
  char part[4096];
  while (true) {
    const ssize_t got = read(fd, part, sizeof part);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    out.append(part, static_cast<size_t>(got));
  }
  close(fd);
  return out;
}

}  // namespace eb::gpu
