#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "installer/base/sys.hpp"

namespace eb {

/// The first `max_bytes` bytes of a file, for what a person or the kernel keeps and what may be
/// missing: /proc, /sys, the installer's own notes. nullopt when it cannot be read, for whatever
/// reason; never waits for a FIFO. Sizes are not asked for: /proc says 0.
std::optional<std::string> read_small_file(Sys& sys, int dir, const std::string& path,
                                           size_t max_bytes = 64u << 10);

/// Text without white space at its end.
std::string trimmed(std::string text);

std::vector<std::string> lines_of(const std::string& text);

/// 16 hexadecimal digits that nobody can guess, for names that must be nobody else's.
std::string random_name();

/// Removes a file or link that lives for a moment between making and renaming, when it is an hour
/// old: nobody says whose it is, so age has to tell.
void remove_if_forgotten(Sys& sys, int dir, const std::string& path, int64_t now) noexcept;

/// Digits only, without overflow; nullopt otherwise.
std::optional<uint64_t> parse_number(const std::string& text);

}  // namespace eb
