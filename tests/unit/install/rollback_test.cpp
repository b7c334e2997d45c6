#include "installer/install/rollback.hpp"

#include "tests/support/faulty_sys.hpp"
#include "workshop.hpp"

namespace eb {
namespace {

using namespace test;

struct Shop : Workshop {
  RollbackReport roll(const std::optional<std::string>& release = {}, Sys& sys = real_sys()) {
    return rollback(sys, open_prefix(sys, prefix().string()), release, host, silence, stop);
  }
  Error refused(const std::optional<std::string>& release = {}) {
    return thrown_error([&] { roll(release); });
  }
};

TEST_CASE("rollback goes to the release that was active before, and back again") {
  Shop shop;
  const std::string first = shop.install_file(shop.make("one")).release;
  const std::string second = shop.install_file(shop.make("two")).release;
  const std::string third = shop.install_file(shop.make("three")).release;
  const auto before = snapshot(shop.prefix() / "releases");
  const RollbackReport report = shop.roll();
  CHECK(report.release == second);
  CHECK(report.previous == third);
  CHECK(shop.current() == second);
  CHECK(read_text(shop.prefix() / "bin/python") == "#!/bin/sh\necho two\n");
  CHECK(shop.roll().release == third);
  CHECK(shop.roll(first).release == first);
  CHECK(shop.roll().release == third);
  CHECK(snapshot(shop.prefix() / "releases") == before);
  CHECK(shop.leftovers() == std::set<std::string>{});
}

TEST_CASE("rolling back to the active release changes nothing") {
  Shop shop;
  const std::string only = shop.install_file(shop.make("one")).release;
  const auto before = snapshot(shop.prefix());
  CHECK(!shop.roll(only).changed);
  CHECK(snapshot(shop.prefix()) == before);
}

TEST_CASE("rollback refuses what is not there, what is damaged and what nobody can tell") {
  Shop shop;
  const std::string first = shop.install_file(shop.make("one")).release;
  CHECK(std::string(shop.refused().what()) == "there is no other release to go back to");
  const std::string second = shop.install_file(shop.make("two")).release;
  const std::string third = shop.install_file(shop.make("three")).release;
  CHECK(std::string(shop.refused("nothing").what()) == "there is no release nothing");
  fs::remove(shop.release(first) / "lib/empty");
  const Error damaged = shop.refused(first);
  CHECK(damaged.code() == ExitCode::kDigestMismatch);
  CHECK(damaged.why() == "lib/empty: not there");
  fs::remove(shop.prefix() / ".envinstall/log");
  CHECK(std::string(shop.refused().what()) == "nobody can tell which release was active before");
  CHECK(shop.current() == third);
  CHECK(shop.roll(second).release == second);
}

TEST_CASE("the log tells which release was active before") {
  const std::vector<std::string> releases = {"a", "b", "c"};
  CHECK(active_before("T installed a id 1\nT installed b id 2\n", "b", releases) == "a");
  CHECK(active_before("T installed a\nT installed b\nT rolled back to a id\n", "a", releases) ==
        "b");
  // Between the two, a release that is gone.
  CHECK(active_before("T installed a\nT installed x\nT installed b\n", "b", releases) == "a");
  // The same again is no change.
  CHECK(active_before("T installed a\nT installed b\nT activated b\n", "b", releases) == "a");
  // `current` was changed by other means.
  CHECK(active_before("T installed a\nT installed b\n", "c", releases) == "b");
  CHECK(active_before("nonsense\n\nT rolled\n", "c", releases).empty());
}

TEST_CASE("an I/O failure during rollback leaves the old release or the new one") {
  Shop shop;
  const std::string first = shop.install_file(shop.make("one")).release;
  const std::string second = shop.install_file(shop.make("two")).release;
  for (size_t n = 1; n < 400; ++n) {
    FaultySys sys;
    sys.before = [n](const SysCall& call) { return call.number == n ? EIO : 0; };
    try {
      shop.roll(first, sys);
    } catch (const Error&) {
    }
    const auto now = shop.current();
    REQUIRE((now == first || now == second));
    if (sys.calls() < n) return;
    shop.roll(second);
  }
  FAIL("the rollback never got through");
}

TEST_CASE("without an active release rollback goes to the only one there is") {
  Shop shop;
  const std::string only = shop.install_file(shop.make("one")).release;
  fs::remove(shop.prefix() / "current");
  const RollbackReport report = shop.roll();
  CHECK(report.release == only);
  CHECK(!report.previous);
  CHECK(shop.current() == only);
  CHECK_THAT(
      read_text(shop.prefix() / ".envinstall/log"),
      Catch::Matchers::Contains("rolled back to " + only + " id " + report.id + " from none uid "));
}

TEST_CASE("an error of rollback says which release is the active one then") {
  Shop shop;
  const std::string first = shop.install_file(shop.make("one")).release;
  const std::string second = shop.install_file(shop.make("two")).release;
  for (const bool before : {true, false}) {
    FaultySys sys;
    bool flipped = false;
    sys.before = [&](const SysCall& call) {
      if (call.name == "renameat" && call.path == "current") {
        if (before) return EIO;
        flipped = true;
      }
      return flipped && call.name == "fsync" ? EIO : 0;
    };
    const Error error = thrown_error([&] { shop.roll(first, sys); });
    CHECK(error.hints().back() ==
          (before ? "nothing was changed" : "release " + first + " is the active one now"));
    CHECK(shop.current() == (before ? second : first));
  }
}

}  // namespace
}  // namespace eb
