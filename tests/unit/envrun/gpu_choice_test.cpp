#include "runtime/envrun/limits/gpu_choice.hpp"

#include <catch2/catch.hpp>

#include "installer/base/error.hpp"

namespace eb {
namespace {

DeviceNode usable_node(const std::string& path) {
  DeviceNode node;
  node.path = path;
  node.exists = node.is_device = true;
  return node;
}

// A machine with a driver and GPUs GPU-0a…, GPU-1a…; `mig`: in instances.
DriverProbe machine(unsigned count, bool mig = false) {
  DriverProbe out;
  out.module.is_loaded = true;
  out.module.version = "550.144.03";
  out.nodes.control = usable_node("/dev/nvidiactl");
  out.nodes.uvm = usable_node("/dev/nvidia-uvm");
  HostLibcuda library;
  library.path = "/usr/lib/libcuda.so.1";
  out.libcuda.push_back(library);
  for (unsigned i = 0; i < count; ++i) {
    Gpu gpu;
    gpu.pci = "0000:0" + std::to_string(i + 1) + ":00.0";
    gpu.name = "NVIDIA H100";
    gpu.uuid = "GPU-" + std::to_string(i) + "a00bbbb-0000-0000-0000-000000000000";
    gpu.is_served = true;
    gpu.bound_driver = "nvidia";
    gpu.minor_number = i;
    gpu.numa_node = static_cast<int>(i % 2);
    gpu.node = usable_node("/dev/nvidia" + std::to_string(i));
    gpu.mig_instances = gpu.usable_mig_instances = mig ? 2 : 0;
    out.gpus.push_back(std::move(gpu));
  }
  return out;
}

GpuChoice choose(const std::string& request, const DriverProbe& probe,
                 const std::vector<std::string>& variables = {}) {
  const Variables all(variables);
  DriverProbe seen = probe;
  seen.around.visible = parse_visible_devices(all.find("CUDA_VISIBLE_DEVICES"));
  seen.around.in_slurm_job = all.find("SLURM_JOB_ID").has_value();
  return choose_gpus(parse_gpu_request(request), visible_gpus(seen, all));
}

// What is told when it cannot be had.
std::string refusal(const std::string& request, const DriverProbe& probe,
                    const std::vector<std::string>& variables = {}) {
  try {
    return "chosen: " + choose(request, probe, variables).visible_devices.value_or("(unset)");
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::kDriver);
    return render_error("envrun", error);
  }
}

std::string whole(int gpu) {
  return "GPU-" + std::to_string(gpu) + "a00bbbb-0000-0000-0000-000000000000";
}

TEST_CASE("without a choice of the job, numbers count PCI addresses") {
  const DriverProbe four = machine(4);
  CHECK(choose("all", four).visible_devices == "0,1,2,3");
  CHECK(choose("2", four).visible_devices == "0,1");
  CHECK(choose("2", four).sets_pci_order);
  CHECK(choose("2", four).text == "2 of 4 GPUs (0,1)");
  CHECK(choose("device=3,1", four).visible_devices == "3,1");
  CHECK(choose("0", four).visible_devices == "");
  CHECK(choose("GPU-2a", four).visible_devices == whole(2));
  CHECK(choose("device=0,GPU-2a", four).visible_devices == whole(0) + "," + whole(2));
  CHECK(choose("device=2,GPU-2a", four).visible_devices == "2");
}

TEST_CASE("more than there is, or another one, is refused with a list of what there is") {
  const DriverProbe two = machine(2);
  CHECK(refusal("3", two).find("--gpus 3, and this job has 2 GPUs") != std::string::npos);
  CHECK(refusal("3", two).find(whole(1)) != std::string::npos);
  CHECK(refusal("device=2", two).find("no GPU 2 in this job") != std::string::npos);
  CHECK(refusal("GPU-7", two).find("no GPU GPU-7") != std::string::npos);
  CHECK(refusal("all", DriverProbe{}).find("no NVIDIA GPU") != std::string::npos);
  CHECK(refusal("1", DriverProbe{}).find("--gpus none") != std::string::npos);
}

TEST_CASE("a choice that the job has made is only narrowed, and counts from 0") {
  const DriverProbe four = machine(4);
  const std::vector<std::string> slurm = {"CUDA_VISIBLE_DEVICES=2,3", "SLURM_JOB_ID=1"};
  CHECK(choose("all", four, slurm).visible_devices == "2,3");
  CHECK(choose("device=0", four, slurm).visible_devices == "2");
  CHECK(choose("1", four, slurm).visible_devices == "2");
  CHECK(choose("GPU-3a", four, slurm).visible_devices == whole(3));
  CHECK(refusal("device=2", four, slurm).find("no GPU 2") != std::string::npos);
  CHECK(refusal("GPU-0a", four, slurm).find("no GPU GPU-0a") != std::string::npos);
  CHECK(refusal("3", four, slurm).find("has 2 GPUs") != std::string::npos);
  const std::vector<std::string> uuids = {"CUDA_VISIBLE_DEVICES=GPU-1a," + whole(3)};
  CHECK(choose("all", four, uuids).visible_devices == "GPU-1a," + whole(3));
  CHECK(choose("device=1", four, uuids).visible_devices == whole(3));
  CHECK(choose(whole(1), four, uuids).visible_devices == whole(1));
  CHECK(refusal("GPU-0a", four, uuids).find("no GPU GPU-0a") != std::string::npos);
  CHECK(refusal("1", four, {"CUDA_VISIBLE_DEVICES="}).find("leaves none") != std::string::npos);
}

TEST_CASE("one run inside another narrows further") {
  const DriverProbe four = machine(4);
  const GpuChoice outer = choose("device=1,3", four);
  const std::vector<std::string> inside = {"CUDA_VISIBLE_DEVICES=" + *outer.visible_devices,
                                           "CUDA_DEVICE_ORDER=PCI_BUS_ID"};
  CHECK(choose("device=1", four, inside).visible_devices == "3");
  CHECK(refusal("GPU-0a", four, inside).find("error") != std::string::npos);
  const GpuChoice by_uuid = choose("GPU-1a,GPU-3a", four);
  CHECK(choose("1", four, {"CUDA_VISIBLE_DEVICES=" + *by_uuid.visible_devices}).visible_devices ==
        whole(1));
}

TEST_CASE("numbers in an order that only CUDA knows are kept, and not taken for PCI's") {
  const DriverProbe two = machine(2);
  const std::vector<std::string> own = {"CUDA_VISIBLE_DEVICES=1,0"};
  CHECK(choose("1", two, own).visible_devices == "1");
  CHECK_FALSE(choose("1", two, own).sets_pci_order);
  CHECK(refusal("GPU-0a", two, own).find("CUDA_DEVICE_ORDER=PCI_BUS_ID") != std::string::npos);
  const std::vector<std::string> fast = {"CUDA_DEVICE_ORDER=FASTEST_FIRST"};
  CHECK_FALSE(choose("device=1", two, fast).sets_pci_order);
  // One GPU is in order whatever the order is.
  CHECK(choose("GPU-0a", machine(1), {"CUDA_VISIBLE_DEVICES=0"}).visible_devices == whole(0));
}

TEST_CASE(
    "an salloc shell has what Slurm's variables say, unless the cgroup has narrowed already") {
  const std::vector<std::string> job = {"SLURM_JOB_ID=1", "SLURM_JOB_GPUS=2,3"};
  CHECK(choose("all", machine(4), job).visible_devices == "2,3");
  CHECK(refusal("3", machine(4), job).find("has 2 GPUs") != std::string::npos);
  // The cgroup shows two devices, which CUDA counts from 0.
  CHECK(choose("all", machine(2), job).visible_devices == "0,1");
}

TEST_CASE("MIG instances: one a process, and never one that may be another job's") {
  const DriverProbe mig = machine(2, true);
  CHECK(choose("MIG-ab", mig).visible_devices == "MIG-ab");
  CHECK(choose("MIG-ab", mig).warnings.empty());
  CHECK(choose("MIG-ab,MIG-cd", mig).warnings.size() == 1);
  CHECK(refusal("MIG-ab", machine(2)).find("no GPU MIG-ab") != std::string::npos);
  CHECK(refusal("MIG-ab", mig, {"CUDA_VISIBLE_DEVICES=0", "SLURM_JOB_ID=1"}).find("error") !=
        std::string::npos);
  const std::vector<std::string> given = {"CUDA_VISIBLE_DEVICES=MIG-abcd,MIG-ef"};
  CHECK(choose("1", mig, given).visible_devices == "MIG-abcd");
  CHECK(choose("MIG-ab", mig, given).visible_devices == "MIG-abcd");
  CHECK(refusal("MIG-00", mig, given).find("no GPU MIG-00") != std::string::npos);
}

}  // namespace
}  // namespace eb
