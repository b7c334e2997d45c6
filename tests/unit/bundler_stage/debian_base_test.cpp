#include "bundler/stage/debian_base.hpp"

#include <catch2/catch.hpp>
#include <map>

#include "bundler/stage/debian_python.hpp"
#include "tests/support/temp_dir.hpp"
#include "tests/support/thrown_error.hpp"

using namespace eb;
using namespace eb::test;
using Catch::Contains;

namespace {

struct Tree {
  TempDir dir;
  Staging staging{dir.path() / "tree"};

  void add(const std::string& path, const std::string& text, bool executable = false) {
    staging.add_file(RelPath(path), as_bytes(text), executable, "demo");
  }
  std::string text(const std::string& path) {
    return std::string(as_text(staging.read(RelPath(path))));
  }
  bool has(const std::string& path) { return staging.find(RelPath(path)) != nullptr; }
  std::string target(const std::string& path) {
    const Staging::Item* item = staging.find(RelPath(path));
    return item == nullptr ? "" : item->target;
  }

  /// A library in which every edit finds its place.
  void add_python() {
    std::map<std::string, std::string> files;
    for (const PythonEdit& edit : python_edits()) {
      files[std::string(edit.file)] += "# before\n" + std::string(edit.find) + "# after\n";
    }
    for (const auto& [name, content] : files) add("lib/python3.11/" + name, content);
    add("lib/python3.11/os.py", "# os\n");
    add("bin/python3.11", "program", true);
  }
};

}  // namespace

TEST_CASE("every edit of Python is made once and leaves the rest alone") {
  Tree tree;
  tree.add_python();
  tree.add("lib/python3.11/sitecustomize.py", "import apport_python_hook\n");
  tree.add("lib/python3.11/EXTERNALLY-MANAGED", "[externally-managed]\nError=apt\n");
  edit_python(tree.staging);
  std::map<std::string, std::string> wanted;
  for (const PythonEdit& edit : python_edits()) {
    wanted[std::string(edit.file)] += "# before\n" + std::string(edit.replace) + "# after\n";
  }
  for (const auto& [name, content] : wanted) {
    CAPTURE(name);
    CHECK(tree.text("lib/python3.11/" + name) == content);
  }
  CHECK_FALSE(tree.has("lib/python3.11/sitecustomize.py"));
  CHECK_THAT(tree.text("lib/python3.11/EXTERNALLY-MANAGED"),
             Contains("[externally-managed]\nError=") && Contains("-m venv") && !Contains("apt"));
  CHECK(tree.target("bin/python") == "python3.11");
  CHECK(tree.target("bin/python3") == "python3.11");
  CHECK_FALSE(tree.has("bin/pydoc"));  // there is no pydoc3.11 here
}

TEST_CASE("an edit that does not fit is an error that names file and reason") {
  const PythonEdit& edit = python_edits().front();
  const std::string file = "lib/python3.11/" + std::string(edit.file);
  Tree tree;
  tree.add_python();

  SECTION("the text is gone") {
    tree.staging.replace_file(RelPath(file), as_bytes("# nothing\n"), false, "demo");
    const Error error = thrown_error([&] { edit_python(tree.staging); });
    CHECK(error.code() == ExitCode::kInvalidLock);
    CHECK(error.where() == file);
    CHECK(error.why() == "the text to replace is not in it");
  }
  SECTION("the text is there twice") {
    const std::string twice = std::string(edit.find) + std::string(edit.find);
    tree.staging.replace_file(RelPath(file), as_bytes(twice), false, "demo");
    const Error error = thrown_error([&] { edit_python(tree.staging); });
    CHECK(error.why() == "the text to replace is in it more than once");
  }
  SECTION("the file is gone") {
    tree.staging.remove(RelPath(file));
    const Error error = thrown_error([&] { edit_python(tree.staging); });
    CHECK(error.why() == "the file is missing");
    REQUIRE_FALSE(error.hints().empty());
    CHECK_THAT(error.hints().front(), Contains(std::string(edit.reason)));
  }
}

TEST_CASE("files of packages that are not in the lock may be missing") {
  Tree tree;
  tree.add_python();
  for (const PythonEdit& edit : python_edits()) {
    const RelPath path("lib/python3.11/" + std::string(edit.file));
    if (edit.optional && tree.staging.find(path) != nullptr) tree.staging.remove(path);
  }
  CHECK_NOTHROW(edit_python(tree.staging));
}

TEST_CASE("a tree without Python is left alone") {
  Tree tree;
  tree.add("bin/tool", "x", true);
  finish_debian_base(tree.staging);
  CHECK(tree.staging.items().size() == 2);
}

TEST_CASE("certificates become one file") {
  Tree tree;
  tree.add("share/ca-certificates/mozilla/B.crt", "-----B-----");
  tree.add("share/ca-certificates/mozilla/A.crt", "-----A-----\n");
  finish_debian_base(tree.staging);
  CHECK(tree.text("etc/ssl/certs/ca-certificates.crt") == "-----A-----\n-----B-----\n");
  CHECK_FALSE(tree.has("share/ca-certificates"));
}

TEST_CASE("vim gets its names and git's doubles become links") {
  Tree tree;
  tree.add("bin/vim.tiny", "vim", true);
  tree.add("bin/git", "git", true);
  tree.add("lib/git-core/git", "git", true);
  tree.add("lib/git-core/git-remote-http", "http", true);
  finish_debian_base(tree.staging);
  CHECK(tree.target("bin/vi") == "vim.tiny");
  CHECK(tree.target("bin/vim") == "vim.tiny");
  CHECK(tree.target("lib/git-core/git") == "../../bin/git");
  CHECK(tree.target("lib/git-core/git-remote-http").empty());
  CHECK_THAT(tree.text("libexec/launch/bin/git.env"), Contains("GIT_EXEC_PATH=@R@/lib/git-core\n"));
  CHECK_FALSE(tree.has("libexec/launch/bin/ssh.env"));
}

TEST_CASE("links that lead nowhere go, and those that led to them") {
  Tree tree;
  tree.add("lib/real/file", "x");
  tree.staging.add_symlink(RelPath("lib/good"), "real", "demo");
  tree.staging.add_symlink(RelPath("bin/through"), "../lib/good/file", "demo");
  tree.staging.add_symlink(RelPath("bin/a"), "b", "demo");
  tree.staging.add_symlink(RelPath("bin/b"), "missing", "demo");
  CHECK(remove_dangling_links(tree.staging) == std::vector<std::string>{"bin/a", "bin/b"});
  CHECK(tree.has("lib/good"));
  CHECK(tree.has("bin/through"));
}
