#include "bundler/cli/phases_in_turn.hpp"

namespace eb {

void PhasesInTurn::on(const Event& event, bool is_first) noexcept {
  const std::scoped_lock lock(mutex_);
  if (is_first || first_ended_) {
    events_.on(event);
    return;
  }
  // Of how far it is, only the latest says anything.
  if (std::holds_alternative<PhaseProgress>(event) && !kept_.empty() &&
      std::holds_alternative<PhaseProgress>(kept_.back())) {
    kept_.pop_back();
  }
  kept_.push_back(event);
}

void PhasesInTurn::end_first() {
  const std::scoped_lock lock(mutex_);
  first_ended_ = true;
  for (const Event& event : kept_) events_.on(event);
  kept_.clear();
}

}  // namespace eb
