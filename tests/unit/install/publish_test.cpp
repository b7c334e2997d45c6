#include "installer/install/publish.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

#include "installer/install/durability.hpp"
#include "installer/install/receipt.hpp"
#include "installer/install/release_lock.hpp"
#include "tests/support/faulty_sys.hpp"
#include "workshop.hpp"

namespace eb {
namespace {

using namespace test;

const char kNonce[] = "0123456789abcdef";

struct Shop {
  MemoryDir dir;
  FaultySys sys;
  Host host = read_host(real_sys(), "");
  NullSink events;
  StopFlag stop;
  Prefix prefix =
      make_prefix(real_sys(), look_at_prefix(real_sys(), (dir.path() / "p").string(), "", false));

  fs::path at(const std::string& name) const { return dir.path() / "p" / name; }

  static void fill(const fs::path& release, const std::string& nonce) {
    Receipt receipt;
    receipt.nonce = nonce;
    write_text(release / ".bundle/receipt", encode_receipt(receipt));
    write_text(release / "bin/x", "x");
  }
  PublishResult publish_once(bool* is_published) {
    Stage stage(sys, prefix, "r", kNonce);
    fill(at(".envinstall") / stage.name(), kNonce);
    return publish(sys, prefix, stage, "r", kNonce, is_published);
  }
  bool stage_left() const { return fs::exists(at(".envinstall/stage-r-" + std::string(kNonce))); }
};

TEST_CASE("a stage becomes a release that all may read") {
  Shop shop;
  bool is_published = false;
  CHECK(shop.publish_once(&is_published) == PublishResult::kPublished);
  CHECK(is_published);
  CHECK(read_text(shop.at("releases/r/bin/x")) == "x");
  CHECK((fs::status(shop.at("releases/r")).permissions() & fs::perms::mask) == fs::perms(0755));
  CHECK(!shop.stage_left());
}

TEST_CASE("F133 another run was first") {
  Shop shop;
  Shop::fill(shop.at("releases/r"), "fedcba9876543210");
  bool is_published = false;
  CHECK(shop.publish_once(&is_published) == PublishResult::kExistsAlready);
  CHECK(!is_published);
  CHECK(!shop.stage_left());
  CHECK(read_receipt(real_sys(), AT_FDCWD, shop.at("releases/r").string())->nonce ==
        "fedcba9876543210");
}

TEST_CASE("the rename was done and its reply lost") {
  for (const int error : {ENOENT, ESTALE, EIO, ETIMEDOUT}) {
    Shop shop;
    shop.sys.after = [&](const SysCall& call) {
      return call.name == "renameat" && call.path == "r" ? error : 0;
    };
    bool is_published = false;
    CHECK(shop.publish_once(&is_published) == PublishResult::kPublished);
    CHECK(is_published);
    CHECK(fs::exists(shop.at("releases/r/bin/x")));
  }
}

TEST_CASE("the rename failed, whatever a release of that name says") {
  for (const int error : {ENOENT, ESTALE, EIO, ENOSPC, EACCES}) {
    Shop shop;
    shop.sys.before = [&](const SysCall& call) {
      return call.name == "renameat" && call.path == "r" ? error : 0;
    };
    bool is_published = true;
    CHECK_THROWS_AS(shop.publish_once(&is_published), Error);
    CHECK(!is_published);
    CHECK(!shop.stage_left());
    CHECK(!fs::exists(shop.at("releases/r")));
  }
}

TEST_CASE("an NFS client that sent the rename twice") {
  Shop shop;
  // The first was done; the second finds the release there: ENOTEMPTY.
  shop.sys.after = [&](const SysCall& call) {
    return call.name == "renameat" && call.path == "r" ? ENOTEMPTY : 0;
  };
  bool is_published = false;
  CHECK(shop.publish_once(&is_published) == PublishResult::kPublished);
}

TEST_CASE("F123 a prefix on two file systems") {
  Shop shop;
  shop.sys.before = [&](const SysCall& call) {
    return call.name == "renameat" && call.path == "r" ? EXDEV : 0;
  };
  bool is_published = true;
  CHECK(thrown_error([&] { shop.publish_once(&is_published); }).code() == ExitCode::kUnsupportedFs);
}

TEST_CASE("the release is published, but not yet durable: the error says so") {
  Shop shop;
  bool renamed = false;
  shop.sys.before = [&](const SysCall& call) {
    if (call.name == "renameat") renamed = true;
    return renamed && call.name == "fsync" ? EIO : 0;
  };
  bool is_published = false;
  CHECK_THROWS_AS(shop.publish_once(&is_published), Error);
  CHECK(is_published);
  CHECK(fs::exists(shop.at("releases/r")));
}

TEST_CASE("flipping current") {
  Shop shop;
  bool is_current = false;
  flip_current(shop.sys, shop.prefix, "a", kNonce, &is_current);
  CHECK(is_current);
  flip_current(shop.sys, shop.prefix, "b", kNonce, &is_current);
  CHECK(fs::read_symlink(shop.at("current")) == "releases/b");

  // Lost reply: it was done.
  shop.sys.after = [](const SysCall& call) { return call.name == "renameat" ? ENOENT : 0; };
  flip_current(shop.sys, shop.prefix, "c", kNonce, &is_current);
  CHECK(is_current);
  CHECK(fs::read_symlink(shop.at("current")) == "releases/c");
  shop.sys.after = nullptr;

  // Really failed: nothing is left lying about.
  shop.sys.before = [](const SysCall& call) { return call.name == "renameat" ? EIO : 0; };
  CHECK_THROWS_AS(flip_current(shop.sys, shop.prefix, "d", kNonce, &is_current), Error);
  CHECK(!is_current);
  CHECK(fs::read_symlink(shop.at("current")) == "releases/c");
  CHECK(std::distance(fs::directory_iterator(shop.at(".")), {}) == 3);
  CHECK(std::distance(fs::directory_iterator(shop.at(".envinstall")), {}) == 1);
  // Another run took the fresh link for an abandoned one.
  int renames = 0;
  shop.sys.before = [&](const SysCall& call) {
    return call.name == "renameat" && ++renames == 1
               ? (fs::remove(shop.at(".envinstall/link-" + std::string(kNonce))), 0)
               : 0;
  };
  flip_current(shop.sys, shop.prefix, "d", kNonce, &is_current);
  CHECK(fs::read_symlink(shop.at("current")) == "releases/d");
}

// --- locks

ReleaseLock acquire(Shop& shop, const std::string& nonce, unsigned seconds = 0) {
  return ReleaseLock::acquire(
      shop.sys, shop.prefix, "r", shop.host, nonce, seconds, [] { return false; }, shop.events,
      shop.stop);
}

TEST_CASE("a lock is held by one, and gone without trace when released") {
  Shop shop;
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
  Shop shop;
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
  Shop shop;
  const ReleaseLock lock = acquire(shop, "n1");
  const ReleaseLock other = ReleaseLock::acquire(
      shop.sys, shop.prefix, "r", shop.host, "n2", 5, [] { return true; }, shop.events, shop.stop);
  CHECK(!other.held());
}

TEST_CASE("waiting for a lock ends with a stop request") {
  Shop shop;
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
  Shop shop;
  LockOwner owner = owner_like(shop.host);
  owner.pid = dead_process();
  write_text(shop.at(".envinstall/lock.d/r/owner"), encode_owner(owner));
  write_text(shop.at(".envinstall/lock.d/.new-x/owner"), "");
  fs::create_directory(shop.at(".envinstall/lock.d/.new-y"));
  CHECK(acquire(shop, "n1").held());
  ReleaseLock::remove_abandoned(shop.sys, shop.prefix, shop.host, "n2");
  CHECK(!fs::exists(shop.at(".envinstall/lock.d")));
}

TEST_CASE("F133 the lock of a process that ended and was not waited for is taken over") {
  Shop shop;
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

TEST_CASE("F131 a lock whose owner lost its content with the power is nobody's") {
  for (const std::string& text : {std::string(), std::string(180, '\0')}) {
    Shop shop;
    write_text(shop.at(".envinstall/lock.d/r/owner"), text);
    CHECK(acquire(shop, "n1").held());
    write_text(shop.at(".envinstall/lock.d/other/owner"), text);
    ReleaseLock::remove_abandoned(shop.sys, shop.prefix, shop.host, "n2");
    CHECK(!fs::exists(shop.at(".envinstall/lock.d")));
  }
}

TEST_CASE("a lock file that makes no sense is somebody's") {
  Shop shop;
  write_text(shop.at(".envinstall/lock.d/r/owner"), "what is this\n");
  CHECK(thrown_error([&] { acquire(shop, "n1"); }).code() == ExitCode::kBusy);
}

TEST_CASE("the lock was taken and the reply lost") {
  Shop shop;
  shop.sys.after = [](const SysCall& call) { return call.name == "renameat" ? EIO : 0; };
  CHECK(acquire(shop, "n1").held());
}

TEST_CASE("F122 a lock whose owner file cannot be read goes with its owner") {
  Shop shop;
  shop.sys.before = [](const SysCall& call) { return call.name == "read" ? ESTALE : 0; };
  CHECK(acquire(shop, "n1").held());
  CHECK(!fs::exists(shop.at(".envinstall/lock.d")));
}

TEST_CASE("F127 a lock whose owner file may not be read is named, and stays") {
  Shop shop;
  const ReleaseLock lock = ReleaseLock::try_acquire(real_sys(), shop.prefix, "r", shop.host, "n1");
  shop.sys.before = [](const SysCall& call) {
    return call.name == "openat" && call.path == "lock.d/r/owner" ? EACCES : 0;
  };
  const Error error = thrown_error([&] { acquire(shop, "n2"); });
  CHECK(error.code() == ExitCode::kPermission);
  CHECK_THAT(error.where(), Catch::Matchers::EndsWith(".envinstall/lock.d/r"));
  CHECK(fs::exists(shop.at(".envinstall/lock.d/r/owner")));
}

// --- durability

TEST_CASE("what a file system promises") {
  Host host;
  host.kernel = "5.10.0";
  CHECK(judge_durability(0xEF53, host).by_syncfs);
  CHECK(judge_durability(0x9123683E, host).file_system == "btrfs");
  CHECK(judge_durability(0x01021994, host).promise == "in memory (tmpfs): gone after a reboot");
  CHECK(!judge_durability(0x6969, host).by_syncfs);
  CHECK(!judge_durability(0x0BD00BD0, host).by_syncfs);
  CHECK(judge_durability(0x0BD00BD0, host).promise ==
        "handed to the server and acknowledged (Lustre)");
  CHECK(!judge_durability(0x12345, host).by_syncfs);
  // A signed long: CIFS' number has the high bit.
  CHECK(judge_durability(0xFFFFFFFFFF534D42u, host).file_system == "CIFS");
  // Before 5.8 syncfs keeps errors to itself.
  host.kernel = "3.10.0-1160.el7.x86_64";
  CHECK(!judge_durability(0xEF53, host).by_syncfs);
}

TEST_CASE("every file and folder is synced where syncfs is no promise") {
  Workshop shop;
  FaultySys sys;
  sys.change_statfs = [](struct statfs* info) { info->f_type = 0x6969; };
  size_t fsyncs = 0;
  size_t syncfss = 0;
  sys.before = [&](const SysCall& call) {
    fsyncs += call.name == "fsync" ? 1u : 0u;
    syncfss += call.name == "syncfs" ? 1u : 0u;
    return 0;
  };
  const fs::path bundle = shop.make();
  shop.install_file(bundle, sys, shop.silence);
  size_t names = 0;
  for (const auto& entry : fs::recursive_directory_iterator(shop.prefix() / "releases")) {
    names += entry.is_symlink() ? 0u : 1u;
  }
  CHECK(fsyncs > names);
  CHECK(syncfss == 0);
}

TEST_CASE("an install under a profile is one on that profile's file system") {
  const char* name = std::getenv("EB_PROFILE");
  const std::string profile = name == nullptr ? "" : name;
  if (profile != "nfs" && profile != "lustre") return;
  Workshop shop;
  const InstallReport report = shop.install_file(shop.make());
  CHECK(report.durability.file_system == (profile == "nfs" ? "NFS" : "Lustre"));
  CHECK(report.durability.is_server);
  CHECK(!report.durability.by_syncfs);
}

TEST_CASE("F124 a syncfs that is not there is made up for") {
  Workshop shop;
  FaultySys sys;
  sys.change_statfs = [](struct statfs* info) { info->f_type = 0xEF53; };
  shop.host.kernel = "6.1";
  size_t fsyncs = 0;
  sys.before = [&](const SysCall& call) {
    fsyncs += call.name == "fsync" ? 1u : 0u;
    return call.name == "syncfs" ? ENOSYS : 0;
  };
  shop.install_file(shop.make(), sys, shop.silence);
  CHECK(fsyncs > 40);
}

}  // namespace
}  // namespace eb
