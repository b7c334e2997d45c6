#pragma once

#include <chrono>
#include <functional>
#include <ostream>
#include <string>

#include "installer/base/events.hpp"

namespace eb {

/// How progress is shown. On a terminal one line that is redrawn, with rate and time left;
/// elsewhere a line a phase, and one every 10 % of a phase that takes its time.
struct ProgressStyle {
  bool terminal = false;
  bool color = false;
  unsigned columns = 80;
  bool quiet = false;    ///< warnings alone
  bool verbose = false;  ///< notes, too
};

/// Draws events. One thread at a time.
class ProgressReporter final : public EventSink {
 public:
  using Clock = std::function<std::chrono::steady_clock::time_point()>;
  ProgressReporter(std::ostream& out, ProgressStyle style,
                   Clock clock = &std::chrono::steady_clock::now);
  ~ProgressReporter() override;

  void on(const Event& event) noexcept override;
  /// Takes the bar off the terminal, so that other text can be written.
  void clear() noexcept;

 private:
  void start(const PhaseStarted& phase);
  void progress(uint64_t done);
  void finish(const PhaseFinished& phase);
  void draw_bar(double seconds);
  std::string status(double seconds) const;
  void line(const std::string& text);

  std::ostream& out_;
  ProgressStyle style_;
  Clock clock_;
  PhaseStarted phase_;
  uint64_t done_ = 0;
  uint64_t last_tenth_ = 0;
  std::chrono::steady_clock::time_point begun_;
  std::chrono::steady_clock::time_point drawn_;
  bool running_ = false;
  bool bar_shown_ = false;
};

/// "1.2 GB", "17 kB", "812 B": decimal units, as disks and networks are sold.
std::string format_bytes(uint64_t bytes);
/// "8 s", "2 min 5 s", "1 h 3 min".
std::string format_seconds(double seconds);

}  // namespace eb
