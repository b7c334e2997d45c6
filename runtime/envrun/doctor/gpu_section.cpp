#include <unistd.h>

#include "installer/driver/driver_probe.hpp"
#include "installer/driver/usable_gpus.hpp"
#include "installer/driver/verdict.hpp"
#include "runtime/envrun/doctor/sections.hpp"

namespace eb {
namespace {

void add_verdict(const Verdict& verdict, const DriverProbe& probe, Observations& out) {
  switch (verdict.kind) {
    case VerdictKind::kNotNeeded:
      out.ok("driver", "this environment holds no CUDA and needs none");
      return;
    case VerdictKind::kOk:
      out.ok("driver", verdict.summary);
      return;
    case VerdictKind::kLimited:
      out.warning("driver", verdict.summary,
                  verdict.notes.empty() ? std::string() : verdict.notes.front(), verdict.remedies);
      return;
    case VerdictKind::kCannotTell:
      out.warning("driver", verdict.summary, {}, verdict.remedies);
      return;
    case VerdictKind::kNoDriver:
      // A login node: nothing is wrong with it.
      if (probe.gpus.empty() && !probe.module.is_loaded) {
        out.note("driver", verdict.summary).next = verdict.remedies;
        return;
      }
      break;
    case VerdictKind::kTooOld:
    case VerdictKind::kGpuNotSupported:
      break;
  }
  out.problem("driver", verdict.summary, {}, verdict.remedies);
}

// A way that is closed although the driver fits: the device, its permissions, the environment.
void add_access(const Verdict& verdict, const UsableGpus& usable, Observations& out) {
  const bool fits = verdict.kind == VerdictKind::kOk || verdict.kind == VerdictKind::kLimited;
  if (!fits) return;
  for (const std::string& hazard : verdict.hazards) {
    out.problem("access", hazard, {}, verdict.remedies);
  }
  if (!verdict.is_testable && verdict.hazards.empty()) {
    out.problem("access", verdict.why_not_testable, {},
                verdict.remedies.empty() ? usable.remedies : verdict.remedies);
  }
  if (verdict.is_testable)
    out.ok("access", gpu_count_text(usable.gpus.size()) + " for this process");
}

void add_nodes(const DriverProbe& probe, Observations& out) {
  std::vector<const DeviceNode*> nodes = {&probe.nodes.control, &probe.nodes.uvm};
  for (const Gpu& gpu : probe.gpus) nodes.push_back(&gpu.node);
  for (const DeviceNode* node : nodes) {
    if (!node->exists) continue;
    if (node->is_usable()) {
      out.ok(node->path, node_text(*node));
    } else {
      // Behind a closed device there is a cause that "access" has told; the modes are what an
      // administrator asks for first.
      out.note(node->path, node_text(*node));
    }
  }
}

// The probe looks for the driver's library there.
std::optional<std::string> readable_library_path(const Machine& machine) {
  const auto value = machine.variables.find("LD_LIBRARY_PATH");
  if (!value) return std::nullopt;
  std::string out;
  for (const std::string& folder : path_list(*value)) {
    if (machine.may_read(folder)) out.append(out.empty() ? "" : ":").append(folder);
  }
  return out;
}

}  // namespace

Observations examine_gpu(const Machine& machine) {
  Observations out;
  ProbeEnvironment environment =
      probe_environment([&](const char* name) { return machine.variables.find(name); });
  environment.ld_library_path = readable_library_path(machine);
  const DriverProbe probe = probe_driver(machine.files.sys(), machine.root, environment);
  const auto& meta = machine.meta;
  if (!meta) {
    out.warning("release", "its index cannot be read, so nobody knows what driver it needs",
                machine.place.at(".bundle/index"),
                {"envinstall verify " + machine.place.prefix + " tells what is damaged"});
  }
  const GpuDemand demand = gpu_demand(meta.value_or(std::map<std::string, std::string>{}));
  const Verdict verdict = judge(demand, probe);
  if (meta) {
    add_verdict(verdict, probe, out);
    if (demand.needs_gpu()) add_access(verdict, usable_gpus(probe), out);
  }
  for (const auto& [label, value] : probe_rows(probe)) {
    if (label == "gpu" || label == "libcuda") out.note(label, value);
  }
  if (probe.module.is_loaded) add_nodes(probe, out);
  return out;
}

}  // namespace eb
