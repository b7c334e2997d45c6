#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "installer/base/events.hpp"

namespace eb {

/// What a thread that unpacks may still do.
struct Confinement {
  int prefix = -1;  ///< the prefix, open: only below it names may be made, changed, removed
  /// The process writes no file larger than this meanwhile (RLIMIT_FSIZE); nullopt = as before.
  std::optional<uint64_t> largest_file = {};
  /// Names are linked or moved from folder to folder, which Landlock refuses before its ABI 2
  /// (Linux 5.19): there the thread is then not confined.
  bool between_folders = false;
};

/// Runs `work` in a thread of its own that gives up, for itself and the threads that it starts,
/// what unpacking does not need (FAULTS §5, "Hardening"): Landlock, where the kernel has it (5.13),
/// lets it change names and files below the prefix only, make there no device, FIFO or socket,
/// start no program anywhere, and from ABI 4 on reach no TCP port; PR_SET_NO_NEW_PRIVS goes with
/// it. The calling thread keeps all it had: a GPU check that it starts later must be able to open
/// devices, and to start the driver's set-uid helper.
///
/// What the kernel refuses is a Note to `events` and no error; a second one says what holds.
/// Rethrows what `work` throws.
void run_confined(const Confinement& confinement, EventSink& events,
                  const std::function<void()>& work);

/// Highest Landlock ABI of the kernel; 0 = none, or not switched on.
int landlock_abi() noexcept;

}  // namespace eb
