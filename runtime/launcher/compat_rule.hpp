#pragma once

#include "runtime/launcher/text.hpp"

namespace eb::launcher {

/// All that the use of a release's forward-compatibility driver depends on. Reading it is done in
/// compat.cpp, deciding here, so that the rules can be tested without a machine that they speak of.
struct CompatFacts {
  View library;  ///< name of the file behind lib/cuda-compat/libcuda.so.1
  View note;     ///< JSON of its ELF note; without data when it has none
  View host;     ///< version of the kernel's driver; empty when none can be read
  View models;   ///< `Model` of every GPU that can be seen, one a line
  bool wsl = false;
  View wish;  ///< ENVLAUNCH_COMPAT: "on" or "off", anything else counts as not set
};

struct CompatDecision {
  bool use = false;
  const char* why = "";  ///< for people, either way
};

/// NVIDIA's rule: use it when its note lists the host driver's branch and it is newer than the
/// host's; without a list, when its branch is newer. Not under WSL, not without a driver, not on
/// GeForce and TITAN (CUDA would answer 804) unless the note lists their brands.
CompatDecision decide_compat(const CompatFacts& facts);

/// The version in /sys/module/nvidia/version or in the first line of /proc/driver/nvidia/version:
/// the first word of the form 535.129.03 or 384.81 (not x86_64, not a date). Empty when none.
View find_version(View text);

}  // namespace eb::launcher
