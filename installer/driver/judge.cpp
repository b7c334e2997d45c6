#include "installer/driver/judge.hpp"

#include "installer/base/version.hpp"
#include "installer/driver/driver_rules.hpp"

namespace eb {

bool is_older(const std::string& one, const std::string& two) {
  const auto a = DottedVersion::parse(one);
  const auto b = DottedVersion::parse(two);
  return a && b && *a < *b;
}

std::string bundle_text(const GpuDemand& demand) {
  return demand.cuda.empty() ? std::string("this bundle") : "CUDA " + demand.cuda;
}

std::string listed(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : ", ") + word;
  return out;
}

Verdict Judge::run() {
  if (!demand_.needs_gpu()) {
    verdict_.summary = "no NVIDIA driver is needed";
    verdict_.why_not_testable = "the bundle holds no CUDA";
    return std::move(verdict_);
  }
  verdict_.is_testable = usable_.why_none.empty();
  verdict_.why_not_testable = usable_.why_none;
  read_needs();
  decide();
  finish();
  return std::move(verdict_);
}

void Judge::read_needs() {
  const auto needs = needs_of_toolkit(demand_.cuda);
  verdict_.required_driver = demand_.min_driver;
  verdict_.recommended_driver = demand_.recommended_driver;
  if (needs) {
    if (verdict_.required_driver.empty()) verdict_.required_driver = needs->floor;
    if (verdict_.recommended_driver.empty()) verdict_.recommended_driver = needs->recommended;
  }
  if (demand_.cuda.empty()) return;
  const std::string as_of = std::string("this installer's rules (") + rule_tables().as_of + ")";
  if (!needs) {
    note("CUDA " + demand_.cuda + " has a major version that " + as_of + " do not know" +
         (demand_.min_driver.empty() ? std::string()
                                     : "; the bundle itself states the driver that it needs"));
  } else if (!needs->is_known) {
    note("CUDA " + demand_.cuda + " is newer than " + as_of +
         "; the floor of its major version is taken");
  }
}

void Judge::decide() {
  if (!probe_.module.is_loaded && probe_.around.is_wsl) return decide_wsl();
  if (probe_.around.is_jetson) return decide_jetson();
  if (!probe_.module.is_loaded) return decide_without_module();
  if (verdict_.required_driver.empty()) {
    set(VerdictKind::kCannotTell, "cuda-unknown",
        "which driver CUDA " + demand_.cuda + " needs is not known to this installer");
    remedy("use an installer as new as the bundle, or run its check: envinstall check PREFIX");
    return;
  }
  if (probe_.module.version.empty()) {
    set(VerdictKind::kCannotTell, "version-unreadable",
        "an NVIDIA driver is loaded, but its version cannot be read (" + verdict_.required_driver +
            " or newer is needed)");
    if (const HostLibcuda* library = probe_.usable_libcuda();
        library != nullptr && !library->version.empty()) {
      note("the driver's library " + library->real_path + " is of version " + library->version);
    }
    remedy("compare with the version that nvidia-smi shows");
    return;
  }
  decide_with_driver();
}

std::string Judge::needed_text() const {
  return verdict_.required_driver.empty()
             ? std::string()
             : " (" + verdict_.required_driver + " or newer is needed)";
}

}  // namespace eb
