#include "runtime/envrun/limits/watchdog.hpp"

#include <algorithm>
#include <ctime>

#include "runtime/envrun/limits/machine_memory.hpp"
#include "runtime/envrun/limits/process_tree.hpp"

namespace eb {
namespace {

constexpr uint64_t kFastWriter = 8ull << 30;  // bytes a second that a process tree may come to use

// Of the whole machine: never less than the tree's own.
uint64_t swap_in_use(const HostFiles& files) {
  const uint64_t total = machine_memory(files, "SwapTotal");
  return total == 0 ? 0 : total - std::min(total, machine_memory(files, "SwapFree"));
}

// Not the clock's: on a busy machine waiting for a turn costs nobody anything, and a look that came
// late must not make the next one later still.
std::chrono::microseconds own_cpu_time() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::microseconds(now.tv_nsec / 1000);
}

}  // namespace

std::chrono::milliseconds watchdog_pause(uint64_t room, std::chrono::microseconds cost) {
  using std::chrono::milliseconds;
  const milliseconds by_room(std::min<uint64_t>(room / (kFastWriter / 1000), 1000));
  const auto by_cost = std::chrono::duration_cast<milliseconds>(cost * 20);
  return std::clamp(std::max(by_room, by_cost), milliseconds(20), milliseconds(1000));
}

Watchdog::Look Watchdog::look(pid_t root) {
  const auto begin = own_cpu_time();
  Look out;
  const auto processes = descendants_of(*files_, root);
  for (const ProcessState& process : processes) out.used += process.resident;
  out.used += swap_in_use(*files_);
  if (out.used > limit_) {
    out.used = 0;
    for (const ProcessState& process : processes) {
      // A set-uid program does not show its own: then whole pages count.
      out.used += proportional_size(*files_, process.pid).value_or(process.resident);
    }
  }
  peak_ = std::max(peak_, out.used);
  out.is_over = out.used > limit_;
  out.is_far_over = out.used > limit_ + limit_ / 10;
  const auto cost = own_cpu_time() - begin;
  out.next = watchdog_pause(out.is_over ? 0 : limit_ - out.used, cost);
  return out;
}

}  // namespace eb
