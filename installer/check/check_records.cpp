#include "installer/check/check_records.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>

#include "installer/base/error.hpp"
#include "installer/base/utf8.hpp"

namespace eb {
namespace {

constexpr size_t kMaxFields = 8;

// All that has more fields than any record keeps the rest in the last one.
std::vector<std::string_view> fields_of(std::string_view line) {
  std::vector<std::string_view> out;
  while (out.size() + 1 < kMaxFields) {
    const size_t tab = line.find('\t');
    if (tab == std::string_view::npos) break;
    out.push_back(line.substr(0, tab));
    line.remove_prefix(tab + 1);
  }
  out.push_back(line);
  return out;
}

std::string text_of(std::string_view field) {
  std::string out = printable(field.substr(0, RecordReader::kMaxTextBytes));
  if (out.size() <= RecordReader::kMaxTextBytes && field.size() <= RecordReader::kMaxTextBytes) {
    return out;
  }
  // Not in the middle of a character.
  size_t end = std::min(out.size(), RecordReader::kMaxTextBytes - 3);
  while (end > 0 && (static_cast<unsigned char>(out[end]) & 0xC0) == 0x80) --end;
  return out.substr(0, end) + "...";
}

template <typename Number>
std::optional<Number> number_of(std::string_view field) {
  Number value{};
  const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), value);
  if (error != std::errc() || end != field.data() + field.size()) return std::nullopt;
  return value;
}

std::optional<double> seconds_of(std::string_view field) {
  const auto value = number_of<double>(field);
  // No step lasts a year; infinity and NaN are numbers for from_chars.
  return value && std::isfinite(*value) && *value >= 0 && *value < 3e7 ? value : std::nullopt;
}

}  // namespace

const char* step_state_name(StepState state) {
  switch (state) {
    case StepState::kOk:
      return "ok";
    case StepState::kSkipped:
      return "skipped";
    case StepState::kFailed:
      return "failed";
    case StepState::kTimedOut:
      return "timed-out";
    case StepState::kCrashed:
      return "crashed";
    case StepState::kNotRun:
      return "not-run";
  }
  return "not-run";
}

std::string signal_text(int signal) {
  const char* name = sigabbrev_np(signal);
  return name != nullptr ? std::string("SIG") + name : "signal " + std::to_string(signal);
}

CheckStep* RecordReader::open_step() { return is_open_ ? &records_.steps.back() : nullptr; }

RecordReader::Kind RecordReader::rubbish() {
  ++records_.rubbish;
  return Kind::kOther;
}

RecordReader::Kind RecordReader::end_step(StepState state) {
  records_.steps.back().state = state;
  is_open_ = false;
  return Kind::kStepEnded;
}

RecordReader::Kind RecordReader::read(std::string_view line) {
  const std::vector<std::string_view> fields = fields_of(line);
  const std::string_view kind = fields[0];
  const auto field = [&](size_t i) { return i < fields.size() ? fields[i] : std::string_view(); };
  CheckStep* const step = open_step();
  if (records_.ended) return rubbish();
  if (kind == "step") {
    if (step != nullptr) {
      step->failure = {"records", 0, "the program went on without saying how this step ended"};
      end_step(StepState::kFailed);
    }
    if (records_.steps.size() >= kMaxSteps || field(1).empty()) return rubbish();
    const auto limit = seconds_of(field(2));
    CheckStep next;
    next.name = text_of(field(1).substr(0, 64));
    next.limit_seconds =
        limit && *limit > 0 ? std::min(*limit, kMaxLimitSeconds) : kDefaultLimitSeconds;
    records_.steps.push_back(std::move(next));
    is_open_ = true;
    return Kind::kStepBegan;
  }
  if (kind == "ok") {
    const auto seconds = seconds_of(field(1));
    if (step == nullptr || !seconds) return rubbish();
    step->seconds = *seconds;
    return end_step(StepState::kOk);
  }
  if (kind == "skip") {
    if (step == nullptr) return rubbish();
    step->skip_reason = text_of(field(1));
    return end_step(StepState::kSkipped);
  }
  if (kind == "fail") {
    if (step == nullptr) return rubbish();
    step->failure = {text_of(field(1).substr(0, 64)), number_of<int64_t>(field(2)).value_or(0),
                     text_of(field(3))};
    return end_step(StepState::kFailed);
  }
  if (kind == "figure") {
    if (step == nullptr || step->figures.size() >= kMaxFigures || field(1).empty()) {
      return rubbish();
    }
    step->figures.push_back(
        {text_of(field(1)), text_of(field(2)), fields.size() > 3 ? text_of(field(3)) : "-"});
    return Kind::kOther;
  }
  if (kind == "note") {
    std::vector<std::string>& notes = step != nullptr ? step->notes : records_.notes;
    if (notes.size() >= kMaxNotes) return rubbish();
    notes.push_back(text_of(field(1)));
    return Kind::kOther;
  }
  if (kind == "gpu") {
    const auto ordinal = number_of<int>(field(1));
    const auto memory = number_of<uint64_t>(field(6));
    if (!ordinal || *ordinal < 0 || !memory || records_.gpus.size() >= kMaxGpus) return rubbish();
    records_.gpus.push_back({*ordinal, text_of(field(2)), text_of(field(3)), text_of(field(4)),
                             text_of(field(5)), *memory});
    return Kind::kOther;
  }
  if (kind == "map") {
    if (field(1).empty() || field(1).size() > kMaxPathBytes || records_.maps.size() >= kMaxMaps) {
      return rubbish();
    }
    records_.maps.emplace_back(field(1));
    return Kind::kOther;
  }
  if (kind == "end") {
    if (step != nullptr) return rubbish();  // "everything was said" cannot be true
    records_.ended = true;
    return Kind::kEnd;
  }
  return Kind::kOther;  // a kind of a later version
}

CheckRecords RecordReader::finish(const ProgramEnd& end) && {
  if (CheckStep* const step = open_step(); step != nullptr) {
    if (end.stopped) {
      end_step(StepState::kNotRun);
    } else if (end.timed_out) {
      end_step(StepState::kTimedOut);
    } else {
      step->signal = end.signal;
      step->exit_code = end.exit_code;
      end_step(StepState::kCrashed);
    }
  }
  return std::move(records_);
}

}  // namespace eb
