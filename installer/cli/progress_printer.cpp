#include "installer/cli/progress_printer.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "installer/base/error.hpp"
#include "installer/install/size_text.hpp"

namespace eb {
namespace {

constexpr auto kRedraw = std::chrono::milliseconds(100);
constexpr auto kLineEvery = std::chrono::seconds(1);
constexpr size_t kLabelWidth = 11;

std::string label(const std::string& phase) {
  std::string out = phase;
  out.resize(std::max(kLabelWidth, out.size() + 1), ' ');
  return out;
}

template <typename... Functions>
struct Overloaded : Functions... {
  using Functions::operator()...;
};
template <typename... Functions>
Overloaded(Functions...) -> Overloaded<Functions...>;  // clang 14 deduces none for an aggregate

}  // namespace

std::string rate_text(double bytes_per_second) {
  if (!std::isfinite(bytes_per_second)) bytes_per_second = 0;
  const double rate = std::clamp(bytes_per_second, 0.0, 1e15);
  if (rate >= 1000) return size_text(static_cast<uint64_t>(rate)) + "/s";
  char text[32];
  std::snprintf(text, sizeof text, "%.1f kB/s", rate / 1000);
  return text;
}

std::string duration_text(double seconds) {
  char text[48];
  if (seconds < 9.95) {
    std::snprintf(text, sizeof text, "%.1f s", seconds);
  } else if (seconds < 59.5) {
    std::snprintf(text, sizeof text, "%.0f s", seconds);
  } else {
    const auto whole = static_cast<long>(std::lround(std::min(seconds, 1e7)));
    std::snprintf(text, sizeof text, "%ld min %ld s", whole / 60, whole % 60);
  }
  return text;
}

void ProgressPrinter::on(const Event& event) noexcept {
  try {
    std::visit(Overloaded{
                   [this](const PhaseStarted& phase) { start(phase); },
                   [this](const PhaseProgress& progressed) { progress(progressed.done); },
                   [this](const PhaseFinished& phase) { finish(phase); },
                   [this](const Warning& warning) {
                     warnings_.push_back(warning.text);
                     if (style_.quiet) return;
                     clear_bar();
                     err_ << style_.program << ": warning: " << printable(warning.text) << "\n"
                          << std::flush;
                   },
                   [this](const Note& note) {
                     if (style_.quiet || !style_.verbose) return;
                     clear_bar();
                     err_ << "  " << printable(note.text) << "\n" << std::flush;
                   },
               },
               event);
  } catch (const std::exception&) {
    // Output that cannot be written stops no install.
  }
}

void ProgressPrinter::line(const std::string& phase, const std::string& text) {
  if (style_.quiet) return;
  clear_bar();
  err_ << label(phase) << printable(text) << "\n" << std::flush;
}

void ProgressPrinter::clear_bar() {
  if (!bar_shown_) return;
  err_ << "\r\x1b[K" << std::flush;
  bar_shown_ = false;
}

void ProgressPrinter::start(const PhaseStarted& phase) {
  phase_ = phase;
  done_ = 0;
  tenth_ = 0;
  begin_ = drawn_ = Clock::now();
  if (style_.terminal && !style_.quiet) draw_bar();
}

void ProgressPrinter::progress(uint64_t done) {
  done_ = done;
  if (style_.quiet) return;
  const Clock::time_point now = Clock::now();
  if (style_.terminal) {
    if (now - drawn_ < kRedraw) return;
    drawn_ = now;
    draw_bar();
    return;
  }
  if (phase_.total == 0) return;
  const uint64_t tenth =
      static_cast<uint64_t>(10.0 * static_cast<double>(done) / static_cast<double>(phase_.total));
  if (tenth <= tenth_ || tenth >= 10 || now - drawn_ < kLineEvery) return;
  tenth_ = tenth;
  drawn_ = now;
  err_ << label(phase_.phase) << state_text() << "\n" << std::flush;
}

void ProgressPrinter::finish(const PhaseFinished& phase) {
  std::string text = "done in " + duration_text(phase.seconds);
  if (phase_.total > 0 && phase_.unit == "bytes") {
    text = size_text(phase_.total) + " in " + duration_text(phase.seconds) + " (" +
           rate_text(static_cast<double>(phase_.total) / std::max(phase.seconds, 1e-6)) + ")";
  }
  line(phase.phase, text);
}

// "45 %, 2.9 GB of 6.4 GB, 1.2 GB/s, 3 s left"; "20 %, 2400 of 11900 files, 34 s left"
std::string ProgressPrinter::state_text() const {
  const double total = static_cast<double>(std::max<uint64_t>(phase_.total, 1));
  const double share = std::min(static_cast<double>(done_) / total, 1.0);
  const double seconds = std::chrono::duration<double>(Clock::now() - begin_).count();
  char percent[16];
  std::snprintf(percent, sizeof percent, "%2.0f %%, ", std::floor(share * 100));
  const bool counts_bytes = phase_.unit == "bytes";
  std::string out = percent;
  out += counts_bytes
             ? size_text(done_) + " of " + size_text(phase_.total)
             : std::to_string(done_) + " of " + std::to_string(phase_.total) + " " + phase_.unit;
  if (seconds > 0.2 && done_ > 0) {
    const double rate = static_cast<double>(done_) / seconds;
    if (counts_bytes) out += ", " + rate_text(rate);
    out += ", " + duration_text((total - static_cast<double>(done_)) / rate) + " left";
  }
  return out;
}

void ProgressPrinter::draw_bar() {
  std::string text = label(phase_.phase);
  if (phase_.total == 0) {
    text += "...";
  } else {
    const std::string state = state_text();
    // The rate's width changes: the bar keeps clear of it, so that it does not jump.
    constexpr size_t kStateWidth = 56;
    const size_t room = style_.columns > label(phase_.phase).size() + kStateWidth + 4
                            ? style_.columns - label(phase_.phase).size() - kStateWidth - 4
                            : 0;
    if (const size_t width = std::min<size_t>(room, 40); width >= 8) {
      const auto full = static_cast<size_t>(
          std::min(1.0, static_cast<double>(done_) / static_cast<double>(phase_.total)) *
          static_cast<double>(width));
      text += "[" + std::string(full, '#') + std::string(width - full, '.') + "] ";
    }
    text += state;
  }
  // A line that wraps could not be taken back.
  if (text.size() >= style_.columns) text.resize(style_.columns > 1 ? style_.columns - 1 : 0);
  err_ << "\r" << text << "\x1b[K" << std::flush;
  bar_shown_ = true;
}

}  // namespace eb
