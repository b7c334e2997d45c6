#include "installer/check/report_json.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "installer/base/error.hpp"

namespace eb {
namespace {

using Json = nlohmann::ordered_json;

Json gpu_json(const CheckGpu& gpu) {
  return {{"ordinal", gpu.ordinal},
          {"name", gpu.name},
          {"uuid", gpu.uuid},
          {"pci", gpu.pci},
          {"capability", gpu.capability},
          {"memory_bytes", gpu.memory_bytes}};
}

void add_diagnosis(Json& out, const std::optional<Diagnosis>& diagnosis) {
  if (!diagnosis) return;
  out["cause"] = diagnosis->cause;
  out["remedies"] = diagnosis->remedies;
}

Json step_json(const ReportedStep& reported) {
  const CheckStep& step = reported.step;
  Json out = {{"program", reported.program},
              {"name", step.name},
              {"state", step_state_name(step.state)},
              {"seconds", step.seconds},
              {"limit_seconds", step.limit_seconds}};
  out["figures"] = Json::array();
  for (const StepFigure& figure : step.figures) {
    out["figures"].push_back({{"key", figure.key}, {"value", figure.value}, {"unit", figure.unit}});
  }
  out["notes"] = step.notes;
  if (step.state == StepState::kFailed) {
    out["failure"] = {
        {"api", step.failure.api}, {"code", step.failure.code}, {"text", step.failure.text}};
  }
  if (!step.skip_reason.empty()) out["skip_reason"] = step.skip_reason;
  if (step.state == StepState::kCrashed) {
    if (step.signal != 0) out["signal"] = signal_text(step.signal);
    if (step.exit_code) out["exit_code"] = *step.exit_code;
  }
  add_diagnosis(out, reported.diagnosis);
  return out;
}

Json program_json(const ProgramRun& program) {
  Json out = {{"name", program.name},
              {"path", printable(program.path)},
              {"seconds", program.seconds},
              {"exit_code", program.exit_code ? Json(*program.exit_code) : Json()},
              {"signal", program.signal != 0 ? Json(signal_text(program.signal)) : Json()},
              {"abandoned", program.abandoned},
              {"rubbish_lines", program.rubbish}};
  out["stderr"] = Json::array();
  for (size_t at = 0; at < program.error_tail.size();) {
    const size_t end = std::min(program.error_tail.find('\n', at), program.error_tail.size());
    out["stderr"].push_back(printable(program.error_tail.substr(at, end - at)));
    at = end + 1;
  }
  add_diagnosis(out, program.problem);
  return out;
}

Json isolation_json(const Isolation& isolation) {
  const char* state = "holds";
  if (!isolation.judged) state = "not-judged";
  if (!isolation.violations.empty()) state = "violated";
  Json out = {{"state", state},
              {"glibc", glibc_side_name(isolation.glibc)},
              {"release_files", isolation.release_files},
              {"driver_files", isolation.driver_files}};
  out["violations"] = Json::array();
  for (const IsolationViolation& each : isolation.violations) {
    out["violations"].push_back(
        {{"path", printable(each.path)}, {"expected", printable(each.expected)}});
  }
  return out;
}

}  // namespace

Json report_json(const CheckReport& report) {
  Json out = {
      {"record", "check"},
      {"state", check_state_name(report.state)},
      {"reasons", report.reasons},
      {"prefix", printable(report.prefix)},
      {"release", report.release},
      {"activation", printable(report.activation)},
      {"bundle_id", report.bundle_id},
      {"host", printable(report.host)},
      {"kernel", printable(report.kernel)},
      {"when", report.when},
      {"installer", report.installer},
      {"driver", printable(report.driver)},
      {"verdict", {{"kind", report.verdict_kind}, {"text", printable(report.verdict_text)}}}};
  out["gpus"] = Json::array();
  for (const CheckGpu& gpu : report.gpus) out["gpus"].push_back(gpu_json(gpu));
  out["steps"] = Json::array();
  for (const ReportedStep& step : report.steps) out["steps"].push_back(step_json(step));
  out["isolation"] = isolation_json(report.isolation);
  out["hostile_variables"] = Json::array();
  for (const HostileVariable& each : report.hostile) {
    out["hostile_variables"].push_back(
        {{"name", each.name}, {"value", printable(each.value)}, {"effect", each.effect}});
  }
  out["programs"] = Json::array();
  for (const ProgramRun& program : report.programs)
    out["programs"].push_back(program_json(program));
  return out;
}

}  // namespace eb
