#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "installer/install/receipt.hpp"
#include "tests/support/faulty_sys.hpp"
#include "workshop.hpp"

// Each call of an install fails once, then from then on; whatever happens, what was there stays as
// it was or what is new is whole (FAULTS G3).

namespace eb {
namespace {

using namespace test;

struct Outcome {
  bool failed = false;
  ExitCode code = ExitCode::kOk;
  std::string text;
};

Outcome attempt(Workshop& shop, const fs::path& bundle, Sys& sys) {
  Outcome out;
  try {
    shop.install_file(bundle, sys, shop.silence);
  } catch (const Error& error) {
    out.failed = true;
    out.code = error.code();
    out.text = render_error("test", error);
  }
  return out;
}

class FaultRun {
 public:
  FaultRun() {
    one_ = shop_.make("one");
    two_ = shop_.make("two");
    tree_one_ = snapshot(shop_.scratch.path() / "tree-one");
    tree_two_ = snapshot(shop_.scratch.path() / "tree-two");
    first_ = shop_.install_file(one_).release;
    shop_.install_file(two_);
    second_ = shop_.current();
    reset();
  }

  void fail_every_call(int error, bool persistent, size_t step) {
    FaultySys counting;
    REQUIRE(!attempt(shop_, two_, counting).failed);
    const size_t total = counting.calls();
    REQUIRE(total > 100);
    for (size_t at = 1; at <= total; at += step) {
      reset();
      FaultySys sys;
      sys.before = [&](const SysCall& call) {
        const bool hit = persistent ? call.number >= at : call.number == at;
        if (hit && failed_call_.empty()) failed_call_ = call.name + " " + call.path;
        return hit ? error : 0;
      };
      failed_call_.clear();
      // Where nothing can be removed any more a lock stays; it is that of a process which then
      // ends.
      const pid_t own = std::exchange(shop_.host.pid, persistent ? dead_process() : shop_.host.pid);
      const Outcome outcome = attempt(shop_, two_, sys);
      shop_.host.pid = own;
      INFO("call " << at << " of " << total << ": " << failed_call_ << ", " << outcome.text);
      check(outcome, persistent);
    }
  }

 private:
  static pid_t dead_process() {
    const pid_t child = fork();
    if (child == 0) _exit(0);
    waitpid(child, nullptr, 0);
    return child;
  }

  // Back to a prefix with the first release alone.
  void reset() {
    fs::remove_all(shop_.prefix());
    shop_.install_file(one_);
  }

  void check(const Outcome& outcome, bool persistent) {
    const std::string current = shop_.current();
    REQUIRE((current == first_ || current == second_));
    // The old release is whole whatever happened; a new one is whole or not there.
    REQUIRE(release_snapshot(shop_.release(first_)) == tree_one_);
    if (fs::exists(shop_.release(second_))) {
      REQUIRE(release_snapshot(shop_.release(second_)) == tree_two_);
    }
    if (!outcome.failed) {
      REQUIRE(current == second_);
      return;
    }
    REQUIRE((outcome.code == ExitCode::kIo || outcome.code == ExitCode::kNoSpace ||
             outcome.code == ExitCode::kPermission || outcome.code == ExitCode::kUnsupportedFs ||
             outcome.code == ExitCode::kUntrusted || outcome.code == ExitCode::kUsage ||
             outcome.code == ExitCode::kBusy || outcome.code == ExitCode::kDigestMismatch));
    if (current == second_) {
      // Where even looking fails, after a reply that was lost, nobody can know; it must not be
      // called inactive.
      const auto known = Catch::Matchers::Contains(second_ + " is the active one now");
      const auto unseen = Catch::Matchers::Contains("active one now cannot be seen");
      if (persistent) {
        REQUIRE_THAT(outcome.text, known || unseen);
      } else {
        REQUIRE_THAT(outcome.text, known);
      }
    }
    // With calls that go on failing nothing can be removed.
    if (!persistent) REQUIRE(shop_.leftovers() == std::set<std::string>{});
    // And the next run puts it right.
    FaultySys healthy;
    const Outcome again = attempt(shop_, two_, healthy);
    INFO(again.text);
    REQUIRE(!again.failed);
    REQUIRE(shop_.current() == second_);
    REQUIRE(release_snapshot(shop_.release(second_)) == tree_two_);
    if (persistent) {
      // A name that lives for a moment tells of no owner, so it goes when it is an hour old.
      const int64_t now = shop_.host.now;
      shop_.host.now += 2 * 3600;
      REQUIRE(!attempt(shop_, two_, healthy).failed);
      shop_.host.now = now;
    }
    REQUIRE(shop_.leftovers() == std::set<std::string>{});
  }

  Workshop shop_;
  fs::path one_, two_;
  std::map<std::string, std::string> tree_one_, tree_two_;
  std::string first_, second_;
  std::string failed_call_;
};

TEST_CASE("F116 every call fails once with ENOSPC") {
  FaultRun().fail_every_call(ENOSPC, false, 1);
}
TEST_CASE("F118 every call fails once with EIO") { FaultRun().fail_every_call(EIO, false, 1); }
TEST_CASE("F117 from some call on everything fails with EDQUOT") {
  FaultRun().fail_every_call(EDQUOT, true, 3);
}
TEST_CASE("F119 calls fail once with EMFILE") { FaultRun().fail_every_call(EMFILE, false, 5); }
TEST_CASE("F127 calls fail once with EACCES") { FaultRun().fail_every_call(EACCES, false, 5); }
TEST_CASE("F122 calls fail once with ESTALE") { FaultRun().fail_every_call(ESTALE, false, 5); }

TEST_CASE("a first install that fails leaves no prefix") {
  Workshop shop;
  const fs::path bundle = shop.make();
  FaultySys counting;
  shop.install_file(bundle, counting, shop.silence);
  fs::remove_all(shop.prefix());
  for (size_t at = 1; at <= counting.calls(); at += 2) {
    FaultySys sys;
    std::string name;
    sys.before = [&](const SysCall& call) {
      if (call.number == at) name = call.name + " " + call.path;
      return call.number == at ? EIO : 0;
    };
    const Outcome outcome = attempt(shop, bundle, sys);
    INFO("call " << at << ": " << name << ", " << outcome.text);
    if (outcome.failed && shop.current().empty() &&
        outcome.text.find("nothing was installed") != std::string::npos) {
      // Where the reply to the publishing rename is lost and then its receipt cannot be read,
      // nobody can know that the release is there; it stays, and the next run finds it.
      CHECK((!fs::exists(shop.prefix()) || name.find("receipt") != std::string::npos ||
             name.starts_with("read ")));
    }
    fs::remove_all(shop.prefix());
  }
}

TEST_CASE("full disk and quota are told from other errors") {
  for (const auto& [error, code] : std::map<int, ExitCode>{{ENOSPC, ExitCode::kNoSpace},
                                                           {EDQUOT, ExitCode::kNoSpace},
                                                           {EIO, ExitCode::kIo},
                                                           {EACCES, ExitCode::kPermission},
                                                           {EROFS, ExitCode::kUnsupportedFs}}) {
    for (const char* name : {"write", "pwrite", "mkdirat", "symlinkat"}) {
      Workshop shop;
      FaultySys sys;
      sys.before = [&, error = error](const SysCall& call) {
        // The probe has its own rules; this is about the release.
        const bool is_release = call.name == name && call.path.find("probe") == std::string::npos;
        return is_release && call.number > 120 ? error : 0;
      };
      const Outcome outcome = attempt(shop, shop.make(), sys);
      INFO(name << ": " << outcome.text);
      CHECK(outcome.failed);
      CHECK(outcome.code == code);
      CHECK(!fs::exists(shop.prefix() / "current"));
    }
  }
}

TEST_CASE("F116 NFS tells of a full disk when a file is closed") {
  Workshop shop;
  FaultySys sys;
  sys.change_statfs = [](struct statfs* info) { info->f_type = 0x6969; };
  bool writing = false;
  sys.before = [&](const SysCall& call) {
    if (call.name == "pwrite" || call.name == "write") writing = true;
    return writing && call.name == "close" && call.number > 200 ? ENOSPC : 0;
  };
  const Outcome outcome = attempt(shop, shop.make(), sys);
  CHECK(outcome.failed);
  CHECK(outcome.code == ExitCode::kNoSpace);
  CHECK(!fs::exists(shop.prefix() / "current"));
}

}  // namespace
}  // namespace eb
