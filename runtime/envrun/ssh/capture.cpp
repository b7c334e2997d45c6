#include "runtime/envrun/ssh/capture.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>

#include "installer/base/error.hpp"
#include "installer/base/file.hpp"

namespace eb {
namespace {

Fd memory_file(Sys& sys) {
  const int fd = memfd_create("output", MFD_CLOEXEC);
  if (fd < 0) throw system_error(errno, "cannot keep a program's output", "memfd_create");
  return {sys, fd};
}

std::string content(Sys& sys, const Fd& file) {
  std::string text(kCaptureLimit, '\0');
  text.resize(pread_up_to(sys, file.get(), text.data(), text.size(), 0, "a program's output"));
  return text;
}

}  // namespace

Captured run_captured(World& world, Program program) {
  const Fd out = memory_file(world.sys);
  const Fd error = memory_file(world.sys);
  const int out_fd = out.get();
  const int error_fd = error.get();
  program.before = [out_fd, error_fd] {
    const int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    const bool done = nothing >= 0 && dup2(nothing, STDIN_FILENO) >= 0 &&
                      dup2(out_fd, STDOUT_FILENO) >= 0 && dup2(error_fd, STDERR_FILENO) >= 0;
    return done ? 0 : errno;
  };
  Captured captured;
  captured.code = world.run(program);
  captured.out = content(world.sys, out);
  captured.error = content(world.sys, error);
  return captured;
}

}  // namespace eb
