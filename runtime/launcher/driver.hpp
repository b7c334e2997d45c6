#pragma once

#include "runtime/launcher/glibc.hpp"

namespace eb::launcher {

/// A directory to append to the library path so that the NVIDIA driver's libraries are found, or
/// nullptr when none is needed (the loader finds libcuda.so.1 by itself: /etc/ld.so.cache or its
/// built-in directories) or none is there.
///
/// Where only LD_LIBRARY_PATH or a known place outside the loader's cache leads to libcuda.so.1,
/// the answer is a private directory (mode 0700, owned by the caller) with symlinks to the driver's
/// libraries of that place and to nothing else of it. It lies in XDG_RUNTIME_DIR, TMPDIR, /tmp,
/// /dev/shm or /var/tmp, whichever is safe first, and is reused as long as the place stays the
/// same.
const char* find_driver(const Loader& loader, char* const* envp, bool trust_environment);

}  // namespace eb::launcher
