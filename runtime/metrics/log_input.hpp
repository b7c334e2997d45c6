#pragma once

#include <string>

#include "runtime/metrics/json_log.hpp"

namespace eb::metrics {

/// Copies the lines of `fd` into `log` until it ends: {"time":…,"level":"info","event":"line",
/// "source":NAME,"text":…}. A line of more than kMaxLineBytes becomes several. What is not UTF-8
/// is replaced. A full disk loses lines and never blocks or ends whoever writes to the pipe.
void copy_lines(int fd, const std::string& source, JsonLog& log);

inline constexpr size_t kMaxLineBytes = 64U << 10U;

}  // namespace eb::metrics
