#include <sys/wait.h>
#include <unistd.h>

#include "installer/install/repair.hpp"
#include "tests/support/faulty_sys.hpp"
#include "workshop.hpp"

// The process ends at every call of an install, as by kill -9 (F130): what was there stays, what is
// new is whole, and the next run finishes or cleans up.

namespace eb {
namespace {

using namespace test;

// Runs `work` in a child that ends at its `at`-th call; whether it got to its end.
template <typename Work>
bool finishes_before(size_t at, Work work) {
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    FaultySys sys;
    sys.before = [at](const SysCall& call) {
      if (call.number == at) _exit(9);
      return 0;
    };
    try {
      work(sys);
    } catch (...) {
      _exit(8);
    }
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  REQUIRE(WIFEXITED(status));
  REQUIRE((WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 9));
  return WEXITSTATUS(status) == 0;
}

TEST_CASE("F130 the process is killed at every call of an install") {
  Workshop shop;
  // One worker: a child of a process with threads may not make new ones safely.
  shop.options.jobs = 1;
  const fs::path one = shop.make("one");
  const fs::path two = shop.make("two");
  const auto tree_one = snapshot(shop.scratch.path() / "tree-one");
  const auto tree_two = snapshot(shop.scratch.path() / "tree-two");
  const std::string first = shop.install_file(one).release;
  shop.install_file(two);
  const std::string second = shop.current();
  const int64_t now = shop.host.now;
  bool finished = false;
  size_t at = 1;
  for (; !finished; ++at) {
    fs::remove_all(shop.prefix());
    shop.host.now = now;
    shop.install_file(one);
    finished = finishes_before(at, [&](Sys& sys) {
      shop.host.pid = getpid();
      shop.install_file(two, sys, shop.silence);
    });
    INFO("call " << at);
    const std::string current = shop.current();
    REQUIRE((current == first || current == second));
    REQUIRE(release_snapshot(shop.release(first)) == tree_one);
    if (fs::exists(shop.release(second))) {
      REQUIRE(release_snapshot(shop.release(second)) == tree_two);
    }
    if (current == second) REQUIRE(fs::exists(shop.prefix() / "bin/python"));
    // Two hours later somebody tries again.
    shop.host.now = now + 7200;
    shop.install_file(two);
    REQUIRE(shop.current() == second);
    REQUIRE(release_snapshot(shop.release(second)) == tree_two);
    REQUIRE(shop.leftovers() == std::set<std::string>{});
  }
  CHECK(at > 200);
}

TEST_CASE("F130 a first install is killed at every call") {
  Workshop shop;
  shop.options.jobs = 1;
  const fs::path bundle = shop.make();
  const auto tree = snapshot(shop.scratch.path() / "tree-one");
  const int64_t now = shop.host.now;
  bool finished = false;
  for (size_t at = 1; !finished; at += 3) {
    fs::remove_all(shop.prefix());
    shop.host.now = now;
    finished = finishes_before(at, [&](Sys& sys) {
      shop.host.pid = getpid();
      shop.install_file(bundle, sys, shop.silence);
    });
    INFO("call " << at);
    if (!shop.current().empty()) REQUIRE(release_snapshot(shop.prefix() / "current/.") == tree);
    shop.host.now = now + 7200;
    shop.install_file(bundle);
    REQUIRE(release_snapshot(shop.prefix() / "current/.") == tree);
    REQUIRE(shop.leftovers() == std::set<std::string>{});
  }
}

TEST_CASE("F130 a repair is killed at every call: each file is the old one or the right one") {
  Workshop shop;
  shop.options.jobs = 1;
  const fs::path bundle = shop.make();
  const int64_t now = shop.host.now;
  const auto repair_it = [&](Sys& sys) {
    const auto source = open_bundle_file(sys, bundle.string());
    const VerifiedBundle verified = shop.open(*source);
    repair(sys, *source, verified, open_prefix(sys, shop.prefix().string()), {}, shop.trust(),
           shop.host, shop.silence, shop.stop);
  };
  const fs::path root = shop.release(shop.install_file(bundle).release);
  // The receipt is made anew with a name of its own.
  const auto without_receipt = [&] {
    auto out = snapshot(root);
    out.erase(".bundle/receipt");
    return out;
  };
  const auto whole = without_receipt();
  bool finished = false;
  size_t at = 1;
  for (; !finished; at += 3) {
    shop.host.now = now;
    write_text(root / "lib/libbig.so.1", "wrong");
    write_text(root / ".bundle/index", "wrong");
    fs::remove(root / ".bundle/receipt");
    fs::remove(root / "bin/python");
    fs::remove_all(root / "etc");
    const auto damaged = without_receipt();
    finished = finishes_before(at, [&](Sys& sys) {
      shop.host.pid = getpid();
      repair_it(sys);
    });
    INFO("call " << at);
    for (const auto& [path, what] : without_receipt()) {
      INFO(path);
      REQUIRE(whole.contains(path));  // nothing half-made lies there
      const auto old = damaged.find(path);
      REQUIRE((what == whole.at(path) || (old != damaged.end() && what == old->second)));
    }
    shop.host.now = now + 7200;
    repair_it(real_sys());
    REQUIRE(without_receipt() == whole);
    REQUIRE(shop.leftovers() == std::set<std::string>{});
  }
  CHECK(at > 200);
}

}  // namespace
}  // namespace eb
