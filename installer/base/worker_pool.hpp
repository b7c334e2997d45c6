#pragma once

#include <atomic>
#include <cstddef>
#include <functional>

namespace eb {

/// Calls `work(i)` once for every i in [0, count), by `threads` threads (the caller's is one of
/// them), in about ascending order. The first exception stops the handing out of further items, and
/// is rethrown here once all threads have ended. With threads <= 1 everything runs in the caller's
/// thread, in order.
void for_each_parallel(size_t count, unsigned threads, const std::function<void(size_t)>& work);

/// Threads that may run at once: the scheduler's affinity mask, at least 1.
unsigned available_cpus();

}  // namespace eb
