#include "installer/cli/gpu_check.hpp"

#include <fcntl.h>

#include <algorithm>

#include "installer/base/error.hpp"
#include "installer/base/file.hpp"
#include "installer/base/utc_text.hpp"
#include "installer/check/report_json.hpp"
#include "installer/driver/driver_rules.hpp"
#include "installer/install/check_files.hpp"
#include "installer/install/prefix.hpp"
#include "installer/install/size_text.hpp"

namespace eb {
namespace {

RemedyFacts remedy_facts(const CheckedRelease& checked, const GpuOutlook& outlook, Sys& sys) {
  const DriverProbe& probe = outlook.probe;
  RemedyFacts out;
  out.prefix = checked.prefix;
  out.cuda = outlook.demand.cuda;
  out.driver = probe.module.version;
  out.min_driver = outlook.demand.min_driver;
  out.recommended_driver = outlook.demand.recommended_driver;
  if (const DriverCuda cuda = cuda_of_driver(probe.module.version); !cuda.version.empty()) {
    out.fitting_cuda = cuda.version;
  }
  out.sass = capabilities_text(outlook.demand.sass);
  out.ptx = capabilities_text(outlook.demand.ptx);
  out.pci_gpus = static_cast<unsigned>(probe.gpus.size());
  out.gpu_nodes = static_cast<unsigned>(probe.nodes.gpu_minors.size());
  out.uvm_node = probe.nodes.uvm.exists;
  const auto add_denied = [&](const DeviceNode& node) {
    if (node.exists && node.access_error != 0) out.denied_nodes.push_back(node.path);
  };
  add_denied(probe.nodes.control);
  add_denied(probe.nodes.uvm);
  unsigned mig_instances = 0;
  std::optional<Capability> oldest;
  for (const Gpu& gpu : probe.gpus) {
    add_denied(gpu.node);
    mig_instances += gpu.mig_instances;
    if (gpu.capability && (!oldest || *gpu.capability < *oldest)) oldest = gpu.capability;
  }
  if (oldest) out.gpu_capability = oldest->str();
  if (mig_instances > 0) {
    out.mig_enabled = true;
    out.mig_instances = mig_instances;
  }
  out.in_slurm_job = probe.around.in_slurm_job;
  out.in_container = !probe.around.container.empty();
  out.is_wsl = probe.around.is_wsl;
  if (probe.around.visible.is_set) out.visible_devices = probe.around.visible.text;
  const int shm = sys.openat(AT_FDCWD, "/dev/shm", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
  if (shm >= 0) {
    const Fd held(sys, shm);
    struct statfs info {};
    if (sys.fstatfs(shm, &info) == 0) {
      out.shm_bytes = static_cast<uint64_t>(info.f_blocks) * static_cast<uint64_t>(info.f_bsize);
    }
  }
  return out;
}

CheckReport about(const CheckedRelease& checked, const GpuOutlook& outlook, const Host& host) {
  CheckReport out;
  out.prefix = checked.prefix;
  out.release = checked.release;
  out.bundle_id = checked.id;
  out.host = host.node;
  out.kernel = host.kernel;
  out.when = utc_text(host.now);
  out.installer = EB_VERSION;
  out.driver = driver_line(outlook.probe);
  out.verdict_kind = verdict_name(outlook.verdict.kind);
  out.verdict_text = outlook.verdict.summary;
  return out;
}

// Without kRequire a check that proves nothing stands in nobody's way.
bool is_enough(CheckState state, GpuCheckMode mode) {
  return state == CheckState::kPassed ||
         (state != CheckState::kFailed && mode != GpuCheckMode::kRequire);
}

// For the report, which is read later and by others.
std::string activation_text(const CheckedRelease& checked, CheckState state, GpuCheckMode mode) {
  if (checked.is_active) return "yes";
  if (!checked.is_install) return "no; installing its bundle again activates it";
  return is_enough(state, mode)
             ? "yes, after this check"
             : "no, because of this check; the same install with --gpu-check=skip activates it";
}

Error with_remedies(Error error, const std::vector<std::string>& remedies) {
  for (const std::string& remedy : remedies) error.hint(remedy);
  return error;
}

}  // namespace

void GpuCheckOptions::add_to(CLI::App& app) {
  app.add_option_function<std::string>("--gpu-check", [this](const std::string& text) {
    if (text == "auto") {
      mode = GpuCheckMode::kAuto;
    } else if (text == "require") {
      mode = GpuCheckMode::kRequire;
    } else if (text == "skip") {
      mode = GpuCheckMode::kSkip;
    } else {
      throw Error(ExitCode::kUsage, "--gpu-check knows no '" + printable(text) + "'")
          .hint("it is one of auto, require, skip");
    }
  });
  app.add_option_function<std::string>("--time-limit", [this](const std::string& text) {
    limit.cap_seconds = parse_count("--time-limit", text, 1, 86400);
  });
}

void require_fit(const GpuOutlook& outlook, GpuCheckMode mode) {
  if (mode == GpuCheckMode::kSkip) return;
  const Verdict& verdict = outlook.verdict;
  const bool is_unfit =
      verdict.kind == VerdictKind::kTooOld || verdict.kind == VerdictKind::kGpuNotSupported;
  if (is_unfit) {
    throw with_remedies(
        Error(ExitCode::kDriver, verdict.kind == VerdictKind::kTooOld
                                     ? "the NVIDIA driver is too old for this bundle"
                                     : "the bundle has no code for this GPU")
            .where("this machine: " + driver_line(outlook.probe))
            .why(verdict.summary),
        verdict.remedies)
        .hint("for use on the CPU, or on other machines, give --gpu-check=skip");
  }
  if (mode == GpuCheckMode::kRequire && outlook.demand.needs_gpu() && !verdict.is_testable) {
    throw with_remedies(Error(ExitCode::kDriver, "there is no GPU here to test on")
                            .where("this machine: " + driver_line(outlook.probe))
                            .why(verdict.why_not_testable),
                        verdict.remedies)
        .hint("--gpu-check=auto goes on without a test");
  }
}

CheckReport check_release_gpu(const CheckedRelease& checked, const GpuOutlook& outlook,
                              const GpuCheckOptions& options, const Host& host,
                              const Environment& environment, EventSink& events) {
  CheckRequest request;
  request.release_dir = checked.folder;
  request.about = about(checked, outlook, host);
  request.facts = remedy_facts(checked, outlook, environment.sys);
  request.environment = environment.variables;
  request.limit = options.limit;
  request.stopped = [&environment] { return environment.stop.signal() != 0; };
  CheckReport report = run_check(environment.sys, request, events);
  report.activation = activation_text(checked, report.state, options.mode);
  environment.stop.check();
  const std::string where = checked.prefix + "/" + kStateDir;
  try {
    keep_check_report(
        environment.sys, checked.state_dir, checked.release, report_text(report),
        report_json(report).dump(1, ' ', false, Json::error_handler_t::replace) + "\n", where);
  } catch (const Error& error) {
    events.on(
        Warning{"the report of the GPU check cannot be kept in " + where + ": " + error.why()});
  }
  return report;
}

void require_passed(const CheckReport& report, GpuCheckMode mode) {
  const bool failed = report.state == CheckState::kFailed;
  if (is_enough(report.state, mode)) return;
  Error error(ExitCode::kSmokeTest,
              failed ? "the GPU check failed" : "the GPU check could not test a GPU");
  std::string where = report.prefix + ", release " + report.release;
  const Diagnosis* diagnosis = nullptr;
  for (const ReportedStep& step : report.steps) {
    if (!step.diagnosis || (failed && step.diagnosis->is_circumstance)) continue;
    diagnosis = &*step.diagnosis;
    where += ", step " + step.step.name;
    break;
  }
  for (const ProgramRun& program : report.programs) {
    if (diagnosis != nullptr || !program.problem) continue;
    diagnosis = &*program.problem;
    where += ", program " + program.path;
  }
  error.where(where);
  if (diagnosis != nullptr) {
    error.why(diagnosis->cause);
    for (const std::string& remedy : diagnosis->remedies) error.hint(remedy);
  } else if (!report.reasons.empty()) {
    error.why(report.reasons.front());
  }
  error.hint("the whole report: " + report.prefix + "/" + kStateDir + "/" +
             check_file_name(report.release, ".txt"));
  throw error;
}

std::string check_line(const CheckReport& report) {
  const auto count = [&](StepState state) {
    return static_cast<uint64_t>(std::ranges::count_if(
        report.steps, [&](const ReportedStep& step) { return step.step.state == state; }));
  };
  std::string out = check_state_name(report.state);
  if (report.state == CheckState::kSkipped || report.steps.empty()) {
    return report.reasons.empty() ? out : out + ": " + report.reasons.front();
  }
  out += ": " + count_text(count(StepState::kOk), "step", "steps") + " right";
  if (!report.gpus.empty()) out += " on " + count_text(report.gpus.size(), "GPU", "GPUs");
  if (const uint64_t skipped = count(StepState::kSkipped)) {
    out += ", " + std::to_string(skipped) + " skipped";
  }
  if (report.state != CheckState::kPassed && !report.reasons.empty()) {
    out += "; " + report.reasons.front();
  }
  return out;
}

}  // namespace eb
