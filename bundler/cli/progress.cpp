#include "bundler/cli/progress.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "installer/base/error.hpp"

namespace eb {
namespace {

constexpr double kRedrawSeconds = 0.1;
// A phase that ends sooner says nothing of its tenths.
constexpr double kQuietSeconds = 2;
constexpr unsigned kBarColumns = 24;

double seconds_between(std::chrono::steady_clock::time_point from,
                       std::chrono::steady_clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

std::string amount(uint64_t value, const std::string& unit) {
  return unit == "bytes" ? format_bytes(value) : std::to_string(value) + " " + unit;
}

}  // namespace

std::string format_bytes(uint64_t bytes) {
  static constexpr std::array kUnits = {"B", "kB", "MB", "GB", "TB"};
  auto value = static_cast<double>(bytes);
  size_t unit = 0;
  // 999.95 would be printed as 1000.0.
  while (value >= 999.95 && unit + 1 < kUnits.size()) {
    value /= 1000;
    ++unit;
  }
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), unit == 0 || value >= 99.95 ? "%.0f %s" : "%.1f %s",
                value, kUnits.at(unit));
  return text.data();
}

std::string format_seconds(double seconds) {
  const auto whole = static_cast<uint64_t>(std::max(0.0, std::round(seconds)));
  if (whole < 60) return std::to_string(whole) + " s";
  const auto pair = [](uint64_t large, const char* unit, uint64_t small, const char* small_unit) {
    return std::to_string(large) + unit +
           (small > 0 ? " " + std::to_string(small) + small_unit : std::string());
  };
  if (whole < 3600) return pair(whole / 60, " min", whole % 60, " s");
  return pair(whole / 3600, " h", whole % 3600 / 60, " min");
}

ProgressReporter::ProgressReporter(std::ostream& out, ProgressStyle style, Clock clock)
    : out_(out), style_(style), clock_(std::move(clock)) {}

ProgressReporter::~ProgressReporter() { clear(); }

void ProgressReporter::on(const Event& event) noexcept {
  try {
    if (const auto* warning = std::get_if<Warning>(&event)) {
      line("warning: " + printable(warning->text));
    } else if (const auto* note = std::get_if<Note>(&event)) {
      if (style_.verbose) line(printable(note->text));
    } else if (style_.quiet) {
      return;
    } else if (const auto* started = std::get_if<PhaseStarted>(&event)) {
      start(*started);
    } else if (const auto* progressed = std::get_if<PhaseProgress>(&event)) {
      progress(progressed->done);
    } else if (const auto* finished = std::get_if<PhaseFinished>(&event)) {
      finish(*finished);
    }
  } catch (...) {
    // Progress that cannot be shown stops nothing.
    return;
  }
}

void ProgressReporter::start(const PhaseStarted& phase) {
  phase_ = phase;
  done_ = 0;
  last_tenth_ = 0;
  begun_ = drawn_ = clock_();
  running_ = true;
  if (style_.terminal) {
    draw_bar(0);
  } else {
    line(phase.phase + (phase.total > 0 ? ": " + amount(phase.total, phase.unit) : std::string()));
  }
}

void ProgressReporter::progress(uint64_t done) {
  if (!running_) return;
  done_ = done;
  const auto now = clock_();
  const double seconds = seconds_between(begun_, now);
  if (style_.terminal) {
    if (seconds_between(drawn_, now) < kRedrawSeconds) return;
    drawn_ = now;
    draw_bar(seconds);
    return;
  }
  if (phase_.total == 0) return;
  const uint64_t tenth = std::min<uint64_t>(10, done * 10 / phase_.total);
  if (tenth <= last_tenth_ || tenth == 10 || seconds < kQuietSeconds) return;
  last_tenth_ = tenth;
  line(phase_.phase + ": " + std::to_string(tenth * 10) + " %" + status(seconds));
}

void ProgressReporter::finish(const PhaseFinished& phase) {
  if (!running_) return;
  running_ = false;
  if (!style_.terminal) {
    if (style_.verbose) line(phase.phase + ": " + format_seconds(phase.seconds));
    return;
  }
  const uint64_t total = phase_.total > 0 ? phase_.total : done_;
  line(phase.phase + (total > 0 ? ": " + amount(total, phase_.unit) : std::string()) + " in " +
       format_seconds(phase.seconds));
}

// ", 45.2 MB/s, 12 s left": as much of it as is known.
std::string ProgressReporter::status(double seconds) const {
  std::string out;
  if (done_ == 0 || seconds < 0.5) return out;
  const double rate = static_cast<double>(done_) / seconds;
  if (phase_.unit == "bytes") {
    out += ", " + format_bytes(static_cast<uint64_t>(rate)) + "/s";
  } else if (rate >= 1) {
    out += ", " + std::to_string(static_cast<uint64_t>(rate)) + " " + phase_.unit + "/s";
  }
  if (phase_.total > done_) {
    out += ", " + format_seconds(static_cast<double>(phase_.total - done_) / rate) + " left";
  }
  return out;
}

void ProgressReporter::draw_bar(double seconds) {
  std::string text = phase_.phase;
  if (phase_.total > 0) {
    const double part =
        std::min(1.0, static_cast<double>(done_) / static_cast<double>(phase_.total));
    const auto filled = static_cast<unsigned>(part * kBarColumns);
    text += " [" + std::string(filled, '#') + std::string(kBarColumns - filled, '.') + "] " +
            std::to_string(static_cast<unsigned>(part * 100)) + " % of " +
            amount(phase_.total, phase_.unit);
  } else if (done_ > 0) {
    text += ": " + amount(done_, phase_.unit);
  }
  text += status(seconds);
  // A line that wraps cannot be taken back.
  if (text.size() >= style_.columns) text.resize(style_.columns > 0 ? style_.columns - 1 : 0);
  out_ << "\r\x1b[K" << (style_.color ? "\x1b[36m" : "") << text << (style_.color ? "\x1b[0m" : "")
       << std::flush;
  bar_shown_ = true;
}

void ProgressReporter::clear() noexcept {
  try {
    if (bar_shown_) out_ << "\r\x1b[K" << std::flush;
  } catch (...) {
    return;
  }
  bar_shown_ = false;
}

void ProgressReporter::line(const std::string& text) {
  clear();
  out_ << text << "\n" << std::flush;
}

}  // namespace eb
