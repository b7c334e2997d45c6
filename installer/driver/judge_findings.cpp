#include "installer/base/version.hpp"
#include "installer/driver/driver_rules.hpp"
#include "installer/driver/judge.hpp"

namespace eb {

// What is said besides the verdict.

void Judge::finish() {
  // What stops this process from using a GPU at all comes before what would make more of it work.
  const bool may_work =
      verdict_.kind != VerdictKind::kNoDriver && verdict_.kind != VerdictKind::kGpuNotSupported;
  std::vector<std::string> others = std::move(verdict_.remedies);
  verdict_.remedies.clear();
  if (may_work) {
    for (const std::string& text : usable_.hazards) hazard(text);
    for (const std::string& text : usable_.remedies) remedy(text);
    if (!usable_.lacks_all_nodes) check_libraries();
  }
  for (std::string& text : others) remedy(std::move(text));
  for (const std::string& text : usable_.remedies) remedy(text);
  if (!probe_.module.is_loaded) return;
  note_others();
  if (probe_.nv_switches > 0) {
    note(std::to_string(probe_.nv_switches) +
         " NVSwitch: nvidia-fabricmanager of the driver's version must run, else error 802");
  }
  for (const Gpu& gpu : probe_.gpus) {
    if (gpu.is_mig_capable && gpu.mig_instances == 0) {
      note("no MIG instance on " + gpu.title() +
           ": should MIG mode be on (nvidia-smi -L), nothing of it can be used");
      break;
    }
    if (gpu.mig_instances > 0) {
      note("MIG: a process uses one instance; NCCL across instances is not supported");
      break;
    }
  }
  if (probe_.nodes.can_make_nodes && probe_.around.container.empty() &&
      (!probe_.nodes.control.exists || !probe_.nodes.uvm.exists) && verdict_.is_testable) {
    note("missing /dev/nvidia* devices are made by nvidia-modprobe on first use");
  }
}

void Judge::note_others() {
  size_t hidden = 0;
  for (const Gpu& gpu : probe_.gpus) {
    if (gpu.is_excluded) {
      note(gpu.title() + " at " + gpu.pci + " is excluded by the driver's option");
    } else if (!gpu.is_served && !gpu.bound_driver.empty() && gpu.bound_driver != "nvidia") {
      note(gpu.title() + " at " + gpu.pci + " is in the hands of " + gpu.bound_driver);
    } else if (gpu.is_served && !usable_.gpus.empty() &&
               std::ranges::find(usable_.gpus, &gpu) == usable_.gpus.end()) {
      ++hidden;
    }
  }
  if (hidden > 0) note(gpu_count_text(hidden) + " of this machine are not for this process");
  const VisibleDevices& visible = probe_.around.visible;
  if (visible.ordinals.size() + visible.uuids.size() > 0 && !usable_.gpus.empty()) {
    note("CUDA_VISIBLE_DEVICES='" + visible.text + "' narrows the GPUs down to " +
         std::to_string(visible.ordinals.size() + visible.uuids.size()));
  }
}

// A toolkit's compat folder on the loader's way: right for some GPUs and drivers, fatal for others.
void Judge::check_foreign_compat(const HostLibcuda& library) {
  note("libcuda is the one of a CUDA toolkit's compat folder: " + library.path);
  const auto refusing =
      std::ranges::find_if(probe_.gpus, [](const Gpu& gpu) { return refuses_compat(gpu.name); });
  if (refusing != probe_.gpus.end()) {
    hazard("the compat libcuda " + library.path + " comes first and refuses " + refusing->title() +
           " (error 804)");
  } else if (!library.version.empty() && !probe_.module.version.empty() &&
             compat_works_on(library.version, probe_.module.version) == CompatAnswer::kNo) {
    hazard("the compat libcuda " + library.version + " (" + library.path +
           ") comes first and is not made for driver " + probe_.module.version + " (error 803)");
  } else {
    return;
  }
  remedy(
      "take the compat folder out of LD_LIBRARY_PATH or of the loader's configuration "
      "(/etc/ld.so.conf.d, then ldconfig)");
}

void Judge::check_libraries() {
  const HostLibcuda* library = probe_.usable_libcuda();
  if (library == nullptr) return;
  if (&probe_.libcuda.front() != library || probe_.libcuda.back().is_stub) {
    note("a stub libcuda lies in " + probe_.libcuda.back().path +
         "; it must not be on LD_LIBRARY_PATH (error 34)");
  }
  if (!library->version.empty() && !probe_.module.version.empty() && !library->is_compat &&
      library->version != probe_.module.version && !probe_.around.is_jetson) {
    hazard("libcuda " + library->version + " (" + library->real_path +
           ") does not belong to the loaded kernel module " + probe_.module.version +
           ": calls will fail with error 803");
    remedy(
        "after an update of the driver: reboot, or root: load its modules anew; else remove "
        "the foreign libcuda");
  }
  if (library->is_compat) check_foreign_compat(*library);
  const auto own = DottedVersion::parse(demand_.glibc);
  const auto needed = DottedVersion::parse("2." + std::to_string(library->needs_glibc));
  const auto host = DottedVersion::parse("2." + std::to_string(probe_.glibc_minor));
  if (library->needs_glibc > 0 && own && needed && host && *own < *needed && *host < *needed) {
    hazard("libcuda needs glibc 2." + std::to_string(library->needs_glibc) +
           ", the bundle brings " + demand_.glibc +
           (probe_.glibc_minor > 0 ? " and the host has 2." + std::to_string(probe_.glibc_minor)
                                   : " and the host has none"));
    remedy("use a bundle with a newer base");
  }
}

}  // namespace eb
