#pragma once

#include "runtime/launcher/text.hpp"

namespace eb::launcher {

/// The forward-compatibility driver of a release.
struct Compat {
  const char* folder = nullptr;  ///< goes on the library path; nullptr: the host's driver is used
  const char* why = nullptr;     ///< for people; nullptr when the release has none
};

/// ROOT/lib/cuda-compat if the release has one with a libcuda.so.1 of this machine and the rules of
/// decide_compat() allow it here.
Compat find_compat(View root, char* const* envp, bool trust_environment);

}  // namespace eb::launcher
