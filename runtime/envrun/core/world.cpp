#include "runtime/envrun/core/world.hpp"

#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include <array>

#include "installer/base/error.hpp"

namespace eb {
namespace {

std::string own_executable(Sys& sys) {
  std::array<char, PATH_MAX> buffer{};
  const ssize_t size = sys.readlinkat(AT_FDCWD, "/proc/self/exe", buffer.data(), buffer.size());
  if (size <= 0) {
    throw system_error(static_cast<int>(-size), "cannot tell where envrun stands", "/proc/self/exe")
        .hint("envrun needs /proc; without it call the programs in PREFIX/bin directly");
  }
  return {buffer.data(), static_cast<size_t>(size)};
}

}  // namespace

World real_world(std::ostream& out, std::ostream& err) {
  World world{real_sys(), out, err};
  std::vector<std::string> entries;
  for (char** entry = environ; *entry != nullptr; ++entry) entries.emplace_back(*entry);
  world.variables = Variables(entries);
  world.executable = own_executable(world.sys);
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) == 0) world.host_name = name.data();
  std::array<char, PATH_MAX> directory{};
  if (getcwd(directory.data(), directory.size()) != nullptr) world.directory = directory.data();
  world.uid = getuid();
  world.gid = getgid();
  world.out_is_terminal = isatty(STDOUT_FILENO) != 0;
  world.err_is_terminal = isatty(STDERR_FILENO) != 0;
  return world;
}

void warn(World& world, const std::string& text) {
  world.err << kProgramName << ": warning: " << printable(text) << "\n" << std::flush;
}

void tell(World& world, const std::string& text) {
  world.err << kProgramName << ": " << printable(text) << "\n" << std::flush;
}

}  // namespace eb
