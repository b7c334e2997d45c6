#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

namespace eb {

/// A named part of an operation begins ("verify", "unpack", "fetch", …). `total` is in `unit`s; 0 =
/// unknown.
struct PhaseStarted {
  std::string phase;
  uint64_t total = 0;
  std::string unit = "bytes";  ///< "bytes" or "files"
};
/// So much of the running phase is done. Sent by the thread that runs the phase, or under a lock.
struct PhaseProgress {
  uint64_t done = 0;
};
struct PhaseFinished {
  std::string phase;
  double seconds = 0;
};
/// Something that a person should know and that stops nothing.
struct Warning {
  std::string text;
};
/// A line of what is being done, for --verbose.
struct Note {
  std::string text;
};
using Event = std::variant<PhaseStarted, PhaseProgress, PhaseFinished, Warning, Note>;

/// Where the core reports to. Drawing is at the edge (progress bar, JSON lines, nothing).
/// Calls come from one thread at a time; implementations must not throw.
class EventSink {
 public:
  virtual ~EventSink() = default;
  virtual void on(const Event& event) noexcept = 0;
};

/// Drops everything.
class NullSink final : public EventSink {
 public:
  void on(const Event&) noexcept override {}
};

}  // namespace eb
