#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "runtime/envrun/core/program.hpp"

namespace eb {

/// Runs a server in the foreground until it ends or this process gets SIGTERM, SIGINT, SIGHUP or
/// SIGQUIT. Then the server and everything that came from it ends: sessions of sshd are in process
/// groups and sessions of their own, also what a user left behind in one, so this process adopts
/// them all (PR_SET_CHILD_SUBREAPER) and ends them, at most kGraceSeconds later by SIGKILL.
///
/// Returns 0 when it was told to stop, else the server's exit code, 128+N when signal N ended it.
/// Start failures as execute_program(). Not limits::start(): that passes SIGHUP on, at which sshd
/// starts anew, and leaves what has been adopted unreaped; limits are applied one process above
/// (sshd_command.cpp). For a process with one thread and no other children.
int serve(const Program& program);

inline constexpr int kGraceSeconds = 5;

/// All living processes that descend from `ancestor`, in no order.
std::vector<pid_t> descendants_of(pid_t ancestor);

}  // namespace eb
