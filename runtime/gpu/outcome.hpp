#pragma once

#include <string>

namespace eb::gpu {

/// Thrown by a step that failed. `api` is a word of the protocol (README.md), `code` the library's
/// own, 0 for loader and compare, errno for system. `text` is the library's text after the name of
/// the function that said it.
struct Failure {
  std::string api;
  int code = 0;
  std::string text;
};

/// Thrown by a step that cannot be done here, which is nobody's failure.
struct Skip {
  std::string reason;
};

}  // namespace eb::gpu
