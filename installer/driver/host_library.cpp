#include "installer/driver/host_library.hpp"

#include <elf.h>

#include <algorithm>

#include "installer/driver/driver_rules.hpp"
#include "installer/driver/elf_versions.hpp"
#include "installer/driver/loader_cache.hpp"

namespace eb {
namespace {

constexpr char kSoname[] = "libcuda.so.1";
constexpr size_t kMaxCache = 8u << 20;
constexpr size_t kMaxSearchFolders = 64;

struct Machine {
  const char* multiarch;
  uint16_t elf;
  int32_t cache_flags;
};

Machine machine_of(const ProbeEnvironment& environment) {
  constexpr Machine kX86 = {"x86_64-linux-gnu", EM_X86_64, kCacheX86_64};
  constexpr Machine kArm = {"aarch64-linux-gnu", EM_AARCH64, kCacheAarch64};
  if (environment.machine == "x86_64") return kX86;
  if (environment.machine == "aarch64") return kArm;
#if defined(__aarch64__)
  return kArm;
#else
  return kX86;
#endif
}

std::optional<ElfVersions> versions_of(const HostFiles& files, const std::string& path) {
  const Fd fd = files.open(path);
  if (!fd) return std::nullopt;
  return read_elf_versions(files.sys(), fd.get());
}

class LibcudaSearch {
 public:
  LibcudaSearch(const HostFiles& files, uint16_t machine) : files_(files), machine_(machine) {}

  void try_path(const std::string& path, const char* found_by) {
    const auto real = files_.real_path(path);
    if (!real || !files_.exists(*real)) return;
    if (std::ranges::any_of(found_, [&](const auto& one) { return one.real_path == *real; })) {
      return;
    }
    const auto versions = versions_of(files_, *real);
    if (versions && versions->machine != machine_) return;
    HostLibcuda one;
    one.path = path;
    one.real_path = *real;
    one.found_by = found_by;
    if (versions) one.needs_glibc = versions->needs_glibc;
    const std::string name = real->substr(real->rfind('/') + 1);
    constexpr std::string_view kPrefix = "libcuda.so.";
    if (name.starts_with(kPrefix) && is_driver_version(name.substr(kPrefix.size()))) {
      one.version = name.substr(kPrefix.size());
    }
    one.is_stub =
        path.find("/stubs/") != std::string::npos || real->find("/stubs/") != std::string::npos;
    one.is_compat =
        path.find("/compat/") != std::string::npos || real->find("/compat/") != std::string::npos;
    found_.push_back(std::move(one));
  }
  void try_folder(const std::string& folder, const char* found_by) {
    if (folder.starts_with('/')) try_path(folder + "/" + kSoname, found_by);
  }

  std::vector<HostLibcuda> result() && {
    std::stable_partition(found_.begin(), found_.end(),
                          [](const HostLibcuda& one) { return !one.is_stub; });
    return std::move(found_);
  }

 private:
  const HostFiles& files_;
  uint16_t machine_;
  std::vector<HostLibcuda> found_;
};

}  // namespace

std::vector<HostLibcuda> find_libcuda(const HostFiles& files, const ProbeEnvironment& environment) {
  const Machine machine = machine_of(environment);
  LibcudaSearch search(files, machine.elf);
  const std::string cache = files.read("/etc/ld.so.cache", kMaxCache).value_or("");
  for (const std::string& path : cached_paths(cache, kSoname, machine.cache_flags)) {
    search.try_path(path, "loader cache");
  }
  const std::string multiarch = std::string("/usr/lib/") + machine.multiarch;
  for (const std::string& folder :
       {std::string("/lib/") + machine.multiarch, multiarch, std::string("/lib64"),
        std::string("/usr/lib64"), std::string("/lib"), std::string("/usr/lib")}) {
    search.try_folder(folder, "system folder");
  }
  const std::string listed = environment.ld_library_path.value_or("");
  size_t folders = 0;
  for (size_t at = 0; at < listed.size() && folders < kMaxSearchFolders; ++folders) {
    const size_t end = std::min(listed.find_first_of(":;", at), listed.size());
    search.try_folder(listed.substr(at, end - at), "LD_LIBRARY_PATH");
    at = end + 1;
  }
  for (const std::string& folder :
       {std::string("/usr/lib/wsl/lib"), std::string("/.singularity.d/libs"),
        std::string("/usr/local/nvidia/lib64"), std::string("/usr/local/nvidia/lib"),
        std::string("/run/opengl-driver/lib"), multiarch + "/nvidia/current", multiarch + "/nvidia",
        multiarch + "/tegra", std::string("/usr/lib64/nvidia")}) {
    search.try_folder(folder, "known place");
  }
  return std::move(search).result();
}

int host_glibc_minor(const HostFiles& files, const ProbeEnvironment& environment) {
  const Machine machine = machine_of(environment);
  for (const std::string& folder :
       {std::string("/lib/") + machine.multiarch, std::string("/usr/lib/") + machine.multiarch,
        std::string("/lib64"), std::string("/usr/lib64"), std::string("/lib"),
        std::string("/usr/lib")}) {
    const auto versions = versions_of(files, folder + "/libc.so.6");
    if (versions && versions->machine == machine.elf && versions->defines_glibc > 0) {
      return versions->defines_glibc;
    }
  }
  return 0;
}

}  // namespace eb
