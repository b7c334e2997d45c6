#include "installer/install/prefix.hpp"

#include <sys/statfs.h>

#include "installer/install/floor.hpp"
#include "installer/install/receipt.hpp"
#include "installer/install/stage.hpp"
#include "tests/support/faulty_sys.hpp"
#include "tests/support/forwarding_sys.hpp"
#include "workshop.hpp"

namespace eb {
namespace {

using namespace test;

struct Shop {
  MemoryDir dir;
  std::string home = (dir.path() / "home").string();

  Shop() { fs::create_directory(home); }
  PrefixView look(const std::string& path, bool parents = false) {
    return look_at_prefix(real_sys(), path, home, parents);
  }
  Error refused(const std::string& path) {
    const Error error = thrown_error([&] { look(path); });
    CHECK(error.code() == ExitCode::kUsage);
    CHECK(!error.hints().empty());
    return error;
  }
  std::string at(const std::string& name) const { return (dir.path() / name).string(); }
};

TEST_CASE("F108 only the last component is made, unless parents are asked for") {
  Shop shop;
  PrefixView view = shop.look(shop.at("new"));
  CHECK(view.missing == std::vector<std::string>{"new"});
  CHECK(!view.exists);
  CHECK(view.path == shop.at("new"));
  CHECK(std::string(shop.refused(shop.at("a/b/c")).what()) ==
        "the folder above the prefix does not exist");
  view = shop.look(shop.at("a/b//c/"), true);
  CHECK(view.path == shop.at("a/b/c"));
  const Prefix prefix = make_prefix(real_sys(), std::move(view));
  CHECK(fs::is_directory(shop.at("a/b/c/.envinstall")));
  CHECK(prefix.made.size() == 3);
}

TEST_CASE("F109 a prefix that is a link is resolved once") {
  Shop shop;
  fs::create_directory(shop.at("real"));
  fs::create_directory_symlink(shop.at("real"), shop.at("link"));
  const PrefixView view = shop.look(shop.at("link"));
  CHECK(view.path == shop.at("real"));
  CHECK(view.exists);
  fs::create_directory_symlink(shop.at("nowhere"), shop.at("broken"));
  CHECK(std::string(shop.refused(shop.at("broken")).what()) ==
        "the prefix is a link that leads nowhere");
}

TEST_CASE("F110 what must not become a prefix") {
  Shop shop;
  write_text(shop.at("file"), "x");
  CHECK(std::string(shop.refused(shop.at("file")).what()) == "the prefix is a file");
  CHECK(std::string(shop.refused(shop.at("file/p")).what()) == "a parent of the prefix is a file");
  CHECK(std::string(shop.refused("/").what()) == "the root folder cannot be a prefix");
  CHECK(std::string(shop.refused(shop.home).what()) == "your home folder cannot be a prefix");
  CHECK(std::string(shop.refused("").what()) == "the prefix is empty");
  write_text(shop.at("foreign/thesis.tex"), "x");
  CHECK(shop.refused(shop.at("foreign")).why() == "it holds thesis.tex, and no mark of envinstall");
  write_text(shop.at("foreign/a"), "x");
  write_text(shop.at("foreign/b"), "x");
  CHECK(shop.refused(shop.at("foreign")).why() ==
        "it holds a and 2 more, and no mark of envinstall");
  // A folder of that name alone is no mark.
  write_text(shop.at("foreign/.envinstall/id"), "something else");
  shop.refused(shop.at("foreign"));
}

TEST_CASE("F110 what may: empty folders, mount points, what an interrupted first run left") {
  Shop shop;
  fs::create_directories(shop.at("empty"));
  CHECK(!shop.look(shop.at("empty")).is_ours);
  fs::create_directories(shop.at("mount/lost+found"));
  CHECK_NOTHROW(shop.look(shop.at("mount")));
  fs::create_directories(shop.at("half/.envinstall"));
  CHECK_NOTHROW(shop.look(shop.at("half")));
  make_prefix(real_sys(), shop.look(shop.at("half")));
  write_text(shop.at("half/note"), "x");
  CHECK(shop.look(shop.at("half")).is_ours);
}

TEST_CASE("F111 a folder that another user could exchange") {
  Workshop shop;
  const fs::path bundle = shop.make();
  const fs::path above = shop.scratch.path() / "above";
  const fs::path deep = above / "middle/deep";
  fs::create_directories(deep);
  const auto refused = [&] {
    const Error error = thrown_error([&] { shop.install_file(bundle); });
    CHECK(error.code() == ExitCode::kPermission);
    CHECK_THAT(error.hints().at(1), Catch::Matchers::EndsWith("--insecure-prefix"));
    CHECK(!fs::exists(deep / "p"));
    return error;
  };
  shop.options.prefix = (deep / "p").string();
  // Everybody may write: into the folder itself, or into one above it.
  for (const fs::path& open : {deep, above / "middle", above}) {
    REQUIRE(chmod(open.c_str(), 0777) == 0);
    const Error error = refused();
    CHECK(error.where() == open.string());
    CHECK(error.why() == "everybody may write to it, and it is not sticky");
    REQUIRE(chmod(open.c_str(), 0755) == 0);
  }
  // Not by a detour over a link either.
  REQUIRE(chmod(above.c_str(), 0777) == 0);
  fs::create_directory_symlink(deep, shop.scratch.path() / "detour");
  shop.options.prefix = (shop.scratch.path() / "detour/p").string();
  CHECK(refused().where() == above.string());
  // As /tmp is.
  REQUIRE(chmod(above.c_str(), 01777) == 0);
  CHECK_NOTHROW(shop.install_file(bundle));
  // A person may know better; an upgrade is asked anew.
  REQUIRE(chmod(above.c_str(), 0777) == 0);
  const fs::path second = shop.make("two");
  CHECK(thrown_error([&] { shop.install_file(second); }).code() == ExitCode::kPermission);
  shop.options.insecure_prefix = true;
  CHECK_NOTHROW(shop.install_file(second));
}

TEST_CASE("F111 a folder of another user, of root, of one whom nobody can name") {
  Workshop shop;
  const fs::path bundle = shop.make();
  uid_t owner = 0;
  class OwnedBy final : public ForwardingSys {
   public:
    explicit OwnedBy(const uid_t& owner) : owner_(owner) {}
    int fstatat(int dir, const char* path, struct stat* out, int flags) override {
      const int r = ForwardingSys::fstatat(dir, path, out, flags);
      if (std::string_view(path) == "../..") out->st_uid = owner_;
      return r;
    }

   private:
    const uid_t& owner_;
  } owned(owner);
  const auto plan = [&] {
    const auto source = open_bundle_file(owned, bundle.string());
    return plan_install(owned, shop.open(*source), shop.host, shop.options, false, shop.silence);
  };
  for (const uid_t harmless : {uid_t{0}, shop.host.uid, uid_t{65534}}) {
    owner = harmless;
    CHECK_NOTHROW(plan());
  }
  owner = shop.host.uid + 4711;
  const Error error = thrown_error(plan);
  CHECK(error.code() == ExitCode::kPermission);
  CHECK(error.why() == "it belongs to user " + std::to_string(owner));
}

TEST_CASE("the marker makes a prefix, and other commands ask for it") {
  Shop shop;
  make_prefix(real_sys(), shop.look(shop.at("p")));
  CHECK(open_prefix(real_sys(), shop.at("p")).is_ours);
  write_text(shop.at("foreign/x"), "x");
  CHECK(thrown_error([&] { open_prefix(real_sys(), shop.at("foreign")); }).code() ==
        ExitCode::kUsage);
  CHECK(thrown_error([&] { open_prefix(real_sys(), shop.at("missing")); }).code() ==
        ExitCode::kUsage);
  fs::create_directory(shop.at("empty"));
  CHECK(open_prefix(real_sys(), shop.at("empty")).releases.empty());
}

TEST_CASE("a current that is not ours is not touched") {
  Shop shop;
  make_prefix(real_sys(), shop.look(shop.at("p")));
  for (const char* target : {"/etc", "releases/a/b", "releases/", "releases/..", "elsewhere"}) {
    fs::remove(shop.at("p/current"));
    fs::create_symlink(target, shop.at("p/current"));
    INFO(target);
    CHECK(std::string(shop.refused(shop.at("p")).what()) ==
          "'current' is not what envinstall made");
  }
  fs::remove(shop.at("p/current"));
  fs::create_directory(shop.at("p/current"));
  CHECK(shop.refused(shop.at("p")).why() == "it is no symbolic link");
}

TEST_CASE("a prefix that nothing came of disappears, one that was there stays") {
  Shop shop;
  Prefix fresh = make_prefix(real_sys(), shop.look(shop.at("x/y"), true));
  unmake_prefix(real_sys(), fresh);
  CHECK(!fs::exists(shop.at("x")));
  fs::create_directory(shop.at("there"));
  Prefix there = make_prefix(real_sys(), shop.look(shop.at("there")));
  unmake_prefix(real_sys(), there);
  CHECK(fs::is_empty(shop.at("there")));
  // With anything in it, nothing goes.
  Prefix used = make_prefix(real_sys(), shop.look(shop.at("used")));
  fs::create_directory(shop.at("used/releases/other"));
  unmake_prefix(real_sys(), used);
  CHECK(fs::exists(shop.at("used/.envinstall/id")));
}

TEST_CASE("F042 the floor survives damage of its file, and forgets nothing that a receipt says") {
  Shop shop;
  const Prefix prefix = make_prefix(real_sys(), shop.look(shop.at("p")));
  Floor floor;
  floor.counters["a"] = 7;
  floor.counters["with space"] = 9007199254740991;
  floor.newest = 1'800'000'000;
  write_floor(real_sys(), prefix.state.get(), floor, "floor");
  Floor read = read_floor(real_sys(), prefix.root.get(), {});
  CHECK(read.counters == floor.counters);
  CHECK(read.newest == floor.newest);
  CHECK(!read.damaged);
  Receipt receipt;
  receipt.name = "a";
  receipt.counter = 9;
  receipt.epoch = 1'900'000'000;
  write_text(shop.at("p/releases/a-1/.bundle/receipt"), encode_receipt(receipt));
  for (const char* text :
       {"", "garbage", "envinstall floor 1\ncounter a x\n",
        "envinstall floor 1\nnewest 99999999999999999999\n", "envinstall floor 1\nunknown 1\n"}) {
    write_text(shop.at("p/.envinstall/floor"), text);
    read = read_floor(real_sys(), prefix.root.get(), {"a-1"});
    INFO(text);
    CHECK(read.damaged);
    CHECK(read.counters["a"] == 9);
    CHECK(read.newest == 1'900'000'000);
  }
}

TEST_CASE("a receipt reads back; anything else is no receipt") {
  Receipt receipt;
  receipt.id = std::string(64, 'a');
  receipt.nonce = "0123456789abcdef";
  receipt.name = "sample";
  receipt.counter = 3;
  receipt.installed = 1'700'000'001;
  receipt.signer = "SHA256:x";
  receipt.trust = "a file with blanks";
  const auto read = parse_receipt(encode_receipt(receipt));
  REQUIRE(read);
  CHECK(read->nonce == receipt.nonce);
  CHECK(read->counter == 3);
  CHECK(read->installed == receipt.installed);
  CHECK(read->trust == receipt.trust);
  CHECK(!parse_receipt(""));
  CHECK(!parse_receipt("nonce 0123456789abcdef\n"));
}

struct StageShop : Shop {
  Prefix prefix = make_prefix(real_sys(), look(at("p")));
  Host host = read_host(real_sys(), "");
  EventLog events;

  Error refused_by(FaultySys& sys) {
    const Error error = thrown_error([&] {
      Stage stage(sys, prefix, "r", "n");
      stage.probe(host, events);
    });
    CHECK(fs::is_empty(at("p/releases")));
    CHECK(!fs::exists(at("p/.envinstall/stage-r-n")));
    return error;
  }
};

TEST_CASE("F114 a noexec mount is found without starting anything") {
  StageShop shop;
  FaultySys sys;
  sys.before = [](const SysCall& call) {
    return call.name == "faccessat" && call.path == ".probe" ? EACCES : 0;
  };
  const Error error = shop.refused_by(sys);
  CHECK(error.code() == ExitCode::kUnsupportedFs);
  CHECK_THAT(error.why(), Catch::Matchers::StartsWith("the file system is mounted noexec: /"));
  CHECK(!error.hints().empty());
}

TEST_CASE("what the file system cannot is named") {
  const std::tuple<const char*, int, const char*, ExitCode> cases[] = {
      {"symlinkat", EPERM, "the file system cannot hold symbolic links", ExitCode::kUnsupportedFs},
      {"symlinkat", EOPNOTSUPP, "the file system cannot hold symbolic links",
       ExitCode::kUnsupportedFs},
      {"fsync", EINVAL, "the file system cannot make files durable", ExitCode::kUnsupportedFs},
      {"fsync", EIO, "the file system cannot make files durable", ExitCode::kIo},
      {"renameat", EINVAL, "the file system cannot rename links", ExitCode::kUnsupportedFs},
      {"fchmod", EPERM, "the file system cannot set modes", ExitCode::kUnsupportedFs}};
  for (const auto& [name, error_value, what, code] : cases) {
    StageShop shop;
    FaultySys sys;
    sys.before = [&, name = name, error_value = error_value](const SysCall& call) {
      return call.name == name ? error_value : 0;
    };
    const Error error = shop.refused_by(sys);
    CHECK(std::string(error.what()) == what);
    CHECK(error.code() == code);
  }
  StageShop shop;
  FaultySys full;
  full.before = [](const SysCall& call) { return call.name == "write" ? ENOSPC : 0; };
  CHECK(shop.refused_by(full).code() == ExitCode::kNoSpace);
}

TEST_CASE(
    "F124 a probe that was done and whose reply was lost says nothing against a file system") {
  // What a server answers when it gets the same request a second time.
  const std::pair<const char*, int> replies[] = {
      {"mkdirat", EEXIST}, {"symlinkat", EEXIST}, {"renameat", ENOENT}, {"unlinkat", ENOENT}};
  for (const auto& [name, error_value] : replies) {
    INFO(name);
    StageShop shop;
    FaultySys sys;
    Stage probed(sys, shop.prefix, "r", "m");
    sys.after = [&, name = name, error_value = error_value](const SysCall& call) {
      return call.name == name ? error_value : 0;
    };
    CHECK_NOTHROW(probed.probe(shop.host, shop.events));
    sys.after = nullptr;
    CHECK(fs::is_empty(shop.at("p/.envinstall/stage-r-m")));
  }
  // The same answers where nothing was done.
  for (const auto& [name, error_value] : replies) {
    INFO(name);
    StageShop shop;
    FaultySys sys;
    sys.before = [&, name = name, error_value = error_value](const SysCall& call) {
      const bool is_probe = call.path.find(".probe") != std::string::npos;
      return is_probe && call.name == name ? error_value : 0;
    };
    const Error error = thrown_error([&] {
      Stage stage(sys, shop.prefix, "r", "n");
      stage.probe(shop.host, shop.events);
    });
    CHECK(error.code() == ExitCode::kUnsupportedFs);
  }
}

TEST_CASE("a stage is private until it is published") {
  StageShop shop;
  const mode_t old = umask(0);
  Stage stage(real_sys(), shop.prefix, "r", "n");
  umask(old);
  CHECK((fs::status(shop.at("p/.envinstall/stage-r-n")).permissions() & fs::perms::mask) ==
        fs::perms(0700));
  const ModeBehaviour modes = stage.probe(shop.host, shop.events);
  CHECK(fs::is_empty(shop.at("p/.envinstall/stage-r-n")));
  CHECK(modes.inherited == 0);
}

TEST_CASE("F117 a group that differs from the prefix's is worth a warning") {
  if (getuid() != 0) return;  // only root may give a folder away
  StageShop shop;
  REQUIRE(chown(shop.at("p").c_str(), 0, 4711) == 0);
  Stage stage(real_sys(), shop.prefix, "r", "n");
  stage.probe(shop.host, shop.events);
  REQUIRE(shop.events.warnings.size() == 1);
  CHECK_THAT(shop.events.warnings[0], Catch::Matchers::Contains("the prefix to group 4711"));
}

TEST_CASE("the mount that holds a path") {
  MemoryDir root;
  write_text(root.path() / "proc/self/mounts",
             "/dev/vda / ext4 rw 0 0\nnfs:/x /mnt/my\\040data nfs4 rw,noexec 0 0\n"
             "tmpfs /mnt tmpfs rw 0 0\n");
  const std::string at = root.path().string();
  CHECK(mount_text(real_sys(), at, "/home/x") == "/ (ext4, rw)");
  CHECK(mount_text(real_sys(), at, "/mnt/my data/p") == "/mnt/my data (nfs4, rw,noexec)");
  CHECK(mount_text(real_sys(), at, "/mnt/other") == "/mnt (tmpfs, rw)");
  CHECK(mount_text(real_sys(), at, "/mntx") == "/ (ext4, rw)");
  CHECK(mount_text(real_sys(), "/nowhere", "/x").empty());
}

}  // namespace
}  // namespace eb
