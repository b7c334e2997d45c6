#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "installer/base/events.hpp"
#include "installer/install/host.hpp"
#include "installer/install/prefix.hpp"
#include "installer/install/stop_flag.hpp"

namespace eb {

struct PrewarmOptions {
  std::optional<std::string> release = {};  ///< nullopt = the active one
  uint64_t max_bytes = 0;                   ///< 0 = half of the memory that is available
  unsigned jobs = 1;
};

struct PrewarmReport {
  std::string prefix;
  std::string release;
  uint64_t files = 0;  ///< that were read
  uint64_t bytes = 0;
  uint64_t left_out = 0;  ///< files that max_bytes had no room for
  double seconds = 0;
};

/// Reads what programs of a release are started from – programs, shared libraries, bytecode; in
/// image form the image – so that it lies in this machine's memory when they start. In the order in
/// which an install wrote it, in large reads: a program that is started reads the same pages one by
/// one, where it happens to need them. Changes nothing. What cannot be read is left out; Error only
/// where there is no such release, or a stop was requested.
PrewarmReport prewarm(Sys& sys, const PrefixView& prefix, const PrewarmOptions& options,
                      const Host& host, EventSink& events, const StopFlag& stop);

/// Bytes of memory that programs may still use without anything being swapped out, by
/// /proc/meminfo; nullopt where it does not tell.
std::optional<uint64_t> available_memory(Sys& sys, const std::string& root);

}  // namespace eb
