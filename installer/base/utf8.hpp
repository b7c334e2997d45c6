#pragma once

#include <cstddef>
#include <string_view>

namespace eb {

/// Length in bytes (1–4) of the well-formed UTF-8 sequence at the start of `text` (RFC 3629: no
/// overlong form, no surrogate, nothing above U+10FFFF); 0 when there is none.
size_t utf8_sequence_length(std::string_view text) noexcept;

bool is_utf8(std::string_view text) noexcept;

}  // namespace eb
