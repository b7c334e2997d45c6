#include "installer/install/trust_edit.hpp"

#include "installer/format/trust.hpp"
#include "tests/support/faulty_sys.hpp"
#include "workshop.hpp"

namespace eb {
namespace {

using namespace test;

struct Shop {
  MemoryDir dir;
  std::string path = (dir.path() / "config/envinstall/allowed_signers").string();

  bool edit(const std::string& text) {
    return edit_trust_file(real_sys(), path, getuid(), 0700,
                           [&](const std::string& before) { return with_line(before, text); });
  }
  Error refused(const std::string& text) {
    return thrown_error([&] { edit(text); });
  }
  std::set<std::string> names() const {
    std::set<std::string> out;
    for (const auto& entry : fs::directory_iterator(fs::path(path).parent_path())) {
      out.insert(entry.path().filename());
    }
    return out;
  }
};

TEST_CASE("a line that trust add writes reads back") {
  const SshPublicKey key = TestSigner::ed25519(4).key();
  const auto read = [](const std::string& text) {
    return parse_allowed_signers(text, "list", nullptr).at(0);
  };
  AllowedSigner signer = read(signer_line(key, "me@here", "", ""));
  CHECK(signer.key == key);
  CHECK(signer.principals == "me@here");
  CHECK(signer.namespaces == kSignatureNamespace);
  CHECK(!signer.valid_after);
  signer = read(signer_line(key, "me", "20200101Z", "20300101Z"));
  CHECK(signer.valid_after == 1577836800);
  CHECK(signer.valid_before == 1893456000);
  CHECK(plain_principal("release@example.org") == "release@example.org");
  CHECK(plain_principal("a-b_c+d") == "a-b_c+d");
  for (const char* bad : {"", "two words", "a,b", "*", "#x", "!x", "a\"b"}) {
    CHECK(plain_principal(bad) == "envbundle-signer");
  }
}

TEST_CASE("a trust file is made with its folders, and changed whole") {
  Shop shop;
  CHECK(shop.edit("one\n"));
  CHECK(read_text(shop.path) == "one\n");
  CHECK(snapshot(shop.dir.path())["config/envinstall"] == "dir " + std::to_string(0700));
  CHECK_THAT(snapshot(shop.dir.path())["config/envinstall/allowed_signers"],
             Catch::Matchers::StartsWith("file " + std::to_string(0644)));
  REQUIRE(chmod(shop.path.c_str(), 0600) == 0);
  CHECK(shop.edit("two\n"));
  CHECK(read_text(shop.path) == "one\ntwo\n");
  CHECK(shop.names() == std::set<std::string>{"allowed_signers"});
  CHECK_THAT(snapshot(shop.dir.path())["config/envinstall/allowed_signers"],
             Catch::Matchers::StartsWith("file " + std::to_string(0600)));
  CHECK(!shop.edit(""));
  write_text(shop.path, "no end");
  CHECK(shop.edit("three\n"));
  CHECK(read_text(shop.path) == "no end\nthree\n");
}

TEST_CASE("only the lines that are meant go") {
  const std::string text = "# mine\n\none\ntwo\r\nthree";
  const auto drop = [&](size_t which) {
    return without_lines(text, [which](size_t number) { return number == which; });
  };
  CHECK(drop(0) == text);
  CHECK(drop(3) == "# mine\n\ntwo\r\nthree");
  CHECK(drop(5) == "# mine\n\none\ntwo\r\n");
  CHECK(without_lines("", [](size_t) { return true; }).empty());
}

TEST_CASE("F046 a list that others may write is not changed either") {
  Shop shop;
  shop.edit("one\n");
  REQUIRE(chmod(shop.path.c_str(), 0666) == 0);
  CHECK(shop.refused("two\n").code() == ExitCode::kUntrusted);
  CHECK(read_text(shop.path) == "one\n");
  CHECK(shop.names() == std::set<std::string>{"allowed_signers"});
  fs::rename(shop.path, shop.path + "-elsewhere");
  fs::create_symlink(shop.path + "-elsewhere", shop.path);
  CHECK(shop.refused("two\n").code() == ExitCode::kUntrusted);
}

TEST_CASE("two that change one list do not undo each other") {
  Shop shop;
  shop.edit("one\n");
  // The other one is in the middle of its change.
  Error error(ExitCode::kOk, "");
  edit_trust_file(real_sys(), shop.path, getuid(), 0700, [&](const std::string& before) {
    error = shop.refused("two\n");
    return with_line(before, "three\n");
  });
  CHECK(error.code() == ExitCode::kBusy);
  CHECK(read_text(shop.path) == "one\nthree\n");
  // What `change` refuses leaves nothing behind.
  CHECK_THROWS_AS(edit_trust_file(real_sys(), shop.path, getuid(), 0700,
                                  [](const std::string&) -> std::string {
                                    throw Error(ExitCode::kUsage, "no");
                                  }),
                  Error);
  CHECK(shop.names() == std::set<std::string>{"allowed_signers"});
}

TEST_CASE("F116 a change that fails at any call leaves the list as it was") {
  const auto add = [](const std::string& before) { return with_line(before, "two\n"); };
  Shop counted;
  counted.edit("one\n");
  FaultySys counting;
  edit_trust_file(counting, counted.path, getuid(), 0700, add);
  REQUIRE(counting.calls() > 10);
  for (size_t at = 1; at <= counting.calls(); ++at) {
    Shop shop;
    shop.edit("one\n");
    FaultySys sys;
    std::string failed;
    sys.before = [&](const SysCall& call) {
      if (call.number == at) failed = call.name;
      return call.number == at ? ENOSPC : 0;
    };
    bool thrown = false;
    try {
      edit_trust_file(sys, shop.path, getuid(), 0700, add);
    } catch (const Error&) {
      thrown = true;
    }
    CAPTURE(at, failed, thrown);
    const std::string text = read_text(shop.path);
    CHECK((text == "one\n" || text == "one\ntwo\n"));
    // An error after the change was made: the folder could not be synced, or (as if on NFS) the
    // reply to the rename was lost and then nobody could look whether it was done.
    CHECK((!thrown || text == "one\n" || failed == "fsync" || failed == "fstatat"));
    CHECK(shop.names() == std::set<std::string>{"allowed_signers"});
  }
}

TEST_CASE("F120 a change that a signal interrupts is made all the same") {
  Shop shop;
  FaultySys sys;
  size_t asked = 0;
  sys.before = [&](const SysCall& call) {
    return call.name == "openat" && ++asked % 2 == 1 ? EINTR : 0;
  };
  CHECK(edit_trust_file(sys, shop.path, getuid(), 0700,
                        [](const std::string&) { return std::string("one\n"); }));
  CHECK(read_text(shop.path) == "one\n");
}

TEST_CASE("a trust file may be named without a folder") {
  Shop shop;
  const fs::path before = fs::current_path();
  fs::current_path(shop.dir.path());
  const bool changed = edit_trust_file(real_sys(), "signers", getuid(), 0700,
                                       [](const std::string&) { return std::string("one\n"); });
  fs::current_path(before);
  CHECK(changed);
  CHECK(read_text(shop.dir.path() / "signers") == "one\n");
  // And in a folder right below the root.
  FaultySys sys;
  std::string made;
  sys.before = [&](const SysCall& call) {
    if (call.name == "mkdirat") made = call.path;
    return call.name == "mkdirat" ? EROFS : 0;
  };
  const Error error = thrown_error([&] {
    edit_trust_file(sys, "/eb-no-such-folder/signers", getuid(), 0700,
                    [](const std::string& text) { return text; });
  });
  CHECK(error.code() == ExitCode::kUnsupportedFs);
  CHECK(made == "/eb-no-such-folder");
  // And in the root folder itself.
  std::vector<std::string> opened;
  sys.before = [&](const SysCall& call) {
    if (call.name != "openat") return 0;
    opened.push_back(call.path);
    return call.path == "/" ? 0 : EROFS;
  };
  const Error in_root = thrown_error([&] {
    edit_trust_file(sys, "/eb-no-such-list", getuid(), 0700,
                    [](const std::string& text) { return text; });
  });
  CHECK(in_root.code() == ExitCode::kUnsupportedFs);
  CHECK(opened == std::vector<std::string>{"/", ".eb-no-such-list.new"});
}

TEST_CASE("folders of a relative path are made one in the other") {
  Shop shop;
  const fs::path before = fs::current_path();
  fs::current_path(shop.dir.path());
  const bool changed = edit_trust_file(real_sys(), "a/b/signers", getuid(), 0700,
                                       [](const std::string&) { return std::string("one\n"); });
  fs::current_path(before);
  CHECK(changed);
  CHECK(read_text(shop.dir.path() / "a/b/signers") == "one\n");
}

}  // namespace
}  // namespace eb
