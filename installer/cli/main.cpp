#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <iostream>

#include "installer/base/error.hpp"
#include "installer/cli/environment.hpp"
#include "installer/install/trust_anchors.hpp"

namespace {

eb::StopFlag stop;

// The second signal means it: whoever waits for a server that does not answer gets out.
extern "C" void on_stop_signal(int signal) {
  if (stop.request(signal)) _exit(128 + signal);
}

void watch_signals() {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction old {};
    // What the parent told to ignore stays so (nohup, background jobs).
    if (sigaction(signal, nullptr, &old) == 0 && old.sa_handler == SIG_IGN) continue;
    struct sigaction action {};
    action.sa_handler = on_stop_signal;
    sigaction(signal, &action, nullptr);
  }
  // A closed pipe or a file-size limit is an error of that one call, not the end of everything.
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGXFSZ, SIG_IGN);
}

unsigned terminal_columns() {
  winsize size{};
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return 80;
}

}  // namespace

int main(int argc, char** argv) {
  watch_signals();
  const auto variable = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string(value != nullptr ? value : "");
  };
  eb::Environment environment{eb::real_sys(), std::cout, std::cerr, stop};
  environment.input = STDIN_FILENO;
  environment.variable = variable;
  for (char** entry = environ; *entry != nullptr; ++entry)
    environment.variables.emplace_back(*entry);
  environment.err_is_terminal = isatty(STDERR_FILENO) != 0 && variable("TERM") != "dumb";
  environment.columns = terminal_columns();
  try {
    environment.anchors = eb::own_trust_anchors();
  } catch (const eb::Error& error) {
    std::cerr << eb::render_error(eb::kProgramName, error);
    return static_cast<int>(error.code());
  }
  const int code = eb::run_installer({argv + std::min(argc, 1), argv + argc}, environment);
  std::cout.flush();
  if (!std::cout && code == 0) {
    std::cerr << eb::render_error(eb::kProgramName,
                                  eb::Error(eb::ExitCode::kIo, "the result cannot be written")
                                      .where("standard output")
                                      .hint("what was to be done is done; look at it with 'list'"));
    return static_cast<int>(eb::ExitCode::kIo);
  }
  return code;
}
