#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>

#include "bundler/cli/command_line.hpp"
#include "bundler/cli/interruption.hpp"

namespace {

std::filesystem::path own_file() {
  std::error_code error;
  return std::filesystem::read_symlink("/proc/self/exe", error);
}

unsigned columns_of(int fd) {
  struct winsize size {};
  if (::ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return size.ws_col;
}

}  // namespace

int main(int argc, char** argv) {
  eb::handle_interruptions();
  eb::BundlerEnvironment environment{
      .out = std::cout,
      .err = std::cerr,
      .err_is_terminal = ::isatty(STDERR_FILENO) != 0,
      .err_columns = columns_of(STDERR_FILENO),
      .variable =
          [](const char* name) {
            const char* value = std::getenv(name);
            return value == nullptr ? std::nullopt : std::optional<std::string>(value);
          },
      .program = own_file(),
  };
  return eb::run_envbundle({argv + 1, argv + argc}, environment);
}
