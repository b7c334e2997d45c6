#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>

#include "bundler/lock/lock.hpp"
#include "bundler/stage/staging.hpp"
#include "installer/base/events.hpp"

namespace eb {

/// The driver that came with a CUDA toolkit: of 12.8.1, or of the newest 12.8.x for "12.8"; nullopt
/// for a toolkit that is not known.
using BundledDriver = std::function<std::optional<std::string>(const std::string& cuda)>;

/// What the tree demands, as meta: kCuda, kMinDriver, kRecommendedDriver, kGpuSass, kGpuPtx,
/// kGlibcNeeded, kCudaCompat (lists ascending, separated by single blanks); empty for a tree
/// without GPU content and a lock that declares no CUDA. Where the lock declares nothing, the tree
/// speaks. What the lock declares must be true of the tree: Error(kInvalidLock) when the tree's
/// CUDA is another one, or when `min_driver` is too old for it and no lib/cuda-compat is there to
/// help. `lock_name` is the lock's file, for messages. Nothing is written. Reads the first bytes of
/// every file with `threads` threads; the result does not depend on their number.
std::map<std::string, std::string> demand_meta(const Staging& staging, const Lock& lock,
                                               const std::string& lock_name,
                                               const BundledDriver& bundled_driver,
                                               unsigned threads, EventSink& events);

}  // namespace eb
