#include "installer/install/directory_cache.hpp"

#include <fcntl.h>

#include "prefix_shop.hpp"

namespace eb {
namespace {

using namespace test;

struct Tree {
  MemoryDir dir;
  FaultySys sys;
  Fd root = open_dir_at(real_sys(), AT_FDCWD, dir.path().c_str(), "root");
  std::vector<std::string> opened;

  Tree() {
    fs::create_directories(dir.path() / "a/b/c");
    fs::create_directories(dir.path() / "a/d");
    sys.before = [this](const SysCall& call) {
      if (call.name == "openat") opened.push_back(call.path);
      return 0;
    };
  }
  static bool same(int fd, const fs::path& path) {
    struct stat a {};
    struct stat b {};
    return fstat(fd, &a) == 0 && stat(path.c_str(), &b) == 0 && a.st_ino == b.st_ino;
  }
};

using Names = std::vector<std::string>;

TEST_CASE("a folder that is open is not walked to again") {
  Tree tree;
  DirectoryCache cache(tree.sys, tree.root.get(), 8, "root");
  CHECK(cache.open("") == tree.root.get());
  CHECK(Tree::same(cache.open("a/b/c"), tree.dir.path() / "a/b/c"));
  CHECK(tree.opened == Names{"a", "b", "c"});
  CHECK(Tree::same(cache.open("a/b/c"), tree.dir.path() / "a/b/c"));
  CHECK(Tree::same(cache.open("a/d"), tree.dir.path() / "a/d"));
  CHECK(Tree::same(cache.open("a"), tree.dir.path() / "a"));
  CHECK(tree.opened == Names{"a", "b", "c", "d"});
}

TEST_CASE("a small cache keeps what was used last") {
  Tree tree;
  DirectoryCache cache(tree.sys, tree.root.get(), 2, "root");
  CHECK(Tree::same(cache.open("a/b"), tree.dir.path() / "a/b"));
  CHECK(Tree::same(cache.open("a/d"), tree.dir.path() / "a/d"));
  CHECK(tree.opened == Names{"a", "b", "a", "d"});
  CHECK(Tree::same(cache.open("a/b"), tree.dir.path() / "a/b"));  // now a/d is the oldest
  CHECK(Tree::same(cache.open("a/b/c"), tree.dir.path() / "a/b/c"));
  CHECK(tree.opened == Names{"a", "b", "a", "d", "c"});
  CHECK(Tree::same(cache.open("a/d"), tree.dir.path() / "a/d"));
  CHECK(tree.opened == Names{"a", "b", "a", "d", "c", "a", "d"});
}

TEST_CASE("a cache without room has room for one") {
  Tree tree;
  DirectoryCache cache(tree.sys, tree.root.get(), 0, "root");
  CHECK(Tree::same(cache.open("a/b"), tree.dir.path() / "a/b"));
  CHECK(Tree::same(cache.open("a/d"), tree.dir.path() / "a/d"));
}

TEST_CASE("F112 a walk follows no link, and says where it ended") {
  Tree tree;
  fs::remove_all(tree.dir.path() / "a/b");
  fs::create_directory_symlink("d", tree.dir.path() / "a/b");
  DirectoryCache cache(tree.sys, tree.root.get(), 8, "root");
  CHECK(cache.try_open("a/b") == -ENOTDIR);
  const Error error = thrown_error([&] { cache.open("a/b/c"); });
  CHECK(std::string(error.what()) == "cannot open the folder");
  CHECK(error.where() == "root/a/b/c");
}

TEST_CASE("F120 a walk that a signal interrupts goes on") {
  Tree tree;
  size_t asked = 0;
  tree.sys.before = [&](const SysCall&) { return ++asked % 2 == 1 ? EINTR : 0; };
  DirectoryCache cache(tree.sys, tree.root.get(), 8, "root");
  CHECK(Tree::same(cache.open("a/b/c"), tree.dir.path() / "a/b/c"));
  CHECK(asked == 6);
}

}  // namespace
}  // namespace eb
