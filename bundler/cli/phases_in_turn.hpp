#pragma once

#include <mutex>
#include <vector>

#include "installer/base/events.hpp"

namespace eb {

/// Two parts of an operation that run at the same time, shown one after the other, as a person
/// reads them: what the second part sends is kept until the first has ended. Each part may send
/// from a thread of its own; `events` hears one call at a time.
class PhasesInTurn {
 public:
  explicit PhasesInTurn(EventSink& events)
      : first_(*this, true), second_(*this, false), events_(events) {}

  EventSink& first() { return first_; }
  EventSink& second() { return second_; }
  /// The second part's events are sent on from here; the first sends no more.
  void end_first();

 private:
  class Part final : public EventSink {
   public:
    Part(PhasesInTurn& all, bool is_first) : all_(all), is_first_(is_first) {}
    void on(const Event& event) noexcept override { all_.on(event, is_first_); }

   private:
    PhasesInTurn& all_;
    bool is_first_;
  };
  void on(const Event& event, bool is_first) noexcept;

  Part first_;
  Part second_;
  EventSink& events_;
  std::mutex mutex_;
  bool first_ended_ = false;
  std::vector<Event> kept_;
};

}  // namespace eb
