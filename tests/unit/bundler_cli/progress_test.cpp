#include "bundler/cli/progress.hpp"

#include <catch2/catch.hpp>
#include <sstream>

namespace eb {
namespace {

/// A reporter with a clock that the test sets.
struct Bench {
  std::ostringstream out;
  double now = 0;
  ProgressReporter reporter;

  explicit Bench(ProgressStyle style)
      : reporter(out, style, [this] {
          return std::chrono::steady_clock::time_point(
              std::chrono::duration_cast<std::chrono::steady_clock::duration>(
                  std::chrono::duration<double>(now)));
        }) {}
  void at(double seconds, const Event& event) {
    now = seconds;
    reporter.on(event);
  }
};

TEST_CASE("sizes and times are short") {
  CHECK(format_bytes(0) == "0 B");
  CHECK(format_bytes(999) == "999 B");
  CHECK(format_bytes(1000) == "1.0 kB");
  CHECK(format_bytes(999'960) == "1.0 MB");
  CHECK(format_bytes(123'456'789) == "123 MB");
  CHECK(format_bytes(2'840'000'000) == "2.8 GB");
  CHECK(format_seconds(-1) == "0 s");
  CHECK(format_seconds(59.4) == "59 s");
  CHECK(format_seconds(125) == "2 min 5 s");
  CHECK(format_seconds(3780) == "1 h 3 min");
  CHECK(format_seconds(7200) == "2 h");
}

TEST_CASE("without a terminal: a line a phase, and one every 10 %") {
  Bench bench({});
  bench.at(0, PhaseStarted{"pack", 1'000'000'000, "bytes"});
  bench.at(1, PhaseProgress{150'000'000});  // too early to say something
  bench.at(5, PhaseProgress{250'000'000});
  bench.at(6, PhaseProgress{290'000'000});  // the same tenth
  bench.at(10, PhaseProgress{500'000'000});
  bench.at(20, PhaseProgress{1'000'000'000});
  bench.at(20, PhaseFinished{"pack", 20});
  CHECK(bench.out.str() ==
        "pack: 1.0 GB\n"
        "pack: 20 %, 50.0 MB/s, 15 s left\n"
        "pack: 50 %, 50.0 MB/s, 10 s left\n");
}

TEST_CASE("on a terminal one line is redrawn and then replaced by the result") {
  Bench bench({.terminal = true, .columns = 80});
  bench.at(0, PhaseStarted{"pack", 1000, "files"});
  bench.at(0.01, PhaseProgress{1});  // sooner than anybody could read
  bench.at(2, PhaseProgress{500});
  bench.at(4, PhaseFinished{"pack", 4});
  CHECK(bench.out.str() ==
        "\r\x1b[Kpack [........................] 0 % of 1000 files"
        "\r\x1b[Kpack [############............] 50 % of 1000 files, 250 files/s, 2 s left"
        "\r\x1b[K"
        "pack: 1000 files in 4 s\n");
}

TEST_CASE("a bar never wraps") {
  Bench bench({.terminal = true, .color = true, .columns = 20});
  bench.at(0, PhaseStarted{"pack", 1000, "files"});
  CHECK(bench.out.str() == "\r\x1b[K\x1b[36mpack [.............\x1b[0m");
}

TEST_CASE("quiet shows warnings alone, verbose notes, and names cannot drive the terminal") {
  Bench quiet({.quiet = true});
  quiet.at(0, PhaseStarted{"pack", 10, "bytes"});
  quiet.at(0, Note{"a note"});
  quiet.at(0, Warning{"evil \x1b[2J name"});
  CHECK(quiet.out.str() == "warning: evil \\x1b[2J name\n");
  Bench verbose({.verbose = true});
  verbose.at(0, Note{"a note"});
  CHECK(verbose.out.str() == "a note\n");
}

}  // namespace
}  // namespace eb
