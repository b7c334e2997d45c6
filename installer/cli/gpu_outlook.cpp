#include "installer/cli/gpu_outlook.hpp"

#include "installer/check/check_environment.hpp"
#include "installer/install/size_text.hpp"

namespace eb {
namespace {

Json gpu_json(const Gpu& gpu) {
  return {{"name", gpu.name},
          {"uuid", gpu.uuid},
          {"pci", gpu.pci},
          {"capability", gpu.capability ? Json(gpu.capability->str()) : Json()},
          {"minor", gpu.minor_number ? Json(*gpu.minor_number) : Json()},
          {"bound_driver", gpu.bound_driver},
          {"excluded", gpu.is_excluded},
          {"mig_instances", gpu.mig_instances}};
}

Json libraries_json(const DriverProbe& probe) {
  Json out = Json::array();
  for (const HostLibcuda& library : probe.libcuda) {
    out.push_back(
        {{"path", library.path},
         {"version", library.version},
         {"needs_glibc",
          library.needs_glibc > 0 ? Json("2." + std::to_string(library.needs_glibc)) : Json()},
         {"stub", library.is_stub},
         {"compat", library.is_compat},
         {"found_by", library.found_by}});
  }
  return out;
}

}  // namespace

GpuOutlook gpu_outlook(const Index& index, const Environment& environment) {
  GpuOutlook out;
  out.demand = gpu_demand(index.meta);
  out.probe =
      probe_driver(environment.sys, environment.root, probe_environment([&](const char* name) {
                     return variable_in(environment.variables, name);
                   }));
  out.verdict = judge(out.demand, out.probe);
  return out;
}

std::string driver_line(const DriverProbe& probe) {
  for (const auto& [label, value] : probe_rows(probe)) {
    if (label == "driver") return value;
  }
  return {};
}

void add_outlook_rows(ReportTable& table, const GpuOutlook& outlook, bool details) {
  const Verdict& verdict = outlook.verdict;
  table.row("driver", verdict.kind == VerdictKind::kNotNeeded ? "not needed" : verdict.summary);
  for (const std::string& hazard : verdict.hazards) table.row("mind", hazard);
  if (!details) return;
  for (const std::string& note : verdict.notes) table.row("note", note);
  for (const std::string& remedy : verdict.remedies) table.row("do", remedy);
  if (!verdict.is_testable) table.row("no test", verdict.why_not_testable);
  for (const auto& [label, value] : probe_rows(outlook.probe)) {
    table.row(label == "driver" ? "module" : label, value);
  }
}

Json outlook_json(const GpuOutlook& outlook) {
  const Verdict& verdict = outlook.verdict;
  const DriverProbe& probe = outlook.probe;
  Json gpus = Json::array();
  for (const Gpu& gpu : probe.gpus) gpus.push_back(gpu_json(gpu));
  return {
      {"state", verdict_name(verdict.kind)},
      {"reason", verdict.reason},
      {"summary", verdict.summary},
      {"hazards", verdict.hazards},
      {"notes", verdict.notes},
      {"remedies", verdict.remedies},
      {"version", probe.module.version},
      {"flavour", flavour_name(probe.module.flavour)},
      {"required", verdict.required_driver},
      {"recommended", verdict.recommended_driver},
      {"fitting_build", verdict.fitting_build},
      {"testable", verdict.is_testable},
      {"why_not_testable", verdict.why_not_testable},
      {"gpus", gpus},
      {"libcuda", libraries_json(probe)},
      {"host_glibc",
       probe.glibc_minor > 0 ? Json("2." + std::to_string(probe.glibc_minor)) : Json()},
      {"container", probe.around.container},
      {"slurm_job", probe.around.in_slurm_job},
      {"visible_devices", probe.around.visible.is_set ? Json(probe.around.visible.text) : Json()}};
}

}  // namespace eb
