#include "installer/install/release_lock.hpp"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "prefix_shop.hpp"
#include "tests/support/forwarding_sys.hpp"

namespace eb {
namespace {

using namespace test;

ReleaseLock acquire(PrefixShop& shop, const std::string& nonce, unsigned seconds = 0) {
  return ReleaseLock::acquire(
      shop.sys, shop.prefix, "r", shop.host, nonce, seconds, [] { return false; }, shop.events,
      shop.stop);
}

TEST_CASE("a lock is held by one, and gone without trace when released") {
  PrefixShop shop;
  {
    const ReleaseLock lock = acquire(shop, "n1");
    CHECK(lock.held());
    CHECK(fs::exists(shop.at(".envinstall/lock.d/r/owner")));
    const Error error = thrown_error([&] { acquire(shop, "n2"); });
    CHECK(error.code() == ExitCode::kBusy);
    CHECK_THAT(error.why(),
               Catch::Matchers::StartsWith("process " + std::to_string(shop.host.pid) + " on "));
    CHECK(!ReleaseLock::try_acquire(shop.sys, shop.prefix, "r", shop.host, "n3").held());
    CHECK(ReleaseLock::try_acquire(shop.sys, shop.prefix, "other", shop.host, "n4").held());
  }
  CHECK(!fs::exists(shop.at(".envinstall/lock.d")));
  CHECK(acquire(shop, "n5").held());
}

TEST_CASE("F133 the owner ends while another one tries: the last takes the folder away") {
  PrefixShop shop;
  // By another Sys: the hook below holds shop.sys.
  std::optional<ReleaseLock> lock(
      ReleaseLock::try_acquire(real_sys(), shop.prefix, "r", shop.host, "n1"));
  bool asked = false;
  // The second has found the lock held and is about to take its own folder back.
  shop.sys.before = [&](const SysCall& call) {
    if (call.name == "unlinkat" && !std::exchange(asked, true)) lock.reset();
    return 0;
  };
  CHECK(!ReleaseLock::try_acquire(shop.sys, shop.prefix, "r", shop.host, "n2").held());
  CHECK(asked);
  CHECK(!fs::exists(shop.at(".envinstall/lock.d")));
}

TEST_CASE("who waits need not take the lock when the work is done meanwhile") {
  PrefixShop shop;
  const ReleaseLock lock = acquire(shop, "n1");
  const ReleaseLock other = ReleaseLock::acquire(
      shop.sys, shop.prefix, "r", shop.host, "n2", 5, [] { return true; }, shop.events, shop.stop);
  CHECK(!other.held());
}

TEST_CASE("waiting for a lock ends with a stop request") {
  PrefixShop shop;
  const ReleaseLock lock = acquire(shop, "n1");
  shop.stop.request(SIGHUP);
  CHECK(static_cast<int>(thrown_error([&] { acquire(shop, "n2", 60); }).code()) == 128 + SIGHUP);
}

pid_t dead_process() {
  const pid_t child = fork();
  if (child == 0) _exit(0);
  waitpid(child, nullptr, 0);
  return child;
}

LockOwner owner_like(const Host& host) {
  return {host.node,
          host.machine_id,
          host.boot_id,
          host.pid_namespace,
          process_start(real_sys(), "", host.pid),
          "n0",
          host.pid};
}

TEST_CASE("whether an owner is dead is said only where it is certain") {
  Host host = read_host(real_sys(), "");
  if (host.boot_id.empty() || host.pid_namespace.empty()) return;  // no /proc here
  host.machine_id = "m";
  host.node = "node7";
  const LockOwner self = owner_like(host);
  CHECK(!is_dead(real_sys(), self, host));
  LockOwner owner = self;
  owner.pid = dead_process();
  CHECK(is_dead(real_sys(), owner, host));
  owner.pid_namespace = "pid:[1]";  // a number of another container
  CHECK(!is_dead(real_sys(), owner, host));
  owner = self;
  owner.start = "1";  // the number is another process's now
  CHECK(is_dead(real_sys(), owner, host));
  owner = self;
  owner.boot_id = "earlier";
  CHECK(is_dead(real_sys(), owner, host));
  owner.node = "node8";  // another machine, perhaps alive
  CHECK(!is_dead(real_sys(), owner, host));
  owner = self;
  owner.boot_id = "earlier";
  owner.machine_id = "";
  CHECK(!is_dead(real_sys(), owner, host));
  owner = self;
  owner.boot_id = "";
  CHECK(!is_dead(real_sys(), owner, host));
  owner = self;
  owner.boot_id = "earlier";
  owner.node = host.node = "localhost";
  CHECK(!is_dead(real_sys(), owner, host));
}

TEST_CASE("F133 a dead owner's lock is taken over") {
  PrefixShop shop;
  LockOwner owner = owner_like(shop.host);
  owner.pid = dead_process();
  write_text(shop.at(".envinstall/lock.d/r/owner"), encode_owner(owner));
  write_text(shop.at(".envinstall/lock.d/.new-x/owner"), "");
  fs::create_directory(shop.at(".envinstall/lock.d/.new-y"));
  CHECK(acquire(shop, "n1").held());
  ReleaseLock::remove_abandoned(shop.sys, shop.prefix, shop.host, "n2");
  CHECK(!fs::exists(shop.at(".envinstall/lock.d")));
}

TEST_CASE("F131 a lock whose owner lost its content with the power is nobody's") {
  for (const std::string& text : {std::string(), std::string(180, '\0')}) {
    PrefixShop shop;
    write_text(shop.at(".envinstall/lock.d/r/owner"), text);
    CHECK(acquire(shop, "n1").held());
    write_text(shop.at(".envinstall/lock.d/other/owner"), text);
    ReleaseLock::remove_abandoned(shop.sys, shop.prefix, shop.host, "n2");
    CHECK(!fs::exists(shop.at(".envinstall/lock.d")));
  }
}

TEST_CASE("a lock file that makes no sense is somebody's") {
  PrefixShop shop;
  write_text(shop.at(".envinstall/lock.d/r/owner"), "what is this\n");
  CHECK(thrown_error([&] { acquire(shop, "n1"); }).code() == ExitCode::kBusy);
}

TEST_CASE("the lock was taken and the reply lost") {
  PrefixShop shop;
  shop.sys.after = [](const SysCall& call) { return call.name == "renameat" ? EIO : 0; };
  CHECK(acquire(shop, "n1").held());
}

TEST_CASE("F133 the lock of a process that ended and was not waited for is taken over") {
  PrefixShop shop;
  LockOwner owner = owner_like(shop.host);
  if (owner.start.empty() || owner.boot_id.empty()) return;  // no /proc here
  owner.pid = fork();
  if (owner.pid == 0) {
    pause();
    _exit(0);
  }
  owner.start = process_start(real_sys(), "", owner.pid);
  write_text(shop.at(".envinstall/lock.d/r/owner"), encode_owner(owner));
  CHECK(!is_dead(real_sys(), owner, shop.host));
  CHECK(thrown_error([&] { acquire(shop, "n1"); }).code() == ExitCode::kBusy);
  kill(owner.pid, SIGKILL);
  siginfo_t info;
  waitid(P_PID, static_cast<id_t>(owner.pid), &info, WEXITED | WNOWAIT);  // it stays a zombie
  CHECK(is_dead(real_sys(), owner, shop.host));
  CHECK(acquire(shop, "n2").held());
  waitpid(owner.pid, nullptr, 0);
}

TEST_CASE("F133 a lock whose owner file another run tidied away is not held, but taken anew") {
  // That run saw the folder before its owner file was written, and removes what nobody owns.
  struct TidyNeighbour final : ForwardingSys {
    int renames = 0;
    int renameat(int from_dir, const char* from, int to_dir, const char* to) override {
      if (std::string(to) == "lock.d/r" && renames++ == 0) {
        unlinkat(from_dir, (std::string(from) + "/owner").c_str(), 0);
      }
      return ForwardingSys::renameat(from_dir, from, to_dir, to);
    }
  } sys;
  PrefixShop shop;
  {
    const ReleaseLock lock = ReleaseLock::try_acquire(sys, shop.prefix, "r", shop.host, "n1");
    CHECK(lock.held());
    CHECK(sys.renames == 2);
    CHECK(fs::exists(shop.at(".envinstall/lock.d/r/owner")));
    CHECK(!ReleaseLock::try_acquire(shop.sys, shop.prefix, "r", shop.host, "n2").held());
  }
  CHECK(!fs::exists(shop.at(".envinstall/lock.d")));
}

/// Loses the reply to the rename that takes a lock; after that its owner file cannot be read.
struct LostReply final : ForwardingSys {
  int reply;
  bool opens;
  bool is_taken = false;
  LostReply(int reply_error, bool opens_file) : reply(reply_error), opens(opens_file) {}

  int renameat(int from_dir, const char* from, int to_dir, const char* to) override {
    const int result = ForwardingSys::renameat(from_dir, from, to_dir, to);
    struct stat info {};  // a profile may lose the reply by itself
    if (std::string(to) != "lock.d/r" || fstatat(to_dir, to, &info, 0) != 0) return result;
    is_taken = true;
    return -reply;
  }
  int openat(int dir, const char* path, int flags, mode_t mode) override {
    if (is_taken && !opens && std::string(path) == "lock.d/r/owner") return -EIO;
    return ForwardingSys::openat(dir, path, flags, mode);
  }
  ssize_t read(int fd, void* buffer, size_t size) override {
    return is_taken ? -EIO : ForwardingSys::read(fd, buffer, size);
  }
};

TEST_CASE("F122 the reply to taking a lock is lost, and its owner cannot be read just then") {
  for (const int reply : {ENOENT, EEXIST, ESTALE, EIO}) {
    for (const bool opens : {false, true}) {
      PrefixShop shop;
      LostReply sys(reply, opens);
      {
        const ReleaseLock lock = ReleaseLock::try_acquire(sys, shop.prefix, "r", shop.host, "n1");
        CHECK(sys.is_taken);
        CHECK(lock.held());
        sys.is_taken = false;
      }
      CHECK(!fs::exists(shop.at(".envinstall/lock.d")));
    }
  }
}

TEST_CASE("F122 a lock whose owner file cannot be read goes with its owner") {
  PrefixShop shop;
  shop.sys.before = [](const SysCall& call) { return call.name == "read" ? ESTALE : 0; };
  CHECK(acquire(shop, "n1").held());
  CHECK(!fs::exists(shop.at(".envinstall/lock.d")));
}

TEST_CASE("F127 a lock whose owner file may not be read is named, and stays") {
  PrefixShop shop;
  const ReleaseLock lock = ReleaseLock::try_acquire(real_sys(), shop.prefix, "r", shop.host, "n1");
  shop.sys.before = [](const SysCall& call) {
    return call.name == "openat" && call.path == "lock.d/r/owner" ? EACCES : 0;
  };
  const Error error = thrown_error([&] { acquire(shop, "n2"); });
  CHECK(error.code() == ExitCode::kPermission);
  CHECK_THAT(error.where(), Catch::Matchers::EndsWith(".envinstall/lock.d/r"));
  CHECK(fs::exists(shop.at(".envinstall/lock.d/r/owner")));
}

}  // namespace
}  // namespace eb
