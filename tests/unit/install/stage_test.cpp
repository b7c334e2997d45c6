#include "installer/install/stage.hpp"

#include "installer/install/release_lock.hpp"
#include "prefix_shop.hpp"
#include "tests/support/forwarding_sys.hpp"

namespace eb {
namespace {

using namespace test;

struct Shop : PrefixShop {
  /// What probe() says where each call of this name on this path fails; the text, or empty.
  std::string refusal(const std::string& name, const std::string& path, int error) {
    Stage stage(sys, prefix, "r", "n");
    fail(name, path, error);
    code = ExitCode::kOk;
    try {
      stage.probe(host, log);
    } catch (const Error& thrown) {
      sys.before = nullptr;
      code = thrown.code();
      return thrown.what();
    }
    sys.before = nullptr;
    return "";
  }
  ExitCode code = ExitCode::kOk;
  EventLog log;
};

TEST_CASE("what a file system cannot do is told before anything is unpacked") {
  struct Row {
    const char* call;
    const char* path;
    int error;
    const char* text;
    ExitCode code;
  };
  const Row rows[] = {
      {"fstat", "", EIO, "the file system cannot tell modes", ExitCode::kIo},
      {"fchmod", "", EPERM, "the file system cannot set modes", ExitCode::kUnsupportedFs},
      {"fchmod", "", EOPNOTSUPP, "the file system cannot set modes", ExitCode::kUnsupportedFs},
      {"fsync", "", EIO, "the file system cannot make files durable", ExitCode::kIo},
      {"fsync", "", EINVAL, "the file system cannot make files durable", ExitCode::kUnsupportedFs},
      {"fsync", "", ESTALE, "the file system cannot make files durable", ExitCode::kIo},
      {"mkdirat", ".probe-dir", ENOSPC, "the file system cannot make folders", ExitCode::kNoSpace},
      {"fstatat", ".probe-dir", EIO, "the file system cannot tell modes", ExitCode::kIo},
      {"symlinkat", "", EPERM, "the file system cannot hold symbolic links",
       ExitCode::kUnsupportedFs},
      {"symlinkat", "", EACCES, "the file system cannot hold symbolic links",
       ExitCode::kPermission},
      {"renameat", "", EXDEV, "the file system cannot rename links", ExitCode::kUnsupportedFs},
      {"unlinkat", ".probe", EIO, "the file system cannot remove files", ExitCode::kIo},
      {"unlinkat", ".probe-dir", EIO, "the file system cannot remove folders", ExitCode::kIo},
      // "Not there", and it is there.
      {"unlinkat", ".probe", ENOENT, "the file system cannot remove files",
       ExitCode::kUnsupportedFs},
      {"unlinkat", ".probe-dir", ENOENT, "the file system cannot remove folders",
       ExitCode::kUnsupportedFs},
  };
  for (const Row& row : rows) {
    CAPTURE(row.call, row.path, row.error);
    Shop shop;
    CHECK(shop.refusal(row.call, row.path, row.error) == row.text);
    CHECK(shop.code == row.code);
  }
}

TEST_CASE("a stage that cannot be opened is taken away again") {
  Shop shop;
  bool failed = false;
  shop.sys.before = [&](const SysCall& call) {
    return call.name == "openat" && !std::exchange(failed, true) ? EMFILE : 0;
  };
  CHECK_THROWS_AS(Stage(shop.sys, shop.prefix, "r", "n"), Error);
  CHECK(!fs::exists(shop.at(".envinstall/stage-r-n")));
  const Stage first(real_sys(), shop.prefix, "r", "n");
  const Error error = thrown_error([&] { Stage(real_sys(), shop.prefix, "r", "n"); });
  CHECK(std::string(error.what()) == "cannot make the staging folder");
  CHECK(fs::exists(shop.at(".envinstall/stage-r-n")));
}

TEST_CASE("F114 the line of the mount that forbids programs is told") {
  Shop shop;
  const fs::path root = shop.dir.path() / "root";
  const std::string prefix = shop.prefix.path;
  const auto text = [&](const std::string& mounts) {
    write_text(root / "proc/self/mounts", mounts);
    return mount_text(real_sys(), root.string(), prefix);
  };
  CHECK(text("") == "");
  CHECK(text("cut off\n") == "");
  CHECK(text("d / ext4 rw 0 0\n") == "/ (ext4, rw)");
  CHECK(text("d / ext4 rw 0 0\nd " + prefix + " xfs noexec 0 0\nd /proc proc rw 0 0\n") ==
        prefix + " (xfs, noexec)");
  // Mounted twice: the later one is on top. A longer name is another folder.
  CHECK(text("a " + prefix + " xfs rw 0 0\nb " + prefix + " nfs noexec 0 0\nc " + prefix +
             "2 ext4 rw 0 0\nd / ext4 rw 0 0\n") == prefix + " (nfs, noexec)");
  // A blank in a mount point, and a backslash that begins nothing.
  write_text(root / "proc/self/mounts", "d /a\\040b nfs rw 0 0\nd /a\\04 nfs ro 0 0\n");
  CHECK(mount_text(real_sys(), root.string(), "/a b/p") == "/a b (nfs, rw)");
  CHECK(mount_text(real_sys(), root.string(), "/a\\04/p") == "/a\\04 (nfs, ro)");
  CHECK(mount_text(real_sys(), (shop.dir.path() / "none").string(), prefix) == "");
  // And what the probe makes of it.
  text("d / ext4 rw 0 0\nd " + prefix + " xfs noexec 0 0\n");
  shop.host.root = root.string();
  for (const bool is_known : {true, false}) {
    if (!is_known) text("");
    Stage stage(shop.sys, shop.prefix, "r", is_known ? "a" : "b");
    shop.fail("faccessat", "", EACCES);
    const Error error = thrown_error([&] { stage.probe(shop.host, shop.events); });
    shop.sys.before = nullptr;
    CHECK(error.code() == ExitCode::kUnsupportedFs);
    CHECK(error.why() == "the file system is mounted noexec" +
                             (is_known ? ": " + prefix + " (xfs, noexec)" : std::string()));
  }
}

TEST_CASE("F117 a group that is not the prefix's is told, because quotas may go by group") {
  PrefixShop shop;
  EventLog log;
  // What is made inside belongs to another group than the prefix.
  struct OtherGroup final : ForwardingSys {
    int root = -1;
    int error = 0;
    int fstat(int fd, struct stat* out) override {
      if (fd == root && error != 0) return -error;
      const int result = ForwardingSys::fstat(fd, out);
      if (fd == root) out->st_gid = 1234;
      return result;
    }
    int fstatat(int dir, const char* path, struct stat* out, int flags) override {
      const int result = ForwardingSys::fstatat(dir, path, out, flags);
      out->st_gid = 1233;
      return result;
    }
  } sys;
  sys.root = shop.prefix.root.get();
  Stage stage(sys, shop.prefix, "r", "n");
  stage.probe(shop.host, log);
  CHECK(log.warnings ==
        std::vector<std::string>{"files will belong to group 1233, the prefix to group 1234: where "
                                 "quotas go by group, set the prefix's setgid bit first (chmod "
                                 "g+s)"});
  // Where the prefix's group cannot be told, nothing is said of it.
  sys.error = EIO;
  stage.probe(shop.host, log);
  CHECK(log.warnings.size() == 1);
}

TEST_CASE("stages of killed runs are those of the release, but not of another of a longer name") {
  Shop shop;
  for (const char* name :
       {"stage-r-old", "stage-r-n", "stage-r-2-old", "stage-s-old", "mends-r-x"}) {
    fs::create_directory(shop.at(".envinstall") / name);
  }
  CHECK(abandoned_stages(shop.sys, shop.prefix, "r", "n") ==
        std::vector<std::string>{"stage-r-old"});
  shop.fail("list", "", EIO);
  CHECK(abandoned_stages(shop.sys, shop.prefix, "r", "n").empty());
}

std::set<std::string> names_in(const fs::path& folder) {
  std::set<std::string> out;
  for (const auto& entry : fs::directory_iterator(folder)) out.insert(entry.path().filename());
  return out;
}

TEST_CASE("what dead runs left is removed, and nothing else") {
  PrefixShop shop;
  const fs::path state = shop.at(".envinstall");
  for (const char* name : {"stage-r-old", "stage-held-old", "mends-r-old", "trash-s-old",
                           "stage-r-mine", "stage-", "stage-r", "other"}) {
    write_text(state / name / "x", "x");
  }
  fs::create_directory(state / "trash-r-old");
  for (const char* name : {".id.old", ".floor.old", ".check.old", "link-old", ".other"}) {
    write_text(state / name, "");
    const timespec times[2] = {{shop.host.now - 7200, 0}, {shop.host.now - 7200, 0}};
    REQUIRE(utimensat(AT_FDCWD, (state / name).c_str(), times, 0) == 0);
  }
  write_text(state / "link-new", "");
  remove_leftovers(shop.sys, shop.prefix, shop.host, "held", "mine", shop.events);
  // Of what was no part of the release nobody knows whose it is.
  CHECK(names_in(state) == std::set<std::string>{"id", "stage-r-mine", "stage-", "stage-r", "other",
                                                 "link-new", ".other", "kept-s-old"});
}

TEST_CASE("F133 the stage of a run that is at work stays") {
  Shop shop;
  write_text(shop.at(".envinstall/stage-r-theirs/x"), "x");
  {
    const ReleaseLock lock =
        ReleaseLock::try_acquire(real_sys(), shop.prefix, "r", shop.host, "theirs");
    REQUIRE(lock.held());
    remove_leftovers(shop.sys, shop.prefix, shop.host, "other", "mine", shop.events);
    CHECK(fs::exists(shop.at(".envinstall/stage-r-theirs/x")));
  }
  remove_leftovers(shop.sys, shop.prefix, shop.host, "other", "mine", shop.events);
  CHECK(!fs::exists(shop.at(".envinstall/stage-r-theirs")));
}

TEST_CASE("removing what is left never throws") {
  Shop shop;
  write_text(shop.at(".envinstall/stage-r-old/x"), "x");
  shop.fail("list", "", EIO);
  remove_leftovers(shop.sys, shop.prefix, shop.host, "", "mine", shop.events);
  CHECK(fs::exists(shop.at(".envinstall/stage-r-old/x")));
  shop.fail("mkdirat", "", EIO);  // no lock is to be had
  remove_leftovers(shop.sys, shop.prefix, shop.host, "", "mine", shop.events);
  CHECK(fs::exists(shop.at(".envinstall/stage-r-old/x")));
  write_text(shop.at(".envinstall/link-old"), "");
  shop.host.now += 7200;
  shop.fail("fstatat", "link-old", EIO);
  remove_leftovers(shop.sys, shop.prefix, shop.host, "", "mine", shop.events);
  CHECK(fs::exists(shop.at(".envinstall/link-old")));
}

}  // namespace
}  // namespace eb
