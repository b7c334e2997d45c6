#include "installer/cli/progress_printer.hpp"

#include <catch2/catch.hpp>
#include <sstream>
#include <thread>

namespace eb {
namespace {

using Catch::Matchers::Contains;

TEST_CASE("rates and durations") {
  CHECK(rate_text(0) == "0.0 kB/s");
  CHECK(rate_text(500) == "0.5 kB/s");
  CHECK(rate_text(1500) == "1.5 kB/s");
  CHECK(rate_text(2.5e9) == "2.5 GB/s");
  CHECK(rate_text(1e30) == "1.0 PB/s");
  CHECK(duration_text(0) == "0.0 s");
  CHECK(duration_text(9.94) == "9.9 s");
  CHECK(duration_text(9.96) == "10 s");
  CHECK(duration_text(59.4) == "59 s");
  CHECK(duration_text(59.6) == "1 min 0 s");
  CHECK(duration_text(192) == "3 min 12 s");
}

TEST_CASE("without a terminal: a line a phase, and tenths at most once a second") {
  std::ostringstream err;
  ProgressPrinter printer(err, {});
  printer.on(PhaseStarted{"unpack", 1000, "bytes"});
  for (uint64_t done = 0; done <= 1000; done += 10) printer.on(PhaseProgress{done});
  CHECK(err.str().empty());
  printer.on(PhaseFinished{"unpack", 2.0});
  CHECK(err.str() == "unpack     1.0 kB in 2.0 s (0.5 kB/s)\n");
  err.str("");
  printer.on(PhaseStarted{"unpack", 1000, "bytes"});
  std::this_thread::sleep_for(std::chrono::milliseconds(1050));
  printer.on(PhaseProgress{350});
  printer.on(PhaseProgress{450});
  CHECK_THAT(err.str(), Contains("unpack     35 %, 350 bytes of 1.0 kB, ") && Contains(" left\n"));
  CHECK(err.str().find("45 %") == std::string::npos);
}

TEST_CASE("quiet is quiet, verbose has notes, warnings are remembered") {
  std::ostringstream err;
  ProgressPrinter quiet(err, {.terminal = true, .quiet = true});
  quiet.on(PhaseStarted{"unpack", 10, "bytes"});
  quiet.on(PhaseProgress{5});
  quiet.on(PhaseFinished{"unpack", 1});
  quiet.on(Warning{"careful"});
  quiet.on(Note{"detail"});
  quiet.line("verify", "x");
  CHECK(err.str().empty());
  CHECK(quiet.warnings() == std::vector<std::string>{"careful"});

  ProgressPrinter plain(err, {});
  plain.on(Warning{"careful\x1b[2J"});
  plain.on(Note{"detail"});
  CHECK(err.str() == "envinstall: warning: careful\\x1b[2J\n");
  ProgressPrinter verbose(err, {.verbose = true});
  verbose.on(Note{"detail"});
  CHECK_THAT(err.str(), Contains("  detail\n"));
}

TEST_CASE("a bar never wraps, and is taken back before a line") {
  for (const unsigned columns : {10u, 40u, 80u, 200u}) {
    std::ostringstream err;
    ProgressPrinter printer(err, {.terminal = true, .columns = columns});
    printer.on(PhaseStarted{"unpack", 6'400'000'000, "bytes"});
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    printer.on(PhaseProgress{3'200'000'000});
    const std::string bar = err.str().substr(err.str().rfind('\r') + 1);
    CHECK(bar.substr(0, bar.find('\x1b')).size() < columns);
    if (columns >= 80) CHECK_THAT(bar, Contains("50 %"));
    if (columns == 200) CHECK_THAT(bar, Contains("[####################....................]"));
    printer.on(Warning{"w"});
    CHECK_THAT(err.str(), Contains("\r\x1b[Kenvinstall: warning: w\n"));
  }
}

TEST_CASE("a bar that is left standing is cleared at the end") {
  std::ostringstream err;
  {
    ProgressPrinter printer(err, {.terminal = true});
    printer.on(PhaseStarted{"sync", 0, "files"});
    CHECK(err.str() == "\rsync       ...\x1b[K");
  }
  CHECK(err.str() == "\rsync       ...\x1b[K\r\x1b[K");
}

TEST_CASE("a phase that counts files speaks of files") {
  std::ostringstream err;
  ProgressPrinter printer(err, {.terminal = true, .columns = 120});
  printer.on(PhaseStarted{.phase = "bytecode", .total = 12000, .unit = "files"});
  std::this_thread::sleep_for(std::chrono::milliseconds(250));
  printer.on(PhaseProgress{3000});
  CHECK_THAT(err.str(), Contains("25 %, 3000 of 12000 files, ") && Contains(" left"));
  CHECK_THAT(err.str(), !Contains("B/s"));
}

}  // namespace
}  // namespace eb
