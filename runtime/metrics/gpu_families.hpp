#pragma once

#include "runtime/metrics/family.hpp"

// GPU metrics by DCGM's names and units, as dcgm-exporter's default-counters.csv has them, so that
// its dashboards (Grafana 12239) work. Two differences, both because `promtool check metrics` would
// object: DCGM's counters that are not named ..._total are gauges
// here, and DCGM_FI_DEV_PCIE_REPLAY_COUNTER, whose name holds a type, is
// envbundle_gpu_pcie_replays_total.
namespace eb::metrics::families {

#define EB_GAUGE(constant, name, help) \
  inline constexpr Family constant { name, FamilyType::kGauge, help }
#define EB_COUNTER(constant, name, help) \
  inline constexpr Family constant { name, FamilyType::kCounter, help }

EB_GAUGE(kGpuTemperature, "DCGM_FI_DEV_GPU_TEMP", "GPU temperature (in C).");
EB_GAUGE(kMemoryTemperature, "DCGM_FI_DEV_MEMORY_TEMP", "Memory temperature (in C).");
EB_GAUGE(kPowerUsage, "DCGM_FI_DEV_POWER_USAGE", "Power draw (in W).");
EB_GAUGE(kPowerLimit, "DCGM_FI_DEV_ENFORCED_POWER_LIMIT", "Enforced power limit (in W).");
EB_GAUGE(kEnergy, "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION",
         "Total energy consumption since the driver was loaded (in mJ).");
EB_GAUGE(kSmClock, "DCGM_FI_DEV_SM_CLOCK", "SM clock frequency (in MHz).");
EB_GAUGE(kMemoryClock, "DCGM_FI_DEV_MEM_CLOCK", "Memory clock frequency (in MHz).");
EB_GAUGE(kClocksEventReasons, "DCGM_FI_DEV_CLOCKS_EVENT_REASONS",
         "Why the clocks are lower than they could be (NVML's bit mask).");
EB_GAUGE(kGpuUtil, "DCGM_FI_DEV_GPU_UTIL", "GPU utilization (in %).");
EB_GAUGE(kMemoryCopyUtil, "DCGM_FI_DEV_MEM_COPY_UTIL", "Memory utilization (in %).");
EB_GAUGE(kEncoderUtil, "DCGM_FI_DEV_ENC_UTIL", "Encoder utilization (in %).");
EB_GAUGE(kDecoderUtil, "DCGM_FI_DEV_DEC_UTIL", "Decoder utilization (in %).");
EB_GAUGE(kFbTotal, "DCGM_FI_DEV_FB_TOTAL", "Total framebuffer memory (in MiB).");
EB_GAUGE(kFbReserved, "DCGM_FI_DEV_FB_RESERVED", "Reserved framebuffer memory (in MiB).");
EB_GAUGE(kFbFree, "DCGM_FI_DEV_FB_FREE", "Framebuffer memory free (in MiB).");
EB_GAUGE(kFbUsed, "DCGM_FI_DEV_FB_USED", "Framebuffer memory used (in MiB).");
EB_GAUGE(kXid, "DCGM_FI_DEV_XID_ERRORS",
         "Value of the last XID error encountered since the exporter began; 0: none.");
EB_GAUGE(kEccCorrected, "DCGM_FI_DEV_ECC_SBE_VOL_TOTAL",
         "Number of single-bit volatile ECC errors.");
EB_GAUGE(kEccUncorrected, "DCGM_FI_DEV_ECC_DBE_VOL_TOTAL",
         "Number of double-bit volatile ECC errors.");
EB_GAUGE(kRemappedCorrectable, "DCGM_FI_DEV_CORRECTABLE_REMAPPED_ROWS",
         "Number of remapped rows for correctable errors.");
EB_GAUGE(kRemappedUncorrectable, "DCGM_FI_DEV_UNCORRECTABLE_REMAPPED_ROWS",
         "Number of remapped rows for uncorrectable errors.");
EB_GAUGE(kRemapFailure, "DCGM_FI_DEV_ROW_REMAP_FAILURE", "Whether remapping of rows has failed.");
// GPM, from Hopper on.
EB_GAUGE(kGraphicsActive, "DCGM_FI_PROF_GR_ENGINE_ACTIVE",
         "Ratio of time the graphics engine is active.");
EB_GAUGE(kSmActive, "DCGM_FI_PROF_SM_ACTIVE",
         "Ratio of cycles an SM has at least one warp assigned.");
EB_GAUGE(kSmOccupancy, "DCGM_FI_PROF_SM_OCCUPANCY",
         "Ratio of warps resident on an SM to the maximum.");
EB_GAUGE(kTensorActive, "DCGM_FI_PROF_PIPE_TENSOR_ACTIVE",
         "Ratio of cycles any tensor pipe is active.");
EB_GAUGE(kDramActive, "DCGM_FI_PROF_DRAM_ACTIVE",
         "Ratio of cycles the device memory interface is active.");

EB_COUNTER(kPcieReplays, "envbundle_gpu_pcie_replays_total",
           "PCIe replays; DCGM calls it DCGM_FI_DEV_PCIE_REPLAY_COUNTER.");
EB_COUNTER(kNvlinkTransmitted, "envbundle_gpu_nvlink_transmitted_bytes_total",
           "Payload sent over all NVLinks of the GPU.");
EB_COUNTER(kNvlinkReceived, "envbundle_gpu_nvlink_received_bytes_total",
           "Payload received over all NVLinks of the GPU.");
EB_GAUGE(kNvmlUp, "envbundle_nvml_up", "1 when NVML answers, 0 when it does not.");
EB_GAUGE(kNvmlProblem, "envbundle_nvml_problem", "Why NVML does not answer; absent when it does.");
EB_GAUGE(kDriverInfo, "envbundle_driver_info", "NVIDIA driver version as NVML has it.");
EB_GAUGE(kGpuUp, "envbundle_gpu_up", "1 when the GPU answers, 0 when it is lost.");
EB_GAUGE(kGpuProblem, "envbundle_gpu_problem", "Why a GPU does not answer; absent when it does.");
EB_GAUGE(kGpus, "envbundle_gpus", "GPUs that are exported.");

}  // namespace eb::metrics::families
