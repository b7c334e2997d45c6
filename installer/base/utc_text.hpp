#pragma once

#include <cstdint>
#include <string>

namespace eb {

/// "2026-03-04T05:06:07Z" of seconds since 1970; the number itself where no calendar has it.
std::string utc_text(int64_t seconds);

}  // namespace eb
