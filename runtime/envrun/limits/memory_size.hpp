#pragma once

#include <cstdint>
#include <string>

namespace eb {

/// Bytes of "32g", "1.5g", "512m", "512MiB", "8GB", "1073741824": units b, k, m, g, t of 1024 each,
/// as `docker run --memory` and Slurm's --mem have them, in either case; without a unit bytes.
/// `option` ("--memory") is for the text. Throws Error(kUsage), also for less than kLeastMemorySize
/// (a forgotten unit) and for more than 2^60.
uint64_t parse_memory_size(const std::string& option, const std::string& text);

inline constexpr uint64_t kLeastMemorySize = 1u << 20;

/// "32 GiB", "1.5 GiB", "512 MiB", "900 KiB": at most one digit behind the point, rounded.
std::string memory_size_text(uint64_t bytes);

}  // namespace eb
