#include "installer/driver/driver_probe.hpp"

#include <unistd.h>

#include <algorithm>

#include "installer/driver/driver_rules.hpp"

namespace eb {
namespace {

std::string module_text(const DriverProbe& probe) {
  if (!probe.module.is_loaded) {
    return probe.around.is_wsl ? "Windows' own (WSL)" : "none";
  }
  std::string out = probe.module.version.empty() ? "version not readable" : probe.module.version;
  if (probe.module.flavour != ModuleFlavour::kUnknown) {
    out += std::string(", ") +
           (probe.around.is_jetson ? "Jetson" : flavour_name(probe.module.flavour)) +
           " kernel module";
  }
  if (const DriverCuda cuda = cuda_of_driver(probe.module.version);
      !cuda.version.empty() && !probe.around.is_jetson) {
    out += ", CUDA " + cuda.version + (cuda.is_at_least ? " or newer" : "");
  }
  return out + " (" + probe.module.source + ")";
}

std::string gpu_text(const Gpu& gpu) {
  std::string out = gpu.title();
  if (!gpu.pci.empty()) out += " at " + gpu.pci;
  if (gpu.capability) {
    out += ", capability " + gpu.capability->str() + " (" + gpu.generation + ")";
  } else {
    out += ", capability unknown";
  }
  if (gpu.minor_number) out += ", /dev/nvidia" + std::to_string(*gpu.minor_number);
  if (!gpu.node.path.empty()) out += " " + node_text(gpu.node);
  if (gpu.is_excluded) out += ", excluded by the driver's option";
  if (!gpu.is_served) {
    out += gpu.bound_driver.empty() ? ", no driver" : ", driver " + gpu.bound_driver;
  }
  if (gpu.mig_instances > 0) {
    out += ", MIG: " + std::to_string(gpu.mig_instances) + " instances, " +
           std::to_string(gpu.usable_mig_instances) + " usable";
  }
  if (gpu.numa_node >= 0) out += ", NUMA node " + std::to_string(gpu.numa_node);
  if (!gpu.uuid.empty()) out += ", " + gpu.uuid;
  return out;
}

std::string libcuda_text(const HostLibcuda& library) {
  std::string out = library.path;
  if (!library.version.empty()) out += ", " + library.version;
  if (library.needs_glibc > 0) out += ", needs glibc 2." + std::to_string(library.needs_glibc);
  if (library.is_stub) out += ", a stub";
  if (library.is_compat) out += ", forward compatibility";
  return out + " (" + library.found_by + ")";
}

std::string surroundings_text(const Surroundings& around) {
  std::string out;
  const auto add = [&](const std::string& text) { out += (out.empty() ? "" : ", ") + text; };
  if (!around.container.empty()) add("container (" + around.container + ")");
  if (around.in_slurm_job) {
    add("Slurm job with " +
        (around.slurm_gpus.empty() ? std::string("no GPU told") : "GPUs " + around.slurm_gpus));
  }
  if (around.visible.is_set) add("CUDA_VISIBLE_DEVICES='" + around.visible.text + "'");
  if (around.nvidia_visible) add("NVIDIA_VISIBLE_DEVICES='" + *around.nvidia_visible + "'");
  if (around.cgroup_allows_gpus) {
    add(*around.cgroup_allows_gpus ? "cgroup allows GPU devices" : "cgroup allows no GPU device");
  }
  return out;
}

}  // namespace

const HostLibcuda* DriverProbe::usable_libcuda() const {
  const auto at = std::ranges::find(libcuda, false, &HostLibcuda::is_stub);
  return at == libcuda.end() ? nullptr : &*at;
}

DriverProbe probe_driver(Sys& sys, const std::string& root, const ProbeEnvironment& environment) {
  const HostFiles files(sys, root);
  DriverProbe out;
  out.module = read_kernel_module(files);
  const bool is_jetson = out.module.flavour == ModuleFlavour::kJetson;
  out.around = read_surroundings(files, environment, is_jetson);
  out.nodes = read_driver_nodes(files);
  GpuList list = read_gpus(files, out.nodes, is_jetson);
  out.gpus = std::move(list.gpus);
  out.nv_switches = list.nv_switches;
  out.libcuda = find_libcuda(files, environment);
  out.glibc_minor = host_glibc_minor(files, environment);
  if (out.around.is_wsl) out.dxg_access_error = files.access_error("/dev/dxg", R_OK | W_OK);
  return out;
}

std::vector<std::pair<std::string, std::string>> probe_rows(const DriverProbe& probe) {
  std::vector<std::pair<std::string, std::string>> rows;
  rows.emplace_back("driver", module_text(probe));
  for (const Gpu& gpu : probe.gpus) rows.emplace_back("gpu", gpu_text(gpu));
  if (probe.gpus.empty()) rows.emplace_back("gpu", "none seen");
  if (probe.nv_switches > 0) {
    rows.emplace_back("nvswitch", std::to_string(probe.nv_switches) + " on the PCI bus");
  }
  if (probe.around.is_wsl) {
    rows.emplace_back("/dev/dxg", probe.dxg_access_error == 0
                                      ? "usable"
                                      : errno_name(probe.dxg_access_error) + " for this user");
  } else if (probe.module.is_loaded && !probe.around.is_jetson) {
    rows.emplace_back("nvidiactl", node_text(probe.nodes.control));
    rows.emplace_back(
        "nvidia-uvm",
        node_text(probe.nodes.uvm) +
            (probe.nodes.uvm_major ? ", module major " + std::to_string(*probe.nodes.uvm_major)
                                   : ", module not loaded"));
    if (probe.nodes.can_make_nodes) {
      rows.emplace_back("modprobe", "nvidia-modprobe makes missing devices on first use");
    }
  }
  for (const HostLibcuda& library : probe.libcuda) {
    rows.emplace_back("libcuda", libcuda_text(library));
  }
  if (probe.libcuda.empty()) rows.emplace_back("libcuda", "none found");
  rows.emplace_back(
      "glibc", probe.glibc_minor > 0 ? "2." + std::to_string(probe.glibc_minor) : "none found");
  if (const std::string text = surroundings_text(probe.around); !text.empty()) {
    rows.emplace_back("limits", text);
  }
  return rows;
}

}  // namespace eb
