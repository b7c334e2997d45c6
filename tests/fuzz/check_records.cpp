#include "installer/check/check_records.hpp"

#include <algorithm>
#include <set>
#include <string>

#include "installer/base/utf8.hpp"
#include "installer/check/isolation.hpp"
#include "installer/check/remedies.hpp"
#include "tests/fuzz/fuzz_target.hpp"

namespace {

using namespace eb;

void require_text(const std::string& text) {
  fuzz::require(text.size() <= RecordReader::kMaxTextBytes, "text has a bound");
  fuzz::require(is_utf8(text), "text is UTF-8");
  for (const char c : text) {
    fuzz::require(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f, "text can be shown");
  }
}

void require_diagnosis(const Diagnosis& diagnosis) {
  fuzz::require(!diagnosis.cause.empty() && !diagnosis.remedies.empty(),
                "every failure has a cause and a remedy");
  fuzz::require(diagnosis.cause.find('\n') == std::string::npos, "a cause is one line");
}

void require_step(const CheckStep& step) {
  require_text(step.name);
  require_text(step.skip_reason);
  require_text(step.failure.api);
  require_text(step.failure.text);
  fuzz::require(!step.name.empty(), "a step has a name");
  fuzz::require(step.limit_seconds > 0 && step.limit_seconds <= RecordReader::kMaxLimitSeconds,
                "a step has a limit");
  fuzz::require(step.seconds >= 0 && step.seconds < 1e9, "a step's time is a time");
  fuzz::require(step.figures.size() <= RecordReader::kMaxFigures, "figures have a bound");
  fuzz::require(step.notes.size() <= RecordReader::kMaxNotes, "notes have a bound");
  for (const StepFigure& figure : step.figures) {
    require_text(figure.key);
    require_text(figure.value);
    require_text(figure.unit);
  }
  for (const std::string& note : step.notes) require_text(note);
  if (step.state == StepState::kFailed) require_diagnosis(explain_failure(step.failure, {}));
}

}  // namespace

// The lines of a check program; the first byte says how it ended.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text = as_text(fuzz::bytes_of(data, size));
  const int how = size == 0 ? 0 : data[0];
  RecordReader reader;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    reader.read(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  ProgramEnd end;
  end.timed_out = (how & 1) != 0;
  end.stopped = (how & 2) != 0;
  end.signal = how >> 2;
  const CheckRecords records = std::move(reader).finish(end);
  fuzz::require(records.steps.size() <= RecordReader::kMaxSteps, "steps have a bound");
  fuzz::require(records.gpus.size() <= RecordReader::kMaxGpus, "GPUs have a bound");
  fuzz::require(records.maps.size() <= RecordReader::kMaxMaps, "maps have a bound");
  for (const CheckStep& step : records.steps) require_step(step);
  for (const CheckGpu& gpu : records.gpus) {
    fuzz::require(gpu.ordinal >= 0, "a GPU has an ordinal");
    for (const std::string& each : {gpu.name, gpu.uuid, gpu.pci, gpu.capability}) {
      require_text(each);
    }
    has_code_for(gpu.capability, gpu.capability);
  }
  const Isolation isolation = judge_isolation(records.maps, {"/opt/dl/releases/x"});
  fuzz::require(isolation.judged == !records.maps.empty(), "what was seen is judged");
  fuzz::require(isolation.violations.size() <= records.maps.size(), "a file is judged once");
  const std::set<std::string> maps(records.maps.begin(), records.maps.end());
  for (const IsolationViolation& each : isolation.violations) {
    fuzz::require(maps.contains(each.path) && !each.expected.empty(), "a violation is of a map");
  }
  return 0;
}
