#include <catch2/catch.hpp>

#include "runtime/envrun/core/program.hpp"
#include "runtime/envrun/core/variables.hpp"

namespace eb {
namespace {

TEST_CASE("variables keep the first of a repeated name, as getenv does") {
  const Variables variables({"A=1", "B=x=y", "A=2", "broken", "=odd"});
  CHECK(variables.entries() == std::vector<std::string>{"A=1", "B=x=y"});
}

TEST_CASE("prepend puts a directory first and leaves every other entry as it stands") {
  Variables variables({"PATH=/a:/p:/b::/p"});
  variables.prepend("PATH", "/p");
  CHECK(variables.get("PATH") == "/p:/a:/b:");
  Variables none;
  none.prepend("PATH", "/p");
  CHECK(none.get("PATH") == "/p");
}

TEST_CASE(
    "run_program gives the exit code, 128+N after a signal, 127 and 126 where nothing starts") {
  const auto run = [](std::vector<std::string> arguments) {
    const std::string path = arguments.front();
    return run_program({.path = path, .arguments = std::move(arguments), .variables = {}});
  };
  CHECK(run({"/bin/sh", "-c", "exit 7"}) == 7);
  CHECK(run({"/bin/sh", "-c", "kill -TERM $$"}) == 128 + 15);
  CHECK(run({"/nonexistent"}) == kNotFound);
  CHECK(run({"/etc/passwd"}) == kCannotStart);
}

TEST_CASE("a relative XDG_STATE_HOME or HOME does not count") {
  CHECK(state_home(Variables({"XDG_STATE_HOME=/s", "HOME=/h"})) == "/s");
  CHECK(state_home(Variables({"XDG_STATE_HOME=s", "HOME=/h"})) == "/h/.local/state");
  CHECK(state_home(Variables({"HOME=h"})).empty());
}

TEST_CASE("find_program wants a regular file that may be executed") {
  CHECK(find_program(real_sys(), "sh", "/nonexistent:/bin") == "/bin/sh");
  CHECK(find_program(real_sys(), "passwd", "/etc").empty());
  CHECK(find_program(real_sys(), "bin", "/").empty());
  CHECK(find_program(real_sys(), "", "/bin").empty());
}

}  // namespace
}  // namespace eb
