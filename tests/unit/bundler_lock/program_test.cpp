#include "bundler/lock/program.hpp"

#include <catch2/catch.hpp>

#include "tests/support/thrown_error.hpp"

namespace eb {
namespace {

TEST_CASE("output, errors and status of a program") {
  const auto result = run_program({{"sh", "-c", "echo out; echo err >&2; exit 3"}, {}});
  CHECK(result.status == 3);
  CHECK(result.output == "out\n");
  CHECK(result.errors == "err\n");
  CHECK(run_program({{"sh", "-c", "kill -TERM $$"}, {}}).status == 128 + 15);
}

TEST_CASE("stdin is empty, the environment is changed as asked") {
  CHECK(run_program({{"cat"}, {}}).output.empty());
  const auto result = run_program(
      {{"sh", "-c", "echo $EB_TEST $LC_ALL ${HOME-none}"}, {{"EB_TEST", "x y"}, {"HOME", ""}}});
  CHECK(result.output == "x y C.UTF-8 none\n");
}

TEST_CASE("much output on both sides does not block") {
  const auto result =
      run_program({{"sh", "-c", "head -c 3000000 /dev/zero >&2; head -c 3000000 /dev/zero"}, {}});
  CHECK(result.output.size() == 3000000);
  CHECK(result.errors.size() <= 128 * 1024 + 65536);
}

TEST_CASE("a program that is not there") {
  CHECK(program_exists("sh"));
  CHECK(program_exists("/bin/sh"));
  CHECK_FALSE(program_exists("/bin"));
  CHECK_FALSE(program_exists("no-such-program-of-ours"));
  const Error error = test::thrown_error([] { run_program({{"no-such-program-of-ours"}, {}}); });
  CHECK(error.code() == ExitCode::kInternal);
  CHECK(error.where() == "no-such-program-of-ours");
  CHECK(error.why() == "No such file or directory");
}

TEST_CASE("the last lines of a text") {
  CHECK(last_lines("a\nb\nc\n", 2) == "b\nc");
  CHECK(last_lines("a\n\n", 1) == "a");
  CHECK(last_lines("", 3).empty());
  CHECK(last_lines("one", 3) == "one");
}

}  // namespace
}  // namespace eb
