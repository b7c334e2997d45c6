#include "installer/base/version.hpp"
#include "installer/driver/driver_rules.hpp"
#include "installer/driver/judge.hpp"

namespace eb {
namespace {

/// How the bundle's code fits one GPU.
enum class CodeFit { kSass, kPtxOnly, kNone, kUnknown };

CodeFit code_fit(const GpuDemand& demand, const Gpu& gpu) {
  if (!gpu.capability || (demand.sass.empty() && demand.ptx.empty())) return CodeFit::kUnknown;
  const Capability& capability = *gpu.capability;
  if (std::ranges::any_of(demand.sass,
                          [&](const auto& code) { return code_runs_on(code, capability); })) {
    return CodeFit::kSass;
  }
  return std::ranges::any_of(demand.ptx,
                             [&](const auto& code) { return ptx_runs_on(code, capability); })
             ? CodeFit::kPtxOnly
             : CodeFit::kNone;
}

}  // namespace

// A driver with a version, and GPUs that it serves.

std::vector<const Gpu*> Judge::judged_gpus() const {
  if (!usable_.gpus.empty()) return usable_.gpus;
  std::vector<const Gpu*> out;
  for (const Gpu& gpu : probe_.gpus) {
    if (gpu.is_served && !gpu.is_excluded) out.push_back(&gpu);
  }
  return out;
}

std::optional<Capability> Judge::first_capability() const {
  for (const Gpu* gpu : judged_gpus()) {
    if (gpu->capability) return gpu->capability;
  }
  return std::nullopt;
}

void Judge::suggest_build() {
  const TorchBuild* build = newest_torch_for(probe_.module.version, first_capability());
  if (build == nullptr) return;
  verdict_.fitting_build = torch_build_text(*build);
  remedy((verdict_.remedies.empty() ? "" : "or ") +
         std::string("use a bundle that fits this driver: ") + verdict_.fitting_build +
         " is the newest build known for it");
}

bool Judge::has_toolkits_cuda() const {
  const std::string own = cuda_of_driver(probe_.module.version).version;
  const std::string_view wanted = demand_.cuda;
  const size_t dot = wanted.find('.');
  if (own.empty() || dot == std::string_view::npos) return false;
  return !is_older(own, std::string(wanted.substr(0, wanted.find('.', dot + 1))));
}

bool Judge::has_limits() const {
  if (has_toolkits_cuda()) return false;
  if (demand_.cuda.empty() && verdict_.recommended_driver.empty()) return false;  // nothing told
  const DriverCuda own = cuda_of_driver(probe_.module.version);
  if (verdict_.recommended_driver.empty()) return !own.version.empty() && !own.is_at_least;
  return is_older(probe_.module.version, verdict_.recommended_driver);
}

void Judge::decide_with_driver() {
  const std::string& driver = probe_.module.version;
  const std::vector<const Gpu*> gpus = judged_gpus();
  if (gpus.empty()) return decide_without_served_gpu();
  if (std::ranges::all_of(
          gpus, [&](const Gpu* gpu) { return code_fit(demand_, *gpu) == CodeFit::kNone; })) {
    // No driver helps then, so this goes before its age.
    return decide_no_code(gpus);
  }
  const bool is_too_old = is_older(driver, verdict_.required_driver);
  const bool by_compat = (is_too_old || has_limits()) && decide_by_compat(gpus);
  if (is_too_old && !by_compat) return decide_too_old(gpus);
  if (!decide_code(gpus)) return;
  if (usable_.lacks_all_nodes) return decide_without_nodes();
  if (by_compat) return;
  const std::string with = "driver " + driver + " with " + gpu_count_text(gpus.size());
  if (has_limits()) return decide_limited(with);
  set(VerdictKind::kOk, "", with + " runs " + bundle_text(demand_) + needed_text());
  if (has_toolkits_cuda()) {
    if (is_older(driver, verdict_.recommended_driver)) {
      note("the toolkit came with driver " + verdict_.recommended_driver +
           "; this one is a little older and of the same CUDA version");
    }
  } else if (verdict_.recommended_driver.empty()) {
    note(
        "whether this driver is as new as the toolkit is not known: PTX newer than the driver "
        "fails with error 222");
  }
}

bool Judge::decide_by_compat(const std::vector<const Gpu*>& gpus) {
  if (demand_.cuda_compat.empty()) return false;
  const CompatAnswer answer = compat_works_on(demand_.cuda_compat, probe_.module.version);
  const std::string library = "the bundle's forward-compatibility libcuda " + demand_.cuda_compat;
  if (answer == CompatAnswer::kNo) {
    note(library + " is not made for driver branch " +
         std::to_string(major_of(probe_.module.version)));
    return false;
  }
  const auto refusing =
      std::ranges::find_if(gpus, [](const Gpu* gpu) { return refuses_compat(gpu->name); });
  if (refusing != gpus.end()) {
    note(library + " refuses GPUs such as " + (*refusing)->title() + " (error 804)");
    return false;
  }
  set(VerdictKind::kLimited, "compat",
      "driver " + probe_.module.version + " runs " + bundle_text(demand_) +
          " through the bundle's forward-compatibility libcuda " + demand_.cuda_compat);
  note(
      "features that need a newer kernel module are not there; the launcher looks at the "
      "library's own list of drivers before it uses it");
  if (answer == CompatAnswer::kUnlisted) {
    note(std::string("which drivers that library works with is not in this installer's rules (") +
         rule_tables().as_of + ")");
  }
  return true;
}

void Judge::decide_too_old(const std::vector<const Gpu*>& gpus) {
  const std::string& driver = probe_.module.version;
  set(VerdictKind::kTooOld, "floor",
      "driver " + driver + " is too old for " + bundle_text(demand_) + ": " +
          verdict_.required_driver + " or newer is needed");
  const int newest = newest_cuda_major_for(driver);
  const DriverCuda own = cuda_of_driver(driver);
  if (newest > 0) {
    note("this driver runs CUDA " + std::to_string(newest) + ".x" +
         (own.version.empty() || major_of(own.version) != newest
              ? std::string()
              : std::string(own.is_at_least ? ", at least up to " : ", up to ") + own.version +
                    " without limits"));
  } else {
    note("this driver is older than what any CUDA 11 or newer runs on");
  }
  note("the environment works on the CPU here");
  size_t ended = 0;
  for (const Gpu* gpu : gpus) {
    const GenerationRule* rule = rule_of_generation(gpu->generation);
    if (rule == nullptr || rule->last_branch == 0 ||
        rule->last_branch >= major_of(verdict_.required_driver)) {
      continue;
    }
    ++ended;
    note("driver branch " + std::to_string(rule->last_branch) + " is the last one for " +
         gpu->generation + " GPUs: " + gpu->title() + " cannot run " + bundle_text(demand_));
  }
  if (ended < gpus.size()) {
    std::string update =
        "root: update the NVIDIA driver to " + verdict_.required_driver + " or newer";
    if (is_older(verdict_.required_driver, verdict_.recommended_driver)) {
      update += " (" + verdict_.recommended_driver + " or newer lifts all limits)";
    }
    remedy(update);
  }
  suggest_build();
  const bool may_compat = std::ranges::none_of(
      gpus, [](const Gpu* gpu) { return gpu->name.empty() || refuses_compat(gpu->name); });
  if (demand_.cuda_compat.empty() && may_compat && newest > 0 && ended < gpus.size()) {
    remedy("or, on data-centre GPUs, a bundle with a cuda-compat library made for driver branch " +
           std::to_string(major_of(driver)));
  }
  if (verdict_.remedies.empty()) remedy("use the CPU here, or another GPU");
}

bool Judge::decide_code(const std::vector<const Gpu*>& gpus) {
  std::vector<std::string> without;
  const Gpu* by_ptx = nullptr;
  size_t fits = 0;
  size_t unknown = 0;
  for (const Gpu* gpu : gpus) {
    switch (code_fit(demand_, *gpu)) {
      case CodeFit::kSass:
        ++fits;
        break;
      case CodeFit::kPtxOnly:
        by_ptx = gpu;
        break;
      case CodeFit::kNone:
        without.push_back(gpu->title() + " (" + gpu->capability->str() + ")");
        break;
      case CodeFit::kUnknown:
        ++unknown;
        if (!gpu->capability) {
          note("the compute capability of " + gpu->title() + " is not known here" +
               (demand_.sass.empty()
                    ? std::string()
                    : "; the bundle has code for " + capabilities_text(demand_.sass)));
        }
        break;
    }
  }
  if (by_ptx != nullptr) {
    const bool can_compile = verdict_.reason == "compat" || !has_limits();
    const std::string text = by_ptx->title() + " (" + by_ptx->capability->str() +
                             ") has no machine code in the bundle, only PTX " +
                             capabilities_text(demand_.ptx);
    if (can_compile) {
      ++fits;
      note(text + ": the first start compiles for minutes");
    } else if (fits + unknown == 0) {
      set(VerdictKind::kTooOld, "ptx-only",
          text + ", which driver " + probe_.module.version + " cannot compile: " + full_driver() +
              " is needed");
      if (!verdict_.recommended_driver.empty()) {
        verdict_.required_driver = verdict_.recommended_driver;
      }
      remedy("root: update the NVIDIA driver: " + full_driver());
      suggest_build();
      return false;
    } else {
      note(text + ", which this driver cannot compile");
    }
  }
  if (!without.empty()) {
    note("no code in the bundle for " + listed(without) + "; hide it with CUDA_VISIBLE_DEVICES");
  }
  return true;
}

void Judge::decide_no_code(const std::vector<const Gpu*>& gpus) {
  std::vector<std::string> titles;
  for (const Gpu* gpu : gpus) {
    std::string title = gpu->title() + " (" + gpu->capability->str() + ")";
    if (std::ranges::find(titles, title) == titles.end()) titles.push_back(std::move(title));
  }
  set(VerdictKind::kGpuNotSupported, "",
      "no code for " + listed(titles) + " in this bundle, which has " +
          capabilities_text(demand_.sass) +
          (demand_.ptx.empty() ? std::string() : " and PTX " + capabilities_text(demand_.ptx)));
  note("CUDA calls would fail with error 209 (no kernel image is available)");
  note("the environment works on the CPU here");
  const std::string& driver = probe_.module.version;
  if (is_older(driver, verdict_.required_driver)) {
    note("driver " + driver + " is also too old for it (" + verdict_.required_driver +
         " or newer is needed)");
  }
  const std::optional<Capability> capability = first_capability();
  const TorchBuild* fitting = newest_torch_for(driver, capability);
  const TorchBuild* newest = newest_torch_for({}, capability);
  if (fitting != nullptr) {
    verdict_.fitting_build = torch_build_text(*fitting);
    remedy("use a bundle with code for this GPU: " + verdict_.fitting_build +
           " is the newest build known that driver " + driver + " runs");
  }
  if (newest != nullptr && newest != fitting) {
    const auto needs = needs_of_toolkit(newest->cuda);
    remedy((fitting == nullptr ? "use a bundle with code for this GPU: "
                               : "or update the driver and use ") +
           torch_build_text(*newest) +
           (needs ? ", which needs driver " + needs->floor + " or newer" : std::string()));
  }
  if (newest == nullptr) {
    note("no PyTorch build that this installer knows has code for it");
    remedy("use the CPU here, or another GPU");
  }
}

std::string Judge::full_driver() const {
  return verdict_.recommended_driver.empty() ? "a driver that has CUDA " + demand_.cuda
                                             : verdict_.recommended_driver + " or newer";
}

void Judge::decide_limited(const std::string& with) {
  const DriverCuda own = cuda_of_driver(probe_.module.version);
  const std::string cuda = own.version.empty()
                               ? std::string("the driver's own CUDA")
                               : "CUDA " + own.version + (own.is_at_least ? " (at least)" : "");
  set(VerdictKind::kLimited, "minor-version",
      with + " runs " + bundle_text(demand_) + " with limits (" + full_driver() + " has none)");
  note("PTX made by a toolkit newer than " + cuda +
       " cannot be compiled by this driver (error 222): machine code in the bundle works, "
       "kernels shipped as PTX do not");
  note("features newer than " + cuda + " answer 'not supported'");
  remedy("root: update the NVIDIA driver to lift the limits: " + full_driver());
}

}  // namespace eb
