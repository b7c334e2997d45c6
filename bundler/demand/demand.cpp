#include "bundler/demand/demand.hpp"

#include <elf.h>

#include <algorithm>

#include "bundler/demand/cuda_libraries.hpp"
#include "bundler/demand/elf_needs.hpp"
#include "bundler/demand/library_code.hpp"
#include "bundler/manifest/torch_builds.hpp"
#include "installer/base/error.hpp"
#include "installer/base/version.hpp"
#include "installer/base/worker_pool.hpp"
#include "installer/format/index.hpp"

namespace eb {
namespace {

std::string major_of(const std::string& version) { return version.substr(0, version.find('.')); }

/// Whether `found` (12.8, or 12 where no more is known) and `declared` (12.8) can be the same.
bool agrees(const FoundVersion& found, const std::string& declared) {
  return found.version == declared || found.version == major_of(declared);
}

/// Throws when the tree's CUDA is not the declared one.
void check_cuda(const CudaLibraries& libraries, const std::string& declared,
                const std::string& lock_name, EventSink& events) {
  const auto refuse = [&](const FoundVersion& found, const std::string& holder) {
    return Error(ExitCode::kInvalidLock,
                 holder + " CUDA " + found.version + ", the lock declares " + declared)
        .where(lock_name + ", gpu.cuda")
        .why(found.path + " says " + found.version)
        .hint("write cuda = \"" + found.version + "\" into the manifest's [gpu] and lock again, " +
              "or ask for packages that are built for CUDA " + declared);
  };
  if (libraries.torch_cuda && !agrees(*libraries.torch_cuda, declared)) {
    throw refuse(*libraries.torch_cuda, "torch is built for");
  }
  const auto& runtimes = libraries.runtimes;
  const bool known = std::any_of(runtimes.begin(), runtimes.end(), [&](const FoundVersion& found) {
    return agrees(found, declared);
  });
  if (!known && !runtimes.empty()) throw refuse(runtimes.back(), "the release holds");
  for (const FoundVersion& found : runtimes) {
    if (agrees(found, declared)) continue;
    events.on(Warning{"the release holds CUDA " + found.version + " beside " + declared + " (" +
                      found.path + "); its demands do not count"});
  }
}

/// The CUDA of a tree whose lock says nothing; "" when the tree does not either.
std::string found_cuda(const CudaLibraries& libraries) {
  if (libraries.torch_cuda) return libraries.torch_cuda->version;
  std::optional<DottedVersion> newest;
  for (const FoundVersion& found : libraries.runtimes) {
    const auto version = DottedVersion::parse(found.version);
    if (version && found.version != major_of(found.version) && (!newest || *newest < *version)) {
      newest = version;
    }
  }
  return newest ? newest->str() : "";
}

/// The declared driver or the floor of the CUDA version; throws when the declared one is too old.
std::string min_driver_of(const Lock& lock, const std::string& cuda, const CudaLibraries& libraries,
                          const std::string& lock_name) {
  const std::string floor(min_driver_for_cuda(cuda));
  if (lock.min_driver.empty() || floor.empty()) {
    return lock.min_driver.empty() ? floor : lock.min_driver;
  }
  const auto declared = DottedVersion::parse(lock.min_driver);
  if (declared && (!(*declared < *DottedVersion::parse(floor)) || libraries.has_compat)) {
    return lock.min_driver;
  }
  throw Error(ExitCode::kInvalidLock,
              "driver " + lock.min_driver + " cannot run CUDA " + cuda + " of the release")
      .where(lock_name + ", gpu.min-driver")
      .why("CUDA " + major_of(cuda) + ".x needs " + floor + " or newer")
      .hint("leave min-driver out of the manifest, or write " + floor + " or newer, and lock again")
      .hint("older drivers can only do with NVIDIA's cuda-compat package in lib/cuda-compat");
}

std::string recommended_driver(const std::string& cuda, const std::string& min_driver,
                               const CudaLibraries& libraries,
                               const BundledDriver& bundled_driver) {
  std::optional<std::string> driver;
  // The wheel cuda-toolkit names the very release; a newer one than the table knows goes by its
  // minor version.
  if (libraries.toolkit && libraries.toolkit->version.starts_with(cuda + ".")) {
    driver = bundled_driver(libraries.toolkit->version);
  }
  if (!driver) driver = bundled_driver(cuda);
  if (!driver) return "";
  const auto least = DottedVersion::parse(min_driver);
  const auto version = DottedVersion::parse(*driver);
  // A manifest may ask for more than CUDA does.
  return least && version && *version < *least ? min_driver : *driver;
}

/// Of the first group of libraries that holds loadable GPU code; empty when none does.
GpuCode read_main_code(const Staging& staging, const CudaLibraries& libraries, unsigned threads,
                       EventSink& events) {
  for (const std::vector<RelPath>& group : libraries.code_groups) {
    std::vector<std::optional<LibraryCode>> found(group.size());
    for_each_parallel(group.size(), threads,
                      [&](size_t i) { found[i] = read_library_code(staging.host_path(group[i])); });
    GpuCode out;
    for (size_t i = 0; i < group.size(); ++i) {
      if (!found[i]) continue;
      const GpuCode& code = found[i]->loadable;
      if (code.skipped_bytes != 0) {
        events.on(Warning{group[i].str() + ": " + std::to_string(code.skipped_bytes) +
                          " bytes of its GPU code could not be read"});
      }
      out += code;
    }
    if (!out.empty()) return out;
  }
  return {};
}

/// A library that picks its kernels by hand has no architecture in every second container; then one
/// that occurs is all that can be said. PTX runs what no machine code fits only if it is
/// everywhere.
std::vector<GpuArchitecture> sass_of(const GpuCode& code) {
  std::vector<GpuArchitecture> out = main_architectures(code, code.sass);
  if (out.empty()) {
    for (const auto& [architecture, count] : code.sass) out.push_back(architecture);
  }
  return out;
}

std::string text_of(const std::vector<GpuArchitecture>& architectures) {
  std::string out;
  for (const GpuArchitecture& each : architectures) {
    if (!out.empty()) out += ' ';
    out += each.str();
  }
  return out;
}

/// Of files for the platform's machine: a debugger's stubs for others do not run here.
std::string newest_glibc(const Staging& staging, const std::string& platform, unsigned threads) {
  std::vector<const RelPath*> paths;
  for (const auto& [path, item] : staging.items()) {
    if (item.type == Staging::Item::Type::kFile && item.size_bytes >= sizeof(Elf32_Ehdr) &&
        !path.is_below("lib/glibc")) {
      paths.push_back(&path);
    }
  }
  std::vector<std::optional<ElfNeeds>> needs(paths.size());
  for_each_parallel(paths.size(), threads,
                    [&](size_t i) { needs[i] = read_elf_needs(staging.host_path(*paths[i])); });
  std::optional<DottedVersion> newest;
  for (const auto& each : needs) {
    if (!each || !each->glibc) continue;
    if (platform == "linux-x86_64" && each->machine != EM_X86_64) continue;
    if (platform == "linux-aarch64" && each->machine != EM_AARCH64) continue;
    if (!newest || *newest < *each->glibc) newest = each->glibc;
  }
  return newest ? newest->str() : "";
}

std::string described(const CudaLibraries& libraries, const std::string& cuda) {
  std::string out = "GPU content: CUDA " + (cuda.empty() ? "of an unknown version" : cuda);
  if (libraries.torch) out += ", torch " + libraries.torch->version;
  if (libraries.cudnn) out += ", cuDNN " + libraries.cudnn->version;
  if (libraries.nccl) out += ", NCCL " + libraries.nccl->version;
  return out;
}

}  // namespace

std::map<std::string, std::string> demand_meta(const Staging& staging, const Lock& lock,
                                               const std::string& lock_name,
                                               const BundledDriver& bundled_driver,
                                               unsigned threads, EventSink& events) {
  const CudaLibraries libraries = find_cuda_libraries(staging);
  if (!libraries.has_gpu_content() && lock.cuda.empty()) return {};
  std::string cuda = lock.cuda;
  if (cuda.empty()) {
    cuda = found_cuda(libraries);
    events.on(Warning{"the lock declares no CUDA, the release holds " +
                      (cuda.empty() ? "some of it" : "CUDA " + cuda) +
                      ": it is installed with a check of the driver"});
  } else {
    check_cuda(libraries, cuda, lock_name, events);
  }
  if (libraries.has_gpu_content()) {
    events.on(Note{described(libraries, cuda)});
  } else {
    events.on(Warning{"the lock declares CUDA " + cuda + ", the release holds nothing of it"});
  }

  std::map<std::string, std::string> meta = {{meta_key::kCuda, cuda}};
  if (!cuda.empty()) {
    const std::string min_driver = min_driver_of(lock, cuda, libraries, lock_name);
    meta[meta_key::kMinDriver] = min_driver;
    meta[meta_key::kRecommendedDriver] =
        recommended_driver(cuda, min_driver, libraries, bundled_driver);
  }
  const GpuCode code = read_main_code(staging, libraries, threads, events);
  meta[meta_key::kGpuSass] = text_of(sass_of(code));
  meta[meta_key::kGpuPtx] = text_of(main_architectures(code, code.ptx));
  meta[meta_key::kGlibcNeeded] = newest_glibc(staging, lock.platform, threads);
  if (libraries.compat) {
    meta[meta_key::kCudaCompat] = libraries.compat->version;
  } else if (libraries.has_compat) {
    events.on(Warning{"lib/cuda-compat: no libcuda.so names its version; it will not be used"});
  }
  std::erase_if(meta, [](const auto& pair) { return pair.second.empty(); });
  return meta;
}

}  // namespace eb
