#include "bundler/pack/output_file.hpp"

#include <sys/wait.h>

#include <catch2/catch.hpp>
#include <memory>

#include "installer/base/error.hpp"
#include "scratch.hpp"

namespace eb {
namespace {

using test::read_text;
using test::Scratch;
using test::write_file;

TEST_CASE("an output file appears whole on commit") {
  const Scratch scratch;
  {
    OutputFile file(scratch / "f");
    file.write(as_bytes("world"), 6);
    file.write(as_bytes("hello "), 0);
    CHECK_FALSE(std::filesystem::exists(scratch / "f"));
    file.commit();
  }
  CHECK(read_text(scratch / "f") == "hello world");
  CHECK_FALSE(std::filesystem::exists(scratch / ".f.partial"));
}

TEST_CASE("without commit nothing is left") {
  const Scratch scratch;
  { const OutputFile file(scratch / "f"); }
  CHECK(std::filesystem::is_empty(scratch.root()));
}

TEST_CASE("a tail moves up and down, also over itself") {
  const Scratch scratch;
  // Longer than the copy buffer, so that the order of the pieces counts.
  std::string tail;
  for (int i = 0; tail.size() < (9u << 20); ++i) tail += std::to_string(i);
  for (const uint64_t to : {0, 3, 10, 11, 4096}) {
    {
      OutputFile file(scratch / "f");
      file.write(as_bytes(tail), 10);
      file.move_tail(10, tail.size(), to);
      file.commit();
    }
    const std::string text = read_text(scratch / "f");
    CHECK(text.size() == to + tail.size());
    CHECK(text.substr(to) == tail);
  }
}

TEST_CASE("a partial file of a dead process is taken over, a living one's is not") {
  const Scratch scratch;
  write_file(scratch / ".f.partial", "left behind, and longer than what comes");
  {
    OutputFile first(scratch / "f");
    try {
      const OutputFile second(scratch / "f");
      FAIL("accepted");
    } catch (const Error& error) {
      CHECK(error.code() == ExitCode::kBusy);
      CHECK(std::string(error.what()) == "another process is writing this file");
    }
    first.write(as_bytes("x"), 0);
    first.commit();
  }
  CHECK(read_text(scratch / "f") == "x");
}

TEST_CASE("a folder cannot be the output") {
  const Scratch scratch;
  std::filesystem::create_directory(scratch / "d");
  try {
    const OutputFile file(scratch / "d");
    FAIL("accepted");
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::kUsage);
  }
  CHECK_FALSE(std::filesystem::exists(scratch / ".d.partial"));
}

TEST_CASE("what is registered is removed on interruption") {
  const Scratch scratch;
  const OutputFile file(scratch / "f");
  write_file(scratch / "work/a/b", "x");
  const Temporary work(scratch / "work");
  { const Temporary gone(scratch / "kept"); }
  write_file(scratch / "kept", "x");
  remove_temporaries();
  CHECK_FALSE(std::filesystem::exists(scratch / ".f.partial"));
  CHECK_FALSE(std::filesystem::exists(scratch / "work"));
  CHECK(std::filesystem::exists(scratch / "kept"));
}

}  // namespace
}  // namespace eb
