#include "installer/install/publish.hpp"

#include <fcntl.h>

#include "installer/install/receipt.hpp"
#include "prefix_shop.hpp"

namespace eb {
namespace {

using namespace test;

const char kNonce[] = "0123456789abcdef";

struct Shop : PrefixShop {
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

TEST_CASE("F133 a release without a receipt is another's, whatever the rename answers") {
  for (const int error : {ENOTEMPTY, EEXIST}) {
    Shop shop;
    write_text(shop.at("releases/r/bin/x"), "theirs");
    shop.fail("renameat", "r", error);
    bool is_published = true;
    CHECK(shop.publish_once(&is_published) == PublishResult::kExistsAlready);
    CHECK(!is_published);
    CHECK(read_text(shop.at("releases/r/bin/x")) == "theirs");
  }
}

TEST_CASE("a lost reply is not taken for another run's release") {
  Shop shop;
  Shop::fill(shop.at("releases/r"), "fedcba9876543210");
  shop.fail("renameat", "r", EIO);
  bool is_published = true;
  const Error error = thrown_error([&] { shop.publish_once(&is_published); });
  CHECK(error.code() == ExitCode::kIo);
  CHECK(std::string(error.what()) == "cannot publish the release");
  CHECK(!is_published);
  CHECK(!shop.stage_left());
}

TEST_CASE("F120 a rename that a signal interrupts is made again") {
  Shop shop;
  int renames = 0;
  shop.sys.before = [&](const SysCall& call) {
    return call.name == "renameat" && ++renames % 3 != 0 ? EINTR : 0;
  };
  bool is_published = false;
  CHECK(shop.publish_once(&is_published) == PublishResult::kPublished);
  CHECK(renames == 3);
  bool is_current = false;
  flip_current(shop.sys, shop.prefix, "r", kNonce, &is_current);
  CHECK(is_current);
  CHECK(fs::read_symlink(shop.at("current")) == "releases/r");
}

TEST_CASE("a release whose mode cannot be set is not published") {
  for (const char* name : {"fstat", "fchmod"}) {
    Shop shop;
    Stage stage(real_sys(), shop.prefix, "r", kNonce);
    shop.fail(name, "", EIO);
    bool is_published = true;
    const Error error =
        thrown_error([&] { publish(shop.sys, shop.prefix, stage, "r", kNonce, &is_published); });
    CHECK(std::string(error.what()) == "cannot set the release's mode");
    CHECK(!is_published);
    CHECK(!fs::exists(shop.at("releases/r")));
  }
}

TEST_CASE("a temporary link that is there already serves when it leads to the release") {
  Shop shop;
  const fs::path temporary = shop.at(".envinstall/link-" + std::string(kNonce));
  fs::create_symlink("releases/r", temporary);
  bool is_current = false;
  flip_current(shop.sys, shop.prefix, "r", kNonce, &is_current);
  CHECK(is_current);
  CHECK(fs::read_symlink(shop.at("current")) == "releases/r");
  // One that leads elsewhere is somebody's mistake, and nobody's release becomes active by it.
  fs::create_symlink("releases/other", temporary);
  const Error error =
      thrown_error([&] { flip_current(shop.sys, shop.prefix, "s", kNonce, &is_current); });
  CHECK(std::string(error.what()) == "cannot make the link");
  CHECK(!is_current);
  CHECK(fs::read_symlink(shop.at("current")) == "releases/r");
}

TEST_CASE("a link that is taken away again and again is given up") {
  Shop shop;
  int links = 0;
  shop.sys.before = [&](const SysCall& call) {
    if (call.name == "symlinkat") ++links;
    if (call.name != "renameat") return 0;
    fs::remove(shop.at(".envinstall/link-" + std::string(kNonce)));
    return ENOENT;
  };
  bool is_current = true;
  const Error error =
      thrown_error([&] { flip_current(shop.sys, shop.prefix, "r", kNonce, &is_current); });
  CHECK(std::string(error.what()) == "cannot make the release the active one");
  CHECK(links == 3);
  CHECK(!is_current);
  CHECK(!fs::exists(fs::symlink_status(shop.at("current"))));
}

Index with_folders(const std::vector<std::string>& names) {
  Index index;
  for (const std::string& name : names) {
    index.entries.push_back(
        {.path = RelPath(name), .type = EntryType::kDirectory, .digest = {}, .target = {}});
  }
  index.entries.push_back({.path = RelPath("share"), .digest = {}, .target = {}});  // a file
  return index;
}

TEST_CASE("the links at the top are those of the release's folders") {
  Shop shop;
  EventLog log;
  make_top_links(shop.sys, shop.prefix, with_folders({"bin", "lib"}), log);
  make_top_links(shop.sys, shop.prefix, with_folders({"bin", "lib"}), log);
  CHECK(fs::read_symlink(shop.at("bin")) == "current/bin");
  CHECK(fs::read_symlink(shop.at("lib")) == "current/lib");
  CHECK(!fs::exists(fs::symlink_status(shop.at("share"))));
  CHECK(log.warnings.empty());
  const Index without_lib = with_folders({"bin"});
  drop_top_links(shop.sys, shop.prefix.root.get(), &without_lib);
  CHECK(fs::read_symlink(shop.at("bin")) == "current/bin");
  CHECK(!fs::exists(fs::symlink_status(shop.at("lib"))));
  drop_top_links(shop.sys, shop.prefix.root.get(), nullptr);
  CHECK(!fs::exists(fs::symlink_status(shop.at("bin"))));
}

TEST_CASE("what lies in the place of a link at the top stays, and is told") {
  Shop shop;
  EventLog log;
  write_text(shop.at("bin"), "mine");
  fs::create_symlink("elsewhere", shop.at("lib"));
  make_top_links(shop.sys, shop.prefix, with_folders({"bin", "lib"}), log);
  CHECK(log.warnings ==
        std::vector<std::string>{
            shop.at("bin").string() + " is not envinstall's and stays as it is; use " +
                shop.at("current/bin").string() + " instead",
            shop.at("lib").string() + " is not envinstall's and stays as it is; use " +
                shop.at("current/lib").string() + " instead"});
  drop_top_links(shop.sys, shop.prefix.root.get(), nullptr);
  CHECK(read_text(shop.at("bin")) == "mine");
  CHECK(fs::read_symlink(shop.at("lib")) == "elsewhere");
  shop.fail("symlinkat", "", EIO);
  CHECK(std::string(thrown_error([&] {
                      make_top_links(shop.sys, shop.prefix, with_folders({"bin"}), log);
                    }).what()) == "cannot make the link");
}

}  // namespace
}  // namespace eb
