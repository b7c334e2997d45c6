#include "runtime/envrun/ssh/account.hpp"

#include <vector>

#include "runtime/envrun/ssh/capture.hpp"

namespace eb {
namespace {

// -I and -S: neither the user's modules nor site-packages are wanted, and it starts in 15 ms.
constexpr char kAskPython[] =
    "import os, pwd\n"
    "try: print(':'.join(map(str, pwd.getpwuid(os.getuid()))))\n"
    "except KeyError: raise SystemExit(2)\n";

}  // namespace

std::optional<Account> parse_account(std::string_view line) {
  line = line.substr(0, line.find('\n'));
  std::vector<std::string> fields(1);
  for (const char c : line) {
    if (c == ':') {
      fields.emplace_back();
    } else {
      fields.back() += c;
    }
  }
  if (fields.size() != 7 || fields[0].empty()) return std::nullopt;
  return Account{.name = fields[0], .password = fields[1], .home = fields[5], .shell = fields[6]};
}

std::optional<Account> look_up_account(Session& session, NameService service) {
  Program program;
  if (service == NameService::kRelease) {
    program = session.program({session.place.bin("python3"), "-I", "-S", "-c", kAskPython});
  } else {
    program.path = find_program(session.world.sys, "getent", "/usr/bin:/bin");
    program.arguments = {"getent", "passwd", std::to_string(session.world.uid)};
    program.variables = session.world.variables;
  }
  if (program.path.empty()) return std::nullopt;
  const Captured captured = run_captured(session.world, std::move(program));
  return captured.code == 0 ? parse_account(captured.out) : std::nullopt;
}

}  // namespace eb
