#include "installer/driver/gpu.hpp"

#include <unistd.h>

#include <algorithm>

#include "installer/base/error.hpp"
#include "installer/driver/driver_rules.hpp"

namespace eb {
namespace {

constexpr char kProcGpus[] = "/proc/driver/nvidia/gpus";
constexpr char kPciDevices[] = "/sys/bus/pci/devices";
constexpr char kCapabilities[] = "/proc/driver/nvidia/capabilities";
constexpr size_t kMaxGpus = 256;  // no machine has more; a bound on what a hostile tree costs

uint32_t hex_file(const HostFiles& files, const std::string& path) {
  const std::string line = files.first_line(path);
  if (!line.starts_with("0x")) return 0;
  return static_cast<uint32_t>(number_of(std::string_view(line).substr(2), 16).value_or(0));
}

std::string base_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](unsigned char c) { return std::tolower(c); });
  return out;
}

void read_pci(const HostFiles& files, GpuList* out) {
  for (const std::string& name : files.names(kPciDevices)) {
    const std::string at = std::string(kPciDevices) + "/" + name;
    if (hex_file(files, at + "/vendor") != 0x10de) continue;
    const uint32_t kind = hex_file(files, at + "/class");
    if (kind >> 8 == 0x0680) ++out->nv_switches;
    if (kind >> 16 != 0x03 || out->gpus.size() >= kMaxGpus) continue;
    Gpu gpu;
    gpu.pci = name;
    gpu.device = static_cast<uint16_t>(hex_file(files, at + "/device"));
    gpu.subsystem = static_cast<uint16_t>(hex_file(files, at + "/subsystem_device"));
    if (const auto node = number_of(files.first_line(at + "/numa_node")); node && *node < 4096) {
      gpu.numa_node = static_cast<int>(*node);
    }
    if (const auto driver = files.real_path(at + "/driver"); driver && files.exists(*driver)) {
      gpu.bound_driver = base_name(*driver);
    }
    out->gpus.push_back(std::move(gpu));
  }
}

// /proc/driver/nvidia/capabilities/gpuN/mig/giM/ciK/access; N is the device minor.
void read_mig(const HostFiles& files, Gpu* gpu) {
  if (!gpu->minor_number) return;
  const std::string mig =
      std::string(kCapabilities) + "/gpu" + std::to_string(*gpu->minor_number) + "/mig";
  gpu->is_mig_capable = files.exists(mig);
  const auto may_use = [&](const std::string& access) {
    for (const std::string& line : text_lines(files.read(access, 4096).value_or(""))) {
      constexpr std::string_view kKey = "DeviceFileMinor:";
      if (!line.starts_with(kKey)) continue;
      const std::string minor = trimmed_text(std::string_view(line).substr(kKey.size()));
      return number_of(minor).has_value() &&
             read_device_node(files, "/dev/nvidia-caps/nvidia-cap" + minor, R_OK).is_usable();
    }
    return false;
  };
  for (const std::string& gi : files.names(mig)) {
    if (!gi.starts_with("gi")) continue;
    std::string instance = mig;
    instance.append("/").append(gi);
    const bool gi_usable = may_use(instance + "/access");
    for (const std::string& ci : files.names(instance)) {
      if (!ci.starts_with("ci")) continue;
      ++gpu->mig_instances;
      std::string access = instance;
      access.append("/").append(ci).append("/access");
      if (gi_usable && may_use(access)) ++gpu->usable_mig_instances;
    }
  }
}

void read_proc(const HostFiles& files, GpuList* out) {
  for (const std::string& name : files.names(kProcGpus)) {
    const auto text = files.read(std::string(kProcGpus) + "/" + name + "/information", 8192);
    if (!text) continue;
    Gpu told;
    told.pci = name;
    apply_gpu_information(*text, &told);
    const auto at = std::ranges::find_if(
        out->gpus, [&](const Gpu& gpu) { return is_same_pci_address(gpu.pci, told.pci); });
    if (at != out->gpus.end()) {
      apply_gpu_information(*text, &*at);
      at->is_served = true;
    } else if (out->gpus.size() < kMaxGpus) {
      told.is_served = true;
      told.bound_driver = "nvidia";
      out->gpus.push_back(std::move(told));
    }
  }
}

// The GPU of a Jetson is no PCI device.
void add_jetson(const HostFiles& files, GpuList* out) {
  if (!out->gpus.empty()) return;
  Gpu gpu;
  gpu.name = trimmed_text(
      files.first_line("/proc/device-tree/model").c_str());  // ends with a NUL character
  gpu.is_served = true;
  gpu.bound_driver = "nvgpu";
  gpu.node = read_device_node(files, "/dev/nvmap", R_OK | W_OK);
  out->gpus.push_back(std::move(gpu));
}

}  // namespace

std::string Gpu::title() const {
  if (!name.empty()) return name;
  std::string out = generation.empty() ? "NVIDIA GPU" : "NVIDIA " + generation + " GPU";
  if (device != 0) {
    constexpr char kDigits[] = "0123456789abcdef";
    out += " 10de:";
    for (int shift = 12; shift >= 0; shift -= 4) out += kDigits[device >> shift & 15];
  }
  return out;
}

void apply_gpu_information(std::string_view text, Gpu* gpu) {
  for (const std::string& line : text_lines(text)) {
    const size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    const std::string key = trimmed_text(line.substr(0, colon));
    const std::string value = trimmed_text(line.substr(colon + 1));
    if (key == "Model" && value != "Unknown") {
      gpu->name = printable(value);
    } else if (key == "GPU UUID" && value.starts_with("GPU-") &&
               value.find('?') == std::string::npos) {
      gpu->uuid = printable(value);
    } else if (key == "Device Minor") {
      if (const auto minor = number_of(value); minor && *minor < 1024) {
        gpu->minor_number = static_cast<unsigned>(*minor);
      }
    } else if (key == "GPU Firmware" && value != "N/A") {
      gpu->firmware = printable(value);
    } else if (key == "GPU Excluded" || key == "Blacklisted") {
      gpu->is_excluded = value == "Yes";
    }
  }
}

bool is_same_pci_address(std::string_view one, std::string_view two) {
  const size_t first = one.find(':');
  const size_t second = two.find(':');
  if (first == std::string_view::npos || second == std::string_view::npos) return false;
  const auto domain_one = number_of(one.substr(0, first), 16);
  const auto domain_two = number_of(two.substr(0, second), 16);
  return domain_one && domain_two && (*domain_one & 0xffff) == (*domain_two & 0xffff) &&
         lower(one.substr(first)) == lower(two.substr(second));
}

GpuList read_gpus(const HostFiles& files, const DriverNodes& nodes, bool is_jetson) {
  GpuList out;
  read_pci(files, &out);
  read_proc(files, &out);
  if (is_jetson) add_jetson(files, &out);
  const auto served = std::ranges::count_if(out.gpus, &Gpu::is_served);
  for (Gpu& gpu : out.gpus) {
    // A driver too old to tell the minor: with one GPU and one node there is no doubt.
    if (!gpu.minor_number && gpu.is_served && !gpu.pci.empty() && served == 1 &&
        nodes.gpu_minors.size() == 1) {
      gpu.minor_number = nodes.gpu_minors.front();
    }
    if (gpu.minor_number) {
      gpu.node =
          read_device_node(files, "/dev/nvidia" + std::to_string(*gpu.minor_number), R_OK | W_OK);
      read_mig(files, &gpu);
    }
    auto kind = kind_of_pci_id(gpu.device);
    if (!kind) kind = kind_of_name(gpu.name);
    if (kind) {
      gpu.capability = kind->capability;
      gpu.generation = kind->generation;
    }
  }
  std::ranges::stable_sort(out.gpus, {}, &Gpu::pci);
  return out;
}

}  // namespace eb
