#include "installer/install/install.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include "installer/install/receipt.hpp"
#include "tests/support/faulty_sys.hpp"
#include "workshop.hpp"

namespace eb {
namespace {

using namespace test;

TEST_CASE("a bundle becomes a release, and the release the active one") {
  Workshop shop;
  const InstallReport report = shop.install_file(shop.make());
  CHECK(report.action == InstallAction::kInstall);
  CHECK(report.previous == std::nullopt);
  CHECK(shop.current() == report.release);
  CHECK(release_snapshot(shop.release(report.release)) ==
        snapshot(shop.scratch.path() / "tree-one"));
  CHECK(shop.leftovers() == std::set<std::string>{});
  CHECK(fs::read_symlink(shop.prefix() / "current") == "releases/" + report.release);
  CHECK(fs::read_symlink(shop.prefix() / "bin") == "current/bin");
  CHECK(read_text(shop.prefix() / "bin/python") == "#!/bin/sh\necho one\n");
  CHECK(!fs::is_symlink(shop.prefix() / "modulefiles"));
  const auto receipt = read_receipt(real_sys(), AT_FDCWD, shop.release(report.release).string());
  REQUIRE(receipt);
  CHECK(receipt->id == report.id);
  CHECK(receipt->signer == shop.signer.key().fingerprint());
  CHECK(receipt->trust == "--trust");
}

TEST_CASE("index and signatures of a release are the bundle's, byte for byte") {
  Workshop shop;
  const fs::path bundle = shop.make();
  const InstallReport report = shop.install_file(bundle);
  const auto source = open_bundle_file(real_sys(), bundle.string());
  const UnverifiedHeader header = read_bundle_header(*source);
  const fs::path folder = shop.release(report.release) / ".bundle";
  CHECK(read_text(folder / "index") == as_text(header.index));
  CHECK(read_text(folder / "signatures") == as_text(header.signatures));
  CHECK(sha256(as_bytes(read_text(folder / "index"))).hex() == report.id);
}

TEST_CASE("the same bundle again does nothing") {
  Workshop shop;
  const fs::path bundle = shop.make();
  shop.install_file(bundle);
  const auto before = snapshot(shop.prefix());
  const InstallReport report = shop.install_file(bundle);
  CHECK(report.action == InstallAction::kNothing);
  CHECK(snapshot(shop.prefix()) == before);
}

TEST_CASE("a newer bundle becomes the active one and the older release stays") {
  Workshop shop;
  const InstallReport first = shop.install_file(shop.make("one"));
  const auto before = snapshot(shop.release(first.release));
  const InstallReport second = shop.install_file(shop.make("two", {{"version", "2"}}));
  CHECK(second.action == InstallAction::kInstall);
  CHECK(second.previous == first.release);
  CHECK(shop.current() == second.release);
  CHECK(snapshot(shop.release(first.release)) == before);
  // The first bundle again: only the link changes.
  const InstallReport third = shop.install_file(shop.make("one"));
  CHECK(third.action == InstallAction::kActivate);
  CHECK(shop.current() == first.release);
}

TEST_CASE("F125 modes are set whatever the umask is") {
  Workshop shop;
  const fs::path bundle = shop.make();
  for (const mode_t mask : {0777, 0077, 0000}) {
    const mode_t old = umask(mask);
    shop.options.prefix = (shop.scratch.path() / ("m" + std::to_string(mask))).string();
    InstallReport report;
    try {
      report = shop.install_file(bundle);
    } catch (...) {
      umask(old);
      throw;
    }
    umask(old);
    const fs::path prefix = shop.options.prefix;
    CHECK(release_snapshot(prefix / "releases" / report.release) ==
          snapshot(shop.scratch.path() / "tree-one"));
    for (const char* name : {".", ".envinstall", "releases", "current/.bundle", "current/."}) {
      INFO(name);
      CHECK((fs::status(prefix / name).permissions() & fs::perms::mask) == fs::perms(0755));
    }
    CHECK((fs::status(prefix / "current/.bundle/receipt").permissions() & fs::perms::mask) ==
          fs::perms(0644));
  }
}

TEST_CASE("F126 a setgid bit of the prefix reaches every folder of a release") {
  Workshop shop;
  fs::create_directory(shop.prefix());
  REQUIRE(chmod(shop.prefix().c_str(), 02755) == 0);
  for (const mode_t mask : {0022, 0077}) {
    const mode_t old = umask(mask);
    const InstallReport report = shop.install_file(shop.make(mask == 0022 ? "one" : "two"));
    umask(old);
    struct stat info {};
    for (const char* folder : {"", "lib", "lib/pkg", "etc/empty"}) {
      REQUIRE(stat((shop.release(report.release) / folder).c_str(), &info) == 0);
      CHECK((info.st_mode & 07777) == 02755);
    }
  }
}

TEST_CASE("any number of workers gives the same release, from a file and from a stream") {
  Workshop shop;
  const fs::path bundle = shop.make();
  const auto expected = snapshot(shop.scratch.path() / "tree-one");
  for (const unsigned jobs : {1u, 2u, 3u, 8u}) {
    shop.options.jobs = jobs;
    shop.options.prefix = (shop.scratch.path() / ("j" + std::to_string(jobs))).string();
    const InstallReport report = shop.install_file(bundle);
    CHECK(release_snapshot(fs::path(shop.options.prefix) / "releases" / report.release) ==
          expected);

    const int fd = ::open(bundle.c_str(), O_RDONLY);
    REQUIRE(fd >= 0);
    const auto source = open_bundle_stream(real_sys(), fd, shop.stop);
    const VerifiedBundle verified = shop.open(*source);
    shop.options.prefix += "-stream";
    InstallPlan plan =
        plan_install(real_sys(), verified, shop.host, shop.options, true, shop.silence);
    install(real_sys(), *source, verified, std::move(plan), shop.trust(), shop.host, shop.options,
            shop.silence, shop.stop);
    ::close(fd);
    CHECK(release_snapshot(fs::path(shop.options.prefix) / "current/.") == expected);
  }
}

TEST_CASE("an empty tree can be installed") {
  Workshop shop;
  fs::create_directory(shop.scratch.path() / "void");
  const InstallReport report = shop.install_file(shop.pack(shop.scratch.path() / "void"));
  CHECK(shop.current() == report.release);
  CHECK(release_snapshot(shop.release(report.release)).empty());
}

TEST_CASE("progress reaches the whole") {
  Workshop shop;
  EventLog events;
  shop.install_file(shop.make(), real_sys(), events);
  CHECK(events.phases == std::vector<std::string>{"unpack", "sync"});
}

TEST_CASE("F003 F004 a stream that ends early, and one that goes on") {
  Workshop shop;
  const std::string data = read_text(shop.make());
  const auto install_stream = [&](const std::string& bytes) {
    const fs::path file = shop.scratch.path() / "stream";
    write_text(file, bytes);
    const int fd = ::open(file.c_str(), O_RDONLY);
    const Fd held(real_sys(), fd);
    const auto source = open_bundle_stream(real_sys(), fd, shop.stop);
    const VerifiedBundle verified = shop.open(*source);
    InstallPlan plan =
        plan_install(real_sys(), verified, shop.host, shop.options, true, shop.silence);
    install(real_sys(), *source, verified, std::move(plan), shop.trust(), shop.host, shop.options,
            shop.silence, shop.stop);
  };
  for (const size_t cut : {size_t{1}, size_t{64}, size_t{20'000}}) {
    const Error error = thrown_error([&] { install_stream(data.substr(0, data.size() - cut)); });
    CHECK(error.code() == ExitCode::kMalformed);
    CHECK(std::string(error.what()) == "the bundle is cut off");
    CHECK(error.why() == "expected " + std::to_string(data.size()) + " bytes, got " +
                             std::to_string(data.size() - cut));
    CHECK(error.hints().back() == "nothing was installed; no release is active");
    CHECK(!fs::exists(shop.prefix()));
  }
  const Error error = thrown_error([&] { install_stream(data + "x"); });
  CHECK(error.code() == ExitCode::kMalformed);
  CHECK(std::string(error.what()) == "there is something after the bundle's end");
  CHECK(!fs::exists(shop.prefix()));
}

TEST_CASE("F009 a changed byte in a frame: its place and file are named, nothing is published") {
  Workshop shop;
  const fs::path bundle = shop.make();
  const InstallReport before = shop.install_file(bundle);
  shop.options.reuse = false;  // every frame is needed
  const fs::path second = shop.make("two");
  std::string data = read_text(second);
  data[data.size() - 3000] ^= 1;
  write_text(second, data);
  const auto untouched = snapshot(shop.prefix());
  const Error error = thrown_error([&] { shop.install_file(second); });
  CHECK(error.code() == ExitCode::kDigestMismatch);
  CHECK(std::string(error.what()).starts_with("frame "));
  CHECK(std::string(error.what()).ends_with(" does not match its digest"));
  CHECK_THAT(error.where(), Catch::Matchers::Contains(second.string() + ", bytes "));
  CHECK_THAT(error.where(), Catch::Matchers::Contains(", while unpacking "));
  CHECK_THAT(error.why(), Catch::Matchers::StartsWith("expected sha256 "));
  CHECK(error.hints().back() ==
        "nothing was installed; release " + before.release + " is still the active one");
  CHECK(snapshot(shop.prefix()) == untouched);
}

TEST_CASE("F026 a bundle that shrinks while it is installed") {
  Workshop shop;
  const fs::path bundle = shop.make();
  const auto source = open_bundle_file(real_sys(), bundle.string());
  const VerifiedBundle verified = shop.open(*source);
  InstallPlan plan =
      plan_install(real_sys(), verified, shop.host, shop.options, false, shop.silence);
  fs::resize_file(bundle, fs::file_size(bundle) - 10);
  const Error error = thrown_error([&] {
    install(real_sys(), *source, verified, std::move(plan), shop.trust(), shop.host, shop.options,
            shop.silence, shop.stop);
  });
  CHECK(error.code() == ExitCode::kDigestMismatch);
  CHECK(!fs::exists(shop.prefix()));
}

TEST_CASE("F129 a stop request ends an install, and the state is named") {
  Workshop shop;
  const InstallReport first = shop.install_file(shop.make("one"));
  const fs::path second = shop.make("two");
  const auto untouched = snapshot(shop.prefix());
  // At any call of the second install.
  FaultySys counting;
  size_t total = 0;
  {
    Workshop other;
    other.install_file(other.make("one"));
    other.install_file(other.make("two"), counting, other.silence);
    total = counting.calls();
  }
  for (size_t at = 1; at < total; at += 7) {
    StopFlag stop;
    FaultySys sys;
    sys.before = [&](const SysCall& call) {
      if (call.number == at) stop.request(SIGTERM);
      return 0;
    };
    const auto source = open_bundle_file(sys, second.string());
    const VerifiedBundle verified = shop.open(*source);
    InstallPlan plan = plan_install(sys, verified, shop.host, shop.options, false, shop.silence);
    try {
      install(sys, *source, verified, std::move(plan), shop.trust(), shop.host, shop.options,
              shop.silence, stop);
      break;  // the request came too late: after the flip
    } catch (const Error& error) {
      CHECK(static_cast<int>(error.code()) == 128 + SIGTERM);
      CHECK(std::string(error.what()) == "stopped by SIGTERM");
      CHECK_THAT(error.hints().back(), Catch::Matchers::Contains("release " + first.release +
                                                                 " is still the active one"));
      CHECK(shop.current() == first.release);
      if (fs::exists(shop.release(verified.release_name()))) break;  // published, not active
      CHECK(snapshot(shop.prefix()) == untouched);
    }
  }
}

TEST_CASE("F133 many at once with one bundle: one installs, all succeed") {
  Workshop shop;
  const fs::path bundle = shop.make();
  constexpr int kInstallers = 6;
  std::vector<std::thread> threads;
  std::vector<std::string> failures(kInstallers);
  for (int i = 0; i < kInstallers; ++i) {
    threads.emplace_back([&, i] {
      try {
        shop.install_file(bundle);
      } catch (const Error& error) {
        failures[static_cast<size_t>(i)] =
            std::string(error.what()) + ": " + error.where() + ": " + error.why();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::string& failure : failures) CHECK(failure == "");
  CHECK(shop.leftovers() == std::set<std::string>{});
  CHECK(std::distance(fs::directory_iterator(shop.prefix() / "releases"), {}) == 1);
  CHECK(release_snapshot(shop.prefix() / "current/.") ==
        snapshot(shop.scratch.path() / "tree-one"));
}

TEST_CASE("F133 two different bundles at once: both releases are there, one is active") {
  for (int round = 0; round < 5; ++round) {
    Workshop shop;
    const fs::path bundles[] = {shop.make("one"), shop.make("two")};
    std::vector<std::thread> threads;
    for (const fs::path& bundle : bundles) {
      threads.emplace_back([&shop, bundle] { shop.install_file(bundle); });
    }
    for (std::thread& thread : threads) thread.join();
    CHECK(std::distance(fs::directory_iterator(shop.prefix() / "releases"), {}) == 2);
    CHECK(fs::exists(shop.release(shop.current()) / "bin/python"));
    CHECK(shop.leftovers() == std::set<std::string>{});
  }
}

TEST_CASE("what a dead run left is removed by the next") {
  Workshop shop;
  shop.install_file(shop.make("one"));
  const fs::path state = shop.prefix() / ".envinstall";
  write_text(state / "stage-sample-0123456789abcdef-aaaaaaaaaaaaaaaa/lib/x", "x");
  write_text(state / "trash-sample-0123456789abcdef-bbbbbbbbbbbbbbbb/.bundle/receipt", "x");
  shop.install_file(shop.make("two"));
  CHECK(shop.leftovers() == std::set<std::string>{});
}

TEST_CASE("F128 a damaged release is not taken for good") {
  Workshop shop;
  const fs::path bundle = shop.make();
  const InstallReport report = shop.install_file(bundle);
  fs::remove(shop.release(report.release) / "share/doc/README.txt");
  const Error error = thrown_error([&] { shop.install_file(bundle); });
  CHECK(error.code() == ExitCode::kDigestMismatch);
  CHECK(error.why() == "share/doc/README.txt: not there");
}

TEST_CASE("something foreign in the place of a top-level link stays") {
  Workshop shop;
  shop.install_file(shop.make("one"));
  fs::remove(shop.prefix() / "share");
  write_text(shop.prefix() / "share", "mine");
  EventLog events;
  shop.install_file(shop.make("two"), real_sys(), events);
  REQUIRE(events.warnings.size() == 1);
  CHECK_THAT(events.warnings[0], Catch::Matchers::Contains("/share is not envinstall's"));
  CHECK(read_text(shop.prefix() / "share") == "mine");
}

TEST_CASE("a link at the top goes when the active release has nothing for it") {
  Workshop shop;
  shop.install_file(shop.make("one"));
  const fs::path tree = shop.scratch.path() / "no-etc";
  fill_tree(tree, "two");
  fs::remove_all(tree / "etc");
  shop.install_file(shop.pack(tree));
  CHECK(!fs::is_symlink(shop.prefix() / "etc"));
  CHECK(fs::is_symlink(shop.prefix() / "lib"));
}

TEST_CASE("F120 short reads and writes change nothing") {
  // Every third call is interrupted: in each of the three ways to begin counting.
  for (size_t first = 0; first < 3; ++first) {
    Workshop shop;
    FaultySys sys;
    sys.max_transfer = 100;
    size_t count = first;
    sys.before = [&](const SysCall& call) {
      const bool may = call.name == "read" || call.name == "write" || call.name == "pwrite" ||
                       call.name == "pread" || call.name == "openat";
      return may && ++count % 3 == 0 ? EINTR : 0;
    };
    INFO("first interruption at call " << 3 - first);
    const InstallReport report = shop.install_file(shop.make(), sys, shop.silence);
    CHECK(release_snapshot(shop.release(report.release)) ==
          snapshot(shop.scratch.path() / "tree-one"));
  }
}

}  // namespace
}  // namespace eb
