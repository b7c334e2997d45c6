#include "installer/check/check_report.hpp"

#include <algorithm>
#include <cctype>
#include <cstdio>

#include "installer/base/error.hpp"

namespace eb {
namespace {

constexpr size_t kColumns = 100;
constexpr size_t kLabelWidth = 12;
constexpr size_t kStepWidth = 20;
constexpr size_t kStateWidth = 10;
constexpr size_t kErrorLines = 8;  // of a program that did not do well

// A page that is printed, mailed and shown on consoles of machines in cellars.
std::string ascii(std::string_view text) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string out;
  for (const char c : printable(text)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x7F) {
      out += c;
    } else {
      out += {'\\', 'x', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  return out;
}

std::string padded(std::string text, size_t width) {
  text.resize(std::max(width, text.size() + 1), ' ');
  return text;
}

std::string upper(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::toupper(c); });
  return text;
}

std::string seconds_text(double seconds) {
  char text[48];
  std::snprintf(text, sizeof text, "%.2f s", seconds);
  return text;
}

std::string memory_text(uint64_t bytes) {
  char text[48];
  std::snprintf(text, sizeof text, "%.1f GB", static_cast<double>(bytes) / 1e9);
  return text;
}

class Page {
 public:
  // `head` once, then the text, which goes on below its own first column.
  void paragraph(std::string head, std::string_view text) {
    const std::string clean = ascii(text);
    std::string line = std::move(head);
    const size_t indent = line.size();
    bool is_empty = true;
    for (size_t at = 0; at < clean.size();) {
      const size_t begin = clean.find_first_not_of(' ', at);
      if (begin == std::string::npos) break;
      const size_t end = std::min(clean.find(' ', begin), clean.size());
      const size_t needed = line.size() + (is_empty ? 0 : 1) + (end - begin);
      if (!is_empty && needed > kColumns) {
        put(line);
        line = std::string(indent, ' ');
        is_empty = true;
      }
      if (!is_empty) line += ' ';
      line.append(clean, begin, end - begin);
      is_empty = false;
      at = end;
    }
    put(line);
  }
  void row(const std::string& label, std::string_view text) {
    if (!text.empty()) paragraph("  " + padded(label, kLabelWidth), text);
  }
  void section(const std::string& title) { out_ += "\n" + title + "\n"; }
  std::string take() { return std::move(out_); }

 private:
  void put(const std::string& line) {
    const size_t end = line.find_last_not_of(' ');
    out_.append(line, 0, end == std::string::npos ? 0 : end + 1);
    out_ += '\n';
  }
  std::string out_;
};

void add_diagnosis(Page& page, const Diagnosis& diagnosis) {
  page.paragraph("      why:  ", diagnosis.cause);
  for (const std::string& remedy : diagnosis.remedies) page.paragraph("      try:  ", remedy);
}

std::string figures_text(const CheckStep& step) {
  std::string out;
  for (const StepFigure& figure : step.figures) {
    out += (out.empty() ? "" : ", ") + figure.key + " " + figure.value;
    if (!figure.unit.empty() && figure.unit != "-") out += " " + figure.unit;
  }
  return out;
}

std::string details_of(const CheckStep& step) {
  switch (step.state) {
    case StepState::kFailed: {
      const std::string code =
          step.failure.code == 0 ? "" : " " + std::to_string(step.failure.code);
      return step.failure.api + code + ": " + step.failure.text;
    }
    case StepState::kCrashed:
      if (step.signal != 0) return signal_text(step.signal);
      return step.exit_code ? "exit code " + std::to_string(*step.exit_code) : "";
    case StepState::kSkipped:
    case StepState::kNotRun:
      return step.skip_reason;
    case StepState::kOk:
    case StepState::kTimedOut:
      return figures_text(step);
  }
  return {};
}

void add_step(Page& page, const ReportedStep& reported) {
  const CheckStep& step = reported.step;
  const bool good = step.state == StepState::kOk || step.state == StepState::kSkipped ||
                    step.state == StepState::kNotRun;
  std::string state = step_state_name(step.state);
  if (!good) state = upper(state);
  std::string time = step.state == StepState::kOk ? seconds_text(step.seconds) : "";
  time.insert(0, std::max<size_t>(9, time.size()) - time.size(), ' ');
  page.paragraph(
      "  " + padded(ascii(step.name), kStepWidth) + padded(state, kStateWidth) + time + "  ",
      details_of(step));
  if (!good && !step.figures.empty() && step.state != StepState::kTimedOut) {
    page.paragraph("      had:  ", figures_text(step));
  }
  for (const std::string& note : step.notes) page.paragraph("      note: ", note);
  if (reported.diagnosis) add_diagnosis(page, *reported.diagnosis);
}

void add_gpus(Page& page, const CheckReport& report) {
  if (report.gpus.empty()) return;
  page.section("GPUs");
  size_t widest = 0;
  for (const CheckGpu& gpu : report.gpus) widest = std::max(widest, ascii(gpu.name).size());
  for (const CheckGpu& gpu : report.gpus) {
    page.paragraph(
        "  " + padded(std::to_string(gpu.ordinal), 3) +
            padded(ascii(gpu.name), std::min<size_t>(widest + 1, 40)),
        gpu.capability + "  " + memory_text(gpu.memory_bytes) + "  " + gpu.pci + "  " + gpu.uuid);
  }
}

void add_isolation(Page& page, const Isolation& isolation) {
  page.section("isolation");
  if (!isolation.judged) {
    page.paragraph("  ", "not proven: no program said which libraries it had loaded");
    return;
  }
  const std::string glibc = isolation.glibc == GlibcSide::kRelease ? "the release's glibc"
                            : isolation.glibc == GlibcSide::kHost  ? "the host's glibc"
                                                                   : "a glibc that is not known";
  const std::string libraries = isolation.release_files == 1 ? " library" : " libraries";
  page.paragraph("  ", std::string(isolation.violations.empty() ? "holds" : "BROKEN") + ": " +
                           std::to_string(isolation.release_files) + libraries +
                           " from the release, " + std::to_string(isolation.driver_files) +
                           " of the driver, " + glibc);
  for (const IsolationViolation& each : isolation.violations) {
    page.paragraph("      is:   ", each.path);
    page.paragraph("      want: ", each.expected);
  }
  if (!isolation.violations.empty()) {
    page.paragraph("      try:  ",
                   "take the folders of these files out of LD_LIBRARY_PATH and "
                   "/etc/ld.so.conf.d, and start programs through the prefix's bin");
  }
}

void add_programs(Page& page, const CheckReport& report) {
  for (const ProgramRun& program : report.programs) {
    const bool well = !program.problem && !program.abandoned && program.signal == 0 &&
                      program.exit_code.value_or(0) == 0;
    if (well && program.rubbish == 0) continue;
    page.section("program " + ascii(program.name));
    page.row("path", program.path);
    if (program.signal != 0) page.row("ended by", signal_text(program.signal));
    if (program.exit_code.value_or(0) != 0)
      page.row("exit code", std::to_string(*program.exit_code));
    if (program.abandoned) page.row("state", "could not be ended and was left alone");
    if (program.rubbish > 0) {
      page.row("output", std::to_string(program.rubbish) + " lines were not understood");
    }
    if (program.problem) add_diagnosis(page, *program.problem);
    if (well) continue;
    std::vector<std::string> lines;
    const std::string& text = program.error_tail;
    for (size_t at = 0; at < text.size();) {
      const size_t end = std::min(text.find('\n', at), text.size());
      if (end > at) lines.push_back(text.substr(at, end - at));
      at = end + 1;
    }
    const size_t first = lines.size() > kErrorLines ? lines.size() - kErrorLines : 0;
    for (size_t i = first; i < lines.size(); ++i) page.paragraph("      said: ", lines[i]);
  }
}

}  // namespace

const char* check_state_name(CheckState state) {
  switch (state) {
    case CheckState::kPassed:
      return "passed";
    case CheckState::kFailed:
      return "failed";
    case CheckState::kNotTestable:
      return "not-testable";
    case CheckState::kSkipped:
      return "skipped";
  }
  return "skipped";
}

std::string report_text(const CheckReport& report) {
  Page page;
  std::string state = upper(check_state_name(report.state));
  std::ranges::replace(state, '-', ' ');
  page.paragraph("GPU check: ", state);
  for (const std::string& reason : report.reasons) page.paragraph("  - ", reason);
  page.section("where and when");
  page.row("host", report.host + (report.kernel.empty() ? "" : ", Linux " + report.kernel));
  page.row("prefix", report.prefix);
  page.row("release", report.release);
  if (!report.activation.empty()) page.row("active", report.activation);
  page.row("bundle", report.bundle_id);
  page.row("when",
           report.when + (report.installer.empty() ? "" : ", envinstall " + report.installer));
  page.row("driver", report.driver);
  page.row("verdict",
           report.verdict_kind + (report.verdict_text.empty() ? "" : ": " + report.verdict_text));
  add_gpus(page, report);
  if (!report.steps.empty()) {
    page.section("steps");
    for (const ReportedStep& step : report.steps) add_step(page, step);
  }
  if (report.state != CheckState::kSkipped) add_isolation(page, report.isolation);
  add_programs(page, report);
  if (!report.hostile.empty()) {
    page.section("environment");
    page.paragraph("  ",
                   "the check ran without these variables; programs that are started from "
                   "this shell have them");
    for (const HostileVariable& each : report.hostile) {
      page.paragraph("  - ", each.name + "=" + each.value + ": " + each.effect);
    }
  }
  return page.take();
}

}  // namespace eb
