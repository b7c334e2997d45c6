#pragma once

#include <chrono>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "installer/base/events.hpp"

namespace eb {

/// Draws events on stderr: on a terminal a bar with rate and time left, elsewhere a line a phase
/// and one for each 10 % (at most one a second). Calls come from one thread at a time.
class ProgressPrinter final : public EventSink {
 public:
  struct Style {
    std::string program = "envinstall";  ///< what warnings begin with
    bool terminal = false;
    bool quiet = false;    ///< neither progress nor warnings
    bool verbose = false;  ///< notes too
    unsigned columns = 80;
  };

  ProgressPrinter(std::ostream& err, Style style) : err_(err), style_(std::move(style)) {}
  ~ProgressPrinter() override { clear_bar(); }

  void on(const Event& event) noexcept override;

  /// A line of the form of a finished phase.
  void line(const std::string& phase, const std::string& text);
  /// Takes an unfinished bar off the terminal, before an error is printed.
  void clear_bar();
  /// All warnings so far, for a JSON record.
  const std::vector<std::string>& warnings() const { return warnings_; }

 private:
  using Clock = std::chrono::steady_clock;
  void start(const PhaseStarted& phase);
  void progress(uint64_t done);
  void finish(const PhaseFinished& phase);
  void draw_bar();
  std::string state_text() const;

  std::ostream& err_;
  Style style_;
  PhaseStarted phase_;
  uint64_t done_ = 0;
  Clock::time_point begin_;
  Clock::time_point drawn_;
  uint64_t tenth_ = 0;
  bool bar_shown_ = false;
  std::vector<std::string> warnings_;
};

/// "812.5 MB/s"; never in bytes, so that a column of rates reads well.
std::string rate_text(double bytes_per_second);
/// "0.4 s", "12 s", "3 min 12 s".
std::string duration_text(double seconds);

}  // namespace eb
