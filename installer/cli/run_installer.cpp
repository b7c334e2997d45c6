#include <algorithm>
#include <new>

#include "installer/base/error.hpp"
#include "installer/cli/commands.hpp"
#include "installer/cli/environment.hpp"
#include "installer/cli/help_text.hpp"
#include "installer/cli/report_table.hpp"

namespace eb {
namespace {

// What to do next where nobody who threw the error knew.
std::string default_hint(ExitCode code) {
  switch (code) {
    case ExitCode::kUsage:
      return "'envinstall --help' shows what there is";
    case ExitCode::kMalformed:
      return "copy the bundle again and compare its sha256 with the one published beside it";
    case ExitCode::kUntrusted:
      return "ask the publisher for the key's fingerprint and give it with --trust";
    case ExitCode::kNoSpace:
      return "free space, or choose a prefix on another file system";
    case ExitCode::kPermission:
      return "choose a folder that you may write to, or ask its owner";
    case ExitCode::kUnsupportedFs:
      return "choose a prefix on another file system";
    case ExitCode::kIo:
      return "look at the state of the disk or the server, then run the same command again";
    case ExitCode::kInternal:
      return "this is a fault of envinstall: please report it with the command line";
    default:
      return "run the same command again";
  }
}

int report(Error error, bool json, Environment& environment) {
  if (error.hints().empty()) error.hint(default_hint(error.code()));
  std::string text = render_error(kProgramName, error);
  if (environment.err_is_terminal && environment.variable("NO_COLOR").empty() &&
      environment.variable("TERM") != "dumb") {
    const std::string plain = "error:";
    if (const size_t at = text.find(plain); at != std::string::npos) {
      text.replace(at, plain.size(), "\x1b[1;31merror:\x1b[0m");
    }
  }
  environment.err << text << std::flush;
  if (json) {
    print_record(environment.out, {{"record", "error"},
                                   {"code", static_cast<int>(error.code())},
                                   {"what", error.what()},
                                   {"where", error.where()},
                                   {"why", error.why()},
                                   {"hints", error.hints()}});
  }
  return static_cast<int>(error.code());
}

int dispatch(const std::vector<std::string>& arguments, Environment& environment) {
  if (!arguments.empty()) {
    const auto* const command =
        std::ranges::find_if(kCommands, [&](const Command& c) { return arguments[0] == c.name; });
    if (command != std::end(kCommands)) {
      return command->run({arguments.begin() + 1, arguments.end()}, environment);
    }
    if (arguments[0] == "help") {
      environment.out << help_text(arguments.size() > 1 ? arguments[1] : "", environment.anchors);
      return 0;
    }
  }
  return install_command(arguments, environment);
}

}  // namespace

int run_installer(const std::vector<std::string>& arguments, Environment& environment) noexcept {
  const bool json = std::ranges::find(arguments, "--json") != arguments.end();
  try {
    try {
      return dispatch(arguments, environment);
    } catch (const Error& error) {
      return report(error, json, environment);
    } catch (const std::bad_alloc&) {
      return report(Error(ExitCode::kIo, "out of memory"), json, environment);
    } catch (const std::exception& error) {
      return report(Error(ExitCode::kInternal, "something went wrong inside").why(error.what()),
                    json, environment);
    }
  } catch (const std::bad_alloc&) {
    // Not even the message could be made.
    return static_cast<int>(ExitCode::kIo);
  } catch (...) {
    return static_cast<int>(ExitCode::kInternal);
  }
}

}  // namespace eb
