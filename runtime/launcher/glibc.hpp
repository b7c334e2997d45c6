#pragma once

#include "runtime/launcher/text.hpp"

namespace eb::launcher {

/// The loader that starts the program.
struct Loader {
  const char* path = nullptr;     ///< ld.so to execute
  const char* library = nullptr;  ///< directory of the glibc family, nullptr for the host's own
  bool host = false;
};

/// Highest N of GLIBC_2.N that a libc.so.6 defines (.gnu.version_d); 0 when the file is missing,
/// of another machine or not understood. Nothing outside the file's bounds is read.
int glibc_minor(const char* libc);

/// The newer of ROOT/lib/glibc and the host's glibc; the release's when equal. The host's libc is
/// the one beside the real path of the host's loader. ENVLAUNCH_LIBC=bundle or =host decides
/// otherwise. Ends the process with a message when there is none that can be used.
Loader choose_loader(View root, char* const* envp);

}  // namespace eb::launcher
