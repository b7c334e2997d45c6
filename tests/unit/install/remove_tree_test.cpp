#include "installer/install/remove_tree.hpp"

#include <fcntl.h>

#include <cstdlib>

#include "prefix_shop.hpp"
#include "tests/support/forwarding_sys.hpp"

namespace eb {
namespace {

using namespace test;

struct Tree {
  MemoryDir dir;
  FaultySys sys;
  Fd root = open_dir_at(real_sys(), AT_FDCWD, dir.path().c_str(), "root");

  Tree() {
    write_text(at("t/a/b/f"), "f");
    write_text(at("t/g"), "g");
    write_text(at("kept"), "kept");
    fs::create_directory_symlink("../kept-folder", at("t/link"));
    write_text(at("kept-folder/x"), "x");
  }
  fs::path at(const std::string& name) const { return dir.path() / name; }
  int remove(Sys& by) const { return remove_tree(by, root.get(), "t"); }
  int remove() { return remove(sys); }
  /// The call of this name on this path, once.
  void fail_once(const std::string& name, const std::string& path, int error) {
    sys.before = [=, failed = false](const SysCall& call) mutable {
      if (failed || call.name != name || call.path != path) return 0;
      failed = true;
      return error;
    };
  }
};

TEST_CASE("F112 a tree goes with its links, and not with what they lead to") {
  Tree tree;
  CHECK(tree.remove() == 0);
  CHECK(!fs::exists(tree.at("t")));
  CHECK(read_text(tree.at("kept-folder/x")) == "x");
  CHECK(tree.remove() == 0);  // what is not there is removed
}

TEST_CASE("what cannot be removed is told, and all the rest goes") {
  Tree tree;
  tree.fail_once("unlinkat", "f", EIO);
  CHECK(tree.remove() == -EIO);
  CHECK(fs::exists(tree.at("t/a/b/f")));
  CHECK(!fs::exists(tree.at("t/g")));
  tree.fail_once("openat", "b", EACCES);
  CHECK(tree.remove() == -EACCES);
  CHECK(fs::exists(tree.at("t/a/b/f")));
  tree.sys.before = [](const SysCall& call) { return call.name == "list" ? EIO : 0; };
  CHECK(tree.remove() == -EIO);
  tree.sys.before = nullptr;
  CHECK(tree.remove() == 0);
  CHECK(!fs::exists(tree.at("t")));
}

TEST_CASE("the first of several failures is the one that is told") {
  Tree tree;
  int count = 0;
  tree.sys.before = [&](const SysCall& call) {
    if (call.name != "unlinkat") return 0;
    return ++count == 1 ? EROFS : EIO;
  };
  CHECK(tree.remove() == -EROFS);
  CHECK(count > 3);
}

TEST_CASE("F133 what another run removes at the same time is gone, too") {
  for (const auto& [name, path] :
       std::map<std::string, std::string>{{"unlinkat", "f"}, {"openat", "b"}, {"unlinkat ", "b"}}) {
    Tree tree;
    tree.fail_once(name.substr(0, name.find(' ')), path, ENOENT);
    const int r = tree.remove();
    CAPTURE(name, path);
    // Here it is still there, so the folder above cannot go; but the missing name was no error.
    CHECK(r == -ENOTEMPTY);
  }
}

TEST_CASE("F120 a folder is opened again after a signal") {
  Tree tree;
  int asked = 0;
  tree.sys.before = [&](const SysCall& call) {
    return call.name == "openat" && ++asked % 2 == 1 ? EINTR : 0;
  };
  CHECK(tree.remove() == 0);
  CHECK(!fs::exists(tree.at("t")));
}

TEST_CASE("a file system that tells no types is asked by the attempt") {
  for (const int error : {EISDIR, EPERM}) {
    Tree tree;
    struct NoTypes final : ForwardingSys {
      int error = 0;
      int list(int dir, std::vector<DirEntry>* out) override {
        const int result = ForwardingSys::list(dir, out);
        for (DirEntry& entry : *out) entry.type = DT_UNKNOWN;
        return result;
      }
      int unlinkat(int dir, const char* path, int flags) override {
        const int result = ForwardingSys::unlinkat(dir, path, flags);
        return result == -EISDIR || result == -EPERM ? -error : result;
      }
    } sys;
    sys.error = error;
    CHECK(tree.remove(sys) == 0);
    CHECK(!fs::exists(tree.at("t")));
    CHECK(read_text(tree.at("kept-folder/x")) == "x");
  }
}

TEST_CASE("a tree deeper than any release ends in an error and not in too many descriptors") {
  Tree tree;
  fs::path deep = tree.at("t");
  for (int i = 0; i < 80; ++i) deep /= "d";
  fs::create_directories(deep);
  // A server may forget a folder of it, and its path is too long to open it anew.
  const char* profile = std::getenv("EB_PROFILE");
  const bool may_be_stale = profile != nullptr && std::string(profile) == "nfs";
  const int result = tree.remove();
  CHECK((result == -ELOOP || (may_be_stale && result == -ESTALE)));
  CHECK(fs::exists(deep));
}

TEST_CASE("F121 without memory nothing is thrown") {
  Tree tree;
  struct NoMemory final : ForwardingSys {
    int list(int, std::vector<DirEntry>*) override { throw std::bad_alloc(); }
  } sys;
  CHECK(tree.remove(sys) == -ENOMEM);
  CHECK(fs::exists(tree.at("t/g")));
}

}  // namespace
}  // namespace eb
