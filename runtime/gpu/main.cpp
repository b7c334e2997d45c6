// gpucheck: proves that the GPU libraries of an installed release work on this machine's GPUs.
// What it writes is described in README.md.
#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <string>

#include "runtime/gpu/plan.hpp"

namespace {

constexpr char kHelp[] =
    "usage: gpucheck [--root RELEASE] [--steps NAME,NAME,...]\n"
    "\n"
    "Tries the GPU libraries of an installed release, one step after the other, and writes what\n"
    "it finds to standard output: one record a line, fields separated by tabs.\n"
    "\n"
    "  --root RELEASE  the release; without it, the one that this program lies in\n"
    "  --steps LIST    only these steps, and what they need\n"
    "  --help          this text\n"
    "\n"
    "steps:";

struct Options {
  std::string root;
  std::string steps;
  bool help = false;
  std::string error;
};

Options parse(int argc, char** argv) {
  Options out;
  out.root = argc > 0 ? eb::gpu::root_of_program(argv[0]) : "";
  for (int i = 1; i < argc; ++i) {
    const std::string option = argv[i];
    const bool has_value = option == "--root" || option == "--steps";
    if (option == "--help") {
      out.help = true;
    } else if (!has_value) {
      out.error = "unknown option: " + option;
      return out;
    } else if (++i == argc || argv[i][0] == '\0') {
      out.error = option + " needs a value";
      return out;
    } else {
      (option == "--root" ? out.root : out.steps) = argv[i];
    }
  }
  return out;
}

int refuse(const std::string& text) {
  std::fprintf(stderr, "gpucheck: error: %s\n  hint:  'gpucheck --help' says what there is\n",
               text.c_str());
  return 2;
}

/// Takes standard output for the records alone: whatever libraries print there goes to standard
/// error from now on.
int take_standard_output() {
  const int records = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
  if (fcntl(STDERR_FILENO, F_GETFD) >= 0) {
    dup2(STDERR_FILENO, STDOUT_FILENO);
  } else {
    const int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (nowhere >= 0) dup2(nowhere, STDOUT_FILENO);
  }
  return records;
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = parse(argc, argv);
  if (!options.error.empty()) return refuse(options.error);
  if (options.help) {
    std::fputs(kHelp, stdout);
    for (const eb::gpu::Step& step : eb::gpu::all_steps()) {
      std::printf(" %s", std::string(step.name).c_str());
    }
    std::fputs("\n", stdout);
    return 0;
  }
  std::string unknown;
  const std::vector<eb::gpu::Step> steps = eb::gpu::choose_steps(options.steps, &unknown);
  if (!unknown.empty()) return refuse("no such step: " + unknown);
  if (options.root.empty()) return refuse("it does not lie in a release; name one with --root");
  const int fd = take_standard_output();
  if (fd < 0) return refuse("standard output is closed");
  eb::gpu::Session session{
      eb::gpu::Records(fd), eb::gpu::open_release(options.root), {}, {}, {}, {}, {}, {}, {}};
  eb::gpu::run_steps(steps, session);
  // All is said. The libraries' exit handlers run in an order of their own, and are not what is
  // checked here.
  std::fflush(stderr);
  _exit(0);
}
