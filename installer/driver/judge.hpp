#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "installer/driver/usable_gpus.hpp"
#include "installer/driver/verdict.hpp"

namespace eb {

// The inside of judge(): one object a question, its parts in judge*.cpp.

/// Is version `one` below version `two`? False when one of them is none.
bool is_older(const std::string& one, const std::string& two);
/// "CUDA 12.8".
std::string bundle_text(const GpuDemand& demand);
/// Words with commas between.
std::string listed(const std::vector<std::string>& words);

class Judge {
 public:
  Judge(const GpuDemand& demand, const DriverProbe& probe)
      : demand_(demand), probe_(probe), usable_(usable_gpus(probe)) {}

  Verdict run();

 private:
  void set(VerdictKind kind, std::string reason, std::string summary) {
    verdict_.kind = kind;
    verdict_.reason = std::move(reason);
    verdict_.summary = std::move(summary);
  }
  void note(std::string text) { add(&verdict_.notes, std::move(text)); }
  void hazard(std::string text) { verdict_.hazards.push_back(std::move(text)); }
  void remedy(std::string text) { add(&verdict_.remedies, std::move(text)); }
  // Machines with eight equal GPUs would say everything eight times.
  static void add(std::vector<std::string>* list, std::string text) {
    if (std::ranges::find(*list, text) == list->end()) list->push_back(std::move(text));
  }

  // The bundle's own statement goes before the table's: it was computed from what is in it.
  void read_needs();
  void decide();
  void decide_wsl();
  void decide_jetson();
  std::string needed_text() const;
  void decide_without_module();
  void note_generation(const Gpu& gpu);
  // GPUs whose code is judged: those that can be used now; where none can, all that are served.
  std::vector<const Gpu*> judged_gpus() const;
  std::optional<Capability> first_capability() const;
  void suggest_build();
  // Is the driver's own CUDA as new as the toolkit? False when one of them is not known.
  bool has_toolkits_cuda() const;
  bool has_limits() const;
  // "570.124.06 or newer": the driver without limits.
  std::string full_driver() const;
  // No GPU has code in the bundle, whatever the driver is.
  void decide_no_code(const std::vector<const Gpu*>& gpus);
  void decide_with_driver();
  void decide_without_served_gpu();
  // Forward compatibility (FACTS §2 c): the bundle's own newer libcuda above an older driver.
  bool decide_by_compat(const std::vector<const Gpu*>& gpus);
  void decide_too_old(const std::vector<const Gpu*>& gpus);
  // False when the verdict is made: no GPU has code in the bundle that this driver can run.
  bool decide_code(const std::vector<const Gpu*>& gpus);
  void decide_without_nodes();
  void decide_limited(const std::string& with);
  // What goes with every verdict but "not needed".
  void finish();
  void note_others();
  void check_foreign_compat(const HostLibcuda& library);
  void check_libraries();

  const GpuDemand& demand_;
  const DriverProbe& probe_;
  UsableGpus usable_;
  Verdict verdict_;
};

}  // namespace eb
