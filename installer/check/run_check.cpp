#include "installer/check/run_check.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <span>

#include "installer/base/error.hpp"
#include "installer/base/file.hpp"

namespace eb {
namespace {

constexpr double kFirstLimitSeconds = 120;  // until the first record: Python from a slow server
constexpr double kBetweenSeconds = 60;      // from a step's end to the next one's begin
constexpr double kExitSeconds = 15;         // from `end` to the process's end

constexpr char kGpuCheck[] = "gpucheck";
constexpr char kTorchCheck[] = "torch";

// In the order that the programs run them.
constexpr std::string_view kGpuSteps[] = {
    "driver-library", "driver-init",       "runtime", "cublas-sgemm", "cublas-tensor",
    "cudnn-load",     "cudnn-convolution", "nccl",    "bandwidth",    "isolation"};
constexpr std::string_view kTorchSteps[] = {"torch-import",   "torch-matmul",   "torch-convolution",
                                            "torch-autograd", "torch-amp",      "torch-compile",
                                            "torch-ddp",      "torch-isolation"};
// Of these each one that passes on a machine with a GPU has used it.
constexpr std::string_view kProvingSteps[] = {"runtime",           "cublas-sgemm", "cublas-tensor",
                                              "cudnn-convolution", "nccl",         "bandwidth"};

bool is_there(Sys& sys, const std::string& path) {
  struct stat info {};
  return sys.fstatat(AT_FDCWD, path.c_str(), &info, 0) == 0;
}

// The path that the kernel shows for files of the release.
std::string real_path(Sys& sys, const std::string& dir) {
  try {
    const Fd fd = open_at(sys, AT_FDCWD, dir.c_str(), O_PATH | O_DIRECTORY, 0, dir);
    const std::string link = "/proc/self/fd/" + std::to_string(fd.get());
    return read_link_at(sys, AT_FDCWD, link.c_str(), link);
  } catch (const Error&) {
    return dir;
  }
}

bool has_torch(Sys& sys, const std::string& release_dir) {
  const std::string lib = release_dir + "/lib";
  std::vector<DirEntry> names;
  try {
    const Fd fd = open_at(sys, AT_FDCWD, lib.c_str(), O_RDONLY | O_DIRECTORY, 0, lib);
    if (sys.list(fd.get(), &names) < 0) return false;
  } catch (const Error&) {
    return false;
  }
  return std::ranges::any_of(names, [&](const DirEntry& each) {
    if (!each.name.starts_with("python3")) return false;
    const std::string below = lib + "/" + each.name;
    return is_there(sys, below + "/site-packages/torch/__init__.py") ||
           is_there(sys, below + "/dist-packages/torch/__init__.py");
  });
}

// The lowest, because what it cannot run fails.
std::string lowest_capability(const std::vector<CheckGpu>& gpus) {
  std::string lowest;
  double value = 0;
  for (const CheckGpu& gpu : gpus) {
    char* end = nullptr;
    const double number = std::strtod(gpu.capability.c_str(), &end);
    if (end == gpu.capability.c_str() || (!lowest.empty() && number >= value)) continue;
    lowest = gpu.capability;
    value = number;
  }
  return lowest;
}

class CheckRun {
 public:
  CheckRun(Sys& sys, const CheckRequest& request, EventSink& events)
      : sys_(sys), request_(request), events_(events), facts_(request.facts) {
    const CheckReport& about = request.about;
    report_.prefix = about.prefix;
    report_.release = about.release;
    report_.bundle_id = about.bundle_id;
    report_.host = about.host;
    report_.kernel = about.kernel;
    report_.when = about.when;
    report_.installer = about.installer;
    report_.driver = about.driver;
    report_.verdict_kind = about.verdict_kind;
    report_.verdict_text = about.verdict_text;
    CheckEnvironment environment = check_environment(request.environment);
    environment_ = std::move(environment.variables);
    report_.hostile = std::move(environment.hostile);
    if (!facts_.visible_devices) {
      facts_.visible_devices = variable_in(environment_, "CUDA_VISIBLE_DEVICES");
    }
    roots_ = {real_path(sys, request.release_dir)};
    if (request.release_dir != roots_[0]) roots_.push_back(request.release_dir);
  }

  CheckReport run() {
    events_.on(PhaseStarted{"check", 0, "steps"});
    const auto begin = std::chrono::steady_clock::now();
    const std::string& dir = request_.release_dir;
    if (facts_.cuda.empty() && !is_there(sys_, dir + "/" + kGpuCheckPath)) {
      report_.reasons.emplace_back("the release has no GPU check: it holds no CUDA libraries");
    } else {
      run_program(kGpuCheck, {dir + "/" + kGpuCheckPath}, kGpuSteps);
    }
    if (is_there(sys_, dir + "/" + kTorchCheckPath) && is_there(sys_, dir + "/" + kPythonPath) &&
        has_torch(sys_, dir)) {
      if (hangs_ || stopped_) {
        add_not_run(kTorchCheck, kTorchSteps,
                    stopped_ ? "the check was stopped" : "the driver hung before");
      } else {
        run_program(kTorchCheck, {dir + "/" + kPythonPath, "-I", dir + "/" + kTorchCheckPath},
                    kTorchSteps);
      }
    }
    report_.isolation = merged(isolations_);
    judge_report(report_);
    if (stopped_) {
      report_.state = CheckState::kNotTestable;
      report_.reasons = {"the check was stopped before it had ended"};
    }
    events_.on(PhaseFinished{
        "check", std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count()});
    return std::move(report_);
  }

 private:
  Milliseconds limit(double seconds) const {
    const double scaled = seconds * std::max(request_.limit.scale, 0.0);
    const double capped = std::clamp(scaled, 0.001, std::max(request_.limit.cap_seconds, 0.001));
    return Milliseconds(static_cast<int64_t>(std::ceil(capped * 1000)));
  }

  void run_program(const char* name, std::vector<std::string> arguments,
                   std::span<const std::string_view> step_names) {
    RecordReader reader;
    ChildBounds bounds = request_.bounds;
    bounds.first_limit = limit(kFirstLimitSeconds);
    waits_for_ = bounds.first_limit;
    ProgramRun program;
    program.name = name;
    program.path = arguments.back();
    const auto on_line = [&](std::string_view line) -> std::optional<Milliseconds> {
      switch (reader.read(line)) {
        case RecordReader::Kind::kStepBegan:
          events_.on(Note{reader.last_step()->name + " ..."});
          waits_for_ = limit(reader.last_step()->limit_seconds);
          return waits_for_;
        case RecordReader::Kind::kStepEnded:
          announce(*reader.last_step());
          waits_for_ = limit(kBetweenSeconds);
          return waits_for_;
        case RecordReader::Kind::kEnd:
          waits_for_ = limit(kExitSeconds);
          return waits_for_;
        case RecordReader::Kind::kOther:
          return std::nullopt;
      }
      return std::nullopt;
    };
    const std::string started = arguments[0];
    const ChildResult child =
        run_child(sys_, {std::move(arguments), environment_}, bounds, request_.stopped, on_line);
    if (child.start_error != 0) {
      program.problem = explain_start_error(child.start_error, started, facts_);
      report_.programs.push_back(std::move(program));
      return;
    }
    program.seconds = child.seconds;
    program.exit_code = child.exit_code;
    program.signal = child.signal;
    program.abandoned = child.abandoned;
    program.error_tail = child.error_tail;
    const bool timed_out = child.cut == ChildCut::kDeadline;
    stopped_ = stopped_ || child.cut == ChildCut::kStopped;
    hangs_ = hangs_ || timed_out || child.abandoned;
    CheckRecords records = std::move(reader).finish({.timed_out = timed_out,
                                                     .stopped = child.cut == ChildCut::kStopped,
                                                     .signal = child.signal,
                                                     .exit_code = child.exit_code});
    program.rubbish = records.rubbish + child.long_lines;
    take_records(name, program, records, child, step_names);
    report_.programs.push_back(std::move(program));
  }

  void take_records(const char* name, ProgramRun& program, CheckRecords& records,
                    const ChildResult& child, std::span<const std::string_view> step_names) {
    for (CheckGpu& gpu : records.gpus) {
      const auto same = [&](const CheckGpu& known) {
        return known.uuid.empty() ? known.ordinal == gpu.ordinal : known.uuid == gpu.uuid;
      };
      if (std::ranges::none_of(report_.gpus, same)) report_.gpus.push_back(std::move(gpu));
    }
    if (facts_.gpu_capability.empty()) facts_.gpu_capability = lowest_capability(report_.gpus);
    isolations_.push_back(judge_isolation(records.maps, roots_));

    const double waited = std::chrono::duration<double>(waits_for_).count();
    bool is_explained = false;
    for (CheckStep& step : records.steps) {
      ReportedStep reported{name, std::move(step), std::nullopt};
      switch (reported.step.state) {
        case StepState::kFailed:
          reported.diagnosis = explain_failure(reported.step.failure, facts_);
          break;
        case StepState::kCrashed:
          reported.diagnosis = crash_of(child);
          is_explained = true;
          break;
        case StepState::kTimedOut:
          reported.diagnosis = explain_timeout(waited, child.abandoned, facts_);
          is_explained = true;
          break;
        case StepState::kOk:
        case StepState::kSkipped:
        case StepState::kNotRun:
          break;
      }
      report_.steps.push_back(std::move(reported));
    }
    if (child.cut == ChildCut::kStopped) {
      add_not_run(name, step_names, "the check was stopped");
      return;
    }
    const bool ended_well = records.ended && child.cut == ChildCut::kNone && child.signal == 0 &&
                            child.exit_code.value_or(0) == 0;
    if (!ended_well && !is_explained) {
      program.problem = child.cut == ChildCut::kDeadline
                            ? explain_timeout(waited, child.abandoned, facts_)
                            : crash_of(child);
    }
    if (!records.ended) add_not_run(name, step_names, "the program had ended");
  }

  Diagnosis crash_of(const ChildResult& child) const {
    if (child.cut == ChildCut::kTooMuchOutput) {
      Diagnosis out = explain_crash(0, std::nullopt, facts_);
      out.cause = "the check program wrote without end and was ended";
      return out;
    }
    // What the launcher exits with when it cannot start the program (runtime/launcher/README.md).
    if (child.signal == 0 && (child.exit_code == 126 || child.exit_code == 127)) {
      Diagnosis out = explain_crash(0, child.exit_code, facts_);
      out.cause = "the launcher could not start the check program (exit code " +
                  std::to_string(*child.exit_code) + "): its own words stand below";
      return out;
    }
    return explain_crash(child.signal, child.exit_code, facts_);
  }

  // The steps that the program would have come to.
  void add_not_run(const char* name, std::span<const std::string_view> step_names,
                   const char* reason) {
    for (const std::string_view step_name : step_names) {
      const auto is_it = [&](const ReportedStep& each) { return each.step.name == step_name; };
      if (std::ranges::any_of(report_.steps, is_it)) continue;
      CheckStep step;
      step.name = step_name;
      step.skip_reason = reason;
      report_.steps.push_back({name, std::move(step), std::nullopt});
    }
  }

  void announce(const CheckStep& step) {
    std::string text = step.name + ": " + step_state_name(step.state);
    if (!step.skip_reason.empty()) text += " (" + step.skip_reason + ")";
    if (step.state == StepState::kFailed) text += " (" + step.failure.text + ")";
    events_.on(Note{text});
  }

  Sys& sys_;
  const CheckRequest& request_;
  EventSink& events_;
  RemedyFacts facts_;
  CheckReport report_;
  std::vector<std::string> environment_;
  std::vector<std::string> roots_;
  std::vector<Isolation> isolations_;
  Milliseconds waits_for_{0};  // the limit that runs now
  bool hangs_ = false;
  bool stopped_ = false;
};

void add_once(std::vector<std::string>& list, std::string text) {
  if (std::ranges::find(list, text) == list.end()) list.push_back(std::move(text));
}

}  // namespace

CheckReport run_check(Sys& sys, const CheckRequest& request, EventSink& events) {
  return CheckRun(sys, request, events).run();
}

CheckReport skipped_report(CheckReport about, std::string reason) {
  about.state = CheckState::kSkipped;
  about.reasons = {std::move(reason)};
  return about;
}

void judge_report(CheckReport& report) {
  std::vector<std::string> failures;
  std::vector<std::string> circumstances;
  std::vector<std::string> skips;
  bool is_proven = false;
  for (const ReportedStep& reported : report.steps) {
    const CheckStep& step = reported.step;
    const std::string cause = reported.diagnosis ? ": " + reported.diagnosis->cause : "";
    switch (step.state) {
      case StepState::kOk:
        is_proven =
            is_proven || std::ranges::find(kProvingSteps, step.name) != std::end(kProvingSteps);
        break;
      case StepState::kSkipped:
        if (!step.skip_reason.starts_with("needs ")) {
          add_once(skips, step.skip_reason.empty() ? step.name + " was skipped" : step.skip_reason);
        }
        break;
      case StepState::kFailed:
        if (reported.diagnosis && reported.diagnosis->is_circumstance) {
          add_once(circumstances, step.name + cause);
        } else {
          failures.push_back(step.name + " failed" + cause);
        }
        break;
      case StepState::kTimedOut:
        failures.push_back(step.name + " did not end" + cause);
        break;
      case StepState::kCrashed:
        failures.push_back(step.name + " crashed" + cause);
        break;
      case StepState::kNotRun:
        break;
    }
  }
  for (const ProgramRun& program : report.programs) {
    if (!program.problem) continue;
    (program.problem->is_circumstance ? circumstances : failures)
        .push_back(program.name + ": " + program.problem->cause);
  }
  for (const IsolationViolation& each : report.isolation.violations) {
    failures.push_back("a library is not the release's own: " + printable(each.path));
  }
  if (!failures.empty()) {
    report.state = CheckState::kFailed;
    report.reasons.insert(report.reasons.end(), failures.begin(), failures.end());
    report.reasons.insert(report.reasons.end(), circumstances.begin(), circumstances.end());
    return;
  }
  if (is_proven && !report.gpus.empty() && circumstances.empty()) {
    report.state = CheckState::kPassed;
    const size_t count = report.gpus.size();
    report.reasons.push_back("the GPU stack works on " + std::to_string(count) +
                             (count == 1 ? " GPU" : " GPUs"));
    if (!report.isolation.judged) {
      report.reasons.emplace_back("that its libraries are the release's own was not seen");
    }
    return;
  }
  report.state = CheckState::kNotTestable;
  std::vector<std::string>& why = circumstances.empty() ? skips : circumstances;
  if (why.empty() && report.reasons.empty()) why.emplace_back("no step could use a GPU");
  report.reasons.insert(report.reasons.end(), why.begin(), why.end());
}

}  // namespace eb
