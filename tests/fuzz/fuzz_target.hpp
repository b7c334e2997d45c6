#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "installer/base/digest.hpp"
#include "installer/base/error.hpp"

/// What libFuzzer and replay_main.cpp call.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace eb::fuzz {

inline Bytes bytes_of(const uint8_t* data, size_t size) {
  return {reinterpret_cast<const std::byte*>(data), size};
}

/// Ends the process where a promise is broken, which libFuzzer reports with the input.
inline void require(bool holds, const char* promise) {
  if (holds) return;
  std::fprintf(stderr, "broken promise: %s\n", promise);
  std::abort();
}

/// Runs `call`; false when it refused its input, with one of the codes that it may refuse with.
template <typename Call, typename... Codes>
bool accepts(Call&& call, Codes... refusals) {
  try {
    call();
    return true;
  } catch (const Error& error) {
    require(((error.code() == refusals) || ...), "bad input has the exit code for it");
    require(!render_error("fuzz", error).empty(), "an error can be shown");
    return false;
  }
}

}  // namespace eb::fuzz
