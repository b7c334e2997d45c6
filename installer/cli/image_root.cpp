#include "installer/cli/image_root.hpp"

#include <fcntl.h>

#include "installer/base/error.hpp"
#include "installer/check/child_process.hpp"
#include "installer/install/image_form.hpp"

namespace eb {
namespace {

bool is_there(Sys& sys, const std::string& path) {
  return sys.faccessat(AT_FDCWD, path.c_str(), F_OK) == 0;
}

}  // namespace

std::string reachable_root(const std::string& folder, const Environment& environment) {
  if (!is_there(environment.sys, folder + "/" + kImageFile)) return folder;
  const std::string program = folder + "/" + kImageProgram;
  ChildBounds bounds;
  bounds.first_limit = Milliseconds(900'000);  // it may unpack
  std::string root;
  const ChildResult result = run_child(
      environment.sys, {{program, "--root"}, environment.variables}, bounds,
      [&environment] { return environment.stop.signal() != 0; },
      [&root](std::string_view line) -> std::optional<Milliseconds> {
        root = line;
        return std::nullopt;
      });
  environment.stop.check();
  if (result.exit_code != 0 || root.empty()) {
    throw Error(ExitCode::kUnsupportedFs, "the image cannot be used on this node")
        .where(program)
        .why(result.error_tail.empty() ? "it did not end well" : result.error_tail)
        .hint("look at it by hand: " + program + " --root");
  }
  return is_there(environment.sys, root + "/" + kImageProgram) ? root : std::string();
}

std::string image_hint(const std::string& folder, const std::string& prefix) {
  return "to test it on this node: " + folder + "/" + kImageProgram +
         " --exec /ABSOLUTE/PATH/OF/envinstall check " + prefix;
}

}  // namespace eb
