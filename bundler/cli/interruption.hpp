#pragma once

#include <sys/types.h>

namespace eb {

/// From here on SIGINT, SIGTERM and SIGHUP remove what is registered (pack/temporaries.hpp), end
/// the registered child, and then end the process as the signal would have. Call it once, in
/// main(), before any thread is started.
void handle_interruptions();

/// True from the moment a signal came: errors that follow from the removal are not to be shown.
bool interrupted();

/// For the thread that would show such an error: waits until the signal has ended the process.
[[noreturn]] void wait_for_the_end();

/// The one child process that must not outlive this one; 0 = none.
void register_child(pid_t child);

}  // namespace eb
