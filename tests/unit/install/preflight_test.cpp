#include "installer/install/preflight.hpp"

#include <sys/statvfs.h>

#include "installer/install/uninstall.hpp"
#include "tests/support/faulty_sys.hpp"
#include "workshop.hpp"

namespace eb {
namespace {

using namespace test;

struct Shop : Workshop {
  EventLog events;
  std::map<std::string, std::string> more;
  FaultySys sys;

  Error refused() {
    const fs::path bundle = make("one", more);
    const Error error = thrown_error([&] { install_file(bundle, sys, events); });
    CHECK(!error.hints().empty());
    // A check that fails leaves the disk as it was.
    CHECK(!fs::exists(prefix()));
    return error;
  }
  InstallPlan plan() {
    const fs::path bundle = make("one", more);
    const auto source = open_bundle_file(sys, bundle.string());
    return plan_install(sys, open(*source), host, options, false, events);
  }
};

TEST_CASE("another architecture") {
  Shop shop;
  shop.more["platform"] = "linux-aarch64";
  shop.host.machine = "x86_64";
  const Error error = shop.refused();
  CHECK(error.code() == ExitCode::kPolicy);
  CHECK(error.why() == "it is for linux-aarch64, this machine is linux-x86_64");
}

TEST_CASE("a kernel that is too old") {
  Shop shop;
  shop.more["min-kernel"] = "4.18";
  shop.host.kernel = "3.10.0-1160.el7.x86_64";
  const Error error = shop.refused();
  CHECK(error.code() == ExitCode::kPolicy);
  CHECK(error.why() == "it needs Linux 4.18, this machine runs 3.10.0-1160.el7.x86_64");
  shop.host.kernel = "4.18.0-80.el8";
  CHECK_NOTHROW(shop.plan());
}

TEST_CASE("F023 a bundle that wants a newer installer") {
  Shop shop;
  shop.more["min-installer"] = "99.1";
  const Error error = shop.refused();
  CHECK(error.code() == ExitCode::kMalformed);
  CHECK_THAT(error.why(), Catch::Matchers::Contains("99.1"));
}

TEST_CASE("F039 F043 expiry goes by the latest time that anybody knows") {
  Shop shop;
  shop.more["not-after"] = "1800000000";
  shop.host.now = 1'800'000'000;
  CHECK_NOTHROW(shop.plan());
  shop.host.now = 1'800'000'001;
  CHECK(shop.refused().code() == ExitCode::kPolicy);
  // A clock in 1970 makes nothing valid that the bundle itself says is over, and is told.
  shop.host.now = 0;
  CHECK_NOTHROW(shop.plan());
  REQUIRE(!shop.events.warnings.empty());
  CHECK_THAT(shop.events.warnings[0], Catch::Matchers::Contains("taken for wrong"));
  shop.more["epoch"] = "1800000002";
  CHECK(shop.refused().code() == ExitCode::kPolicy);
}

TEST_CASE("F040 a release counter below the floor") {
  Workshop shop;
  shop.install_file(shop.make("two", {{"counter", "5"}}));
  const fs::path older = shop.make("one", {{"counter", "4"}});
  const auto before = snapshot(shop.prefix());
  const Error error = thrown_error([&] { shop.install_file(older); });
  CHECK(error.code() == ExitCode::kPolicy);
  CHECK(error.why() == "its release counter is 4, this prefix has had 5 of sample");
  CHECK(snapshot(shop.prefix()) == before);
  // Also when the file that remembers it is lost.
  fs::remove(shop.prefix() / ".envinstall/floor");
  CHECK(thrown_error([&] { shop.install_file(older); }).code() == ExitCode::kPolicy);
  // Another bundle's counter has nothing to do with it.
  shop.install_file(shop.make("three", {{"counter", "1"}, {"name", "other"}}));
  EventLog events;
  shop.options.exceptions.downgrade = true;
  shop.install_file(older, real_sys(), events);
  CHECK_THAT(events.warnings.at(0), Catch::Matchers::StartsWith("downgrade allowed: "));
  CHECK_THAT(read_text(shop.prefix() / ".envinstall/log"),
             Catch::Matchers::Contains("with --allow-downgrade"));
}

TEST_CASE("F039 an expired bundle is installed where somebody said so, and that is logged") {
  Workshop shop;
  const fs::path bundle = shop.make("one", {{"not-after", "1700000001"}});
  const Error error = thrown_error([&] { shop.install_file(bundle); });
  CHECK(error.code() == ExitCode::kPolicy);
  CHECK(std::string(error.what()) == "the bundle has expired");
  CHECK_THAT(error.hints().back(), Catch::Matchers::Contains("--allow-expired"));
  EventLog events;
  shop.options.exceptions.expired = true;
  shop.install_file(bundle, real_sys(), events);
  CHECK_THAT(events.warnings.at(0), Catch::Matchers::StartsWith("an expired bundle is allowed: "));
  CHECK_THAT(read_text(shop.prefix() / ".envinstall/log"),
             Catch::Matchers::Contains("with --allow-expired"));
}

TEST_CASE("F041 a counter at its cap is taken, one above is no bundle, and there is a way back") {
  Workshop shop;
  const std::string cap = std::to_string(kMaxCounter);
  CHECK(
      thrown_error([&] {
        shop.pack(shop.scratch.path() / "nothing", {{"counter", std::to_string(kMaxCounter + 1)}});
      }).code() != ExitCode::kOk);
  // Whoever holds a key for a moment could shut out every later bundle.
  shop.install_file(shop.make("two", {{"counter", cap}}));
  const std::string fast = shop.current();
  const fs::path next = shop.make("one", {{"counter", "7"}});
  CHECK(thrown_error([&] { shop.install_file(next); }).code() == ExitCode::kPolicy);
  shop.options.exceptions.downgrade = true;
  shop.install_file(next);
  // As long as the release with that counter is there its receipt says so; with it the floor goes.
  shop.options.exceptions.downgrade = false;
  const fs::path later = shop.make("three", {{"counter", "8"}});
  CHECK(thrown_error([&] { shop.install_file(later); }).code() == ExitCode::kPolicy);
  uninstall(real_sys(), open_prefix(real_sys(), shop.prefix().string()), {.release = fast},
            shop.host, shop.silence, shop.stop);
  CHECK_NOTHROW(shop.install_file(later));
}

TEST_CASE("F043 what the prefix remembers is a time that has passed") {
  Workshop shop;
  CHECK(remembered_time(real_sys(), shop.prefix().string()) == 0);
  CHECK(remembered_time(real_sys(), "/") == 0);
  shop.install_file(shop.make());
  CHECK(remembered_time(real_sys(), shop.prefix().string()) >= shop.host.now);
}

TEST_CASE("F021 space and inodes are asked for before anything is written") {
  Shop shop;
  shop.sys.change_statfs = [](struct statfs* info) { info->f_bavail = 10; };
  Error error = shop.refused();
  CHECK(error.code() == ExitCode::kNoSpace);
  CHECK_THAT(error.why(), Catch::Matchers::Matches("needed are .* for 31 files, available .*"));
  shop.sys.change_statfs = [](struct statfs* info) {
    info->f_files = 1000;
    info->f_ffree = 20;
  };
  error = shop.refused();
  CHECK(error.code() == ExitCode::kNoSpace);
  CHECK_THAT(error.why(), Catch::Matchers::EndsWith("inodes, available 20"));
  // btrfs has no number of inodes.
  shop.sys.change_statfs = [](struct statfs* info) { info->f_files = info->f_ffree = 0; };
  CHECK_NOTHROW(shop.plan());
}

TEST_CASE("F021 --max-bytes") {
  Shop shop;
  shop.options.max_bytes = 1000;
  const Error error = shop.refused();
  CHECK(error.code() == ExitCode::kNoSpace);
  CHECK_THAT(error.why(), Catch::Matchers::EndsWith("bytes, allowed 1000"));
}

TEST_CASE("F113 F114 read-only and noexec mounts are known from statfs") {
  Shop shop;
  shop.sys.change_statfs = [](struct statfs* info) { info->f_flags |= ST_RDONLY; };
  Error error = shop.refused();
  CHECK(error.code() == ExitCode::kUnsupportedFs);
  CHECK(std::string(error.what()) == "the file system is read-only");
  shop.sys.change_statfs = [](struct statfs* info) { info->f_flags |= ST_NOEXEC; };
  error = shop.refused();
  CHECK(error.code() == ExitCode::kUnsupportedFs);
  CHECK(std::string(error.what()) == "programs cannot be started from there");
}

TEST_CASE("F115 mounts without set-id programs and devices will do") {
  Shop shop;
  const fs::path bundle = shop.make();
  shop.sys.change_statfs = [](struct statfs* info) { info->f_flags |= ST_NOSUID | ST_NODEV; };
  const InstallReport report = shop.install_file(bundle, shop.sys, shop.events);
  CHECK(shop.events.warnings.empty());
  CHECK(release_snapshot(shop.release(report.release)) ==
        snapshot(shop.scratch.path() / "tree-one"));
}

TEST_CASE("F041 a counter that leaves no room above it") {
  // More than a JSON reader can hold is no counter at all.
  for (const char* beyond : {"9007199254740992", "18446744073709551615", "18446744073709551616"}) {
    Workshop shop;
    CHECK_THROWS_AS(shop.make("one", {{"counter", beyond}}), Error);
  }
  // The largest one locks the prefix against later bundles, until a person says otherwise.
  Workshop shop;
  shop.install_file(shop.make("one", {{"counter", "9007199254740991"}}));
  const fs::path next = shop.make("two", {{"counter", "7"}});
  CHECK(thrown_error([&] { shop.install_file(next); }).code() == ExitCode::kPolicy);
  shop.options.exceptions.downgrade = true;
  const InstallReport report = shop.install_file(next);
  CHECK(shop.current() == report.release);
}

TEST_CASE("a folder that may not be written") {
  Shop shop;
  shop.sys.before = [](const SysCall& call) {
    return call.name == "faccessat" && call.path == "." ? EACCES : 0;
  };
  CHECK(shop.refused().code() == ExitCode::kPermission);
  shop.sys.before = [](const SysCall& call) {
    return call.name == "faccessat" && call.path == "." ? EROFS : 0;
  };
  CHECK(shop.refused().code() == ExitCode::kUnsupportedFs);
}

TEST_CASE("a plan says what will be done and does nothing") {
  Shop shop;
  const InstallPlan plan = shop.plan();
  CHECK(plan.action == InstallAction::kInstall);
  CHECK(!plan.prefix.exists);
  CHECK(plan.totals.files == 31);
  CHECK(plan.space.need.inodes > plan.totals.files);
  CHECK(plan.space.need.bytes > plan.totals.file_bytes);
  CHECK(plan.workers.jobs == 2);
  CHECK(!fs::exists(shop.prefix()));
}

}  // namespace
}  // namespace eb
