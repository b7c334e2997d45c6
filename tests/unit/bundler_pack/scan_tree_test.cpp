#include <sys/stat.h>

#include <algorithm>
#include <catch2/catch.hpp>

#include "bundler/pack/tree.hpp"
#include "installer/base/error.hpp"
#include "sample_tree.hpp"

namespace eb {
namespace {

using test::Scratch;
using test::write_file;

TEST_CASE("a folder is scanned with types, modes, digests and targets") {
  const Scratch scratch;
  write_file(scratch / "t/bin/run", "abc", true);
  write_file(scratch / "t/data", "");
  std::filesystem::create_symlink("bin/run", scratch / "t/run");
  const Tree tree = scan_tree(scratch / "t", 1);
  REQUIRE(tree.entries.size() == 4);
  CHECK(tree.entries[0].path.str() == "bin");
  CHECK(tree.entries[0].type == EntryType::kDirectory);
  CHECK(tree.entries[1].path.str() == "bin/run");
  CHECK(tree.entries[1].executable);
  CHECK(tree.entries[1].size_bytes == 3);
  CHECK(tree.entries[1].digest.hex() ==
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(tree.entries[2].path.str() == "data");
  CHECK_FALSE(tree.entries[2].executable);
  CHECK(tree.entries[2].digest == sha256({}));
  CHECK(tree.entries[3].type == EntryType::kSymlink);
  CHECK(tree.entries[3].target == "bin/run");
}

TEST_CASE("a scan is the same with one thread and with four") {
  const Scratch scratch;
  test::make_sample_tree(scratch / "t");
  const Tree one = scan_tree(scratch / "t", 1);
  CHECK(one.entries == scan_tree(scratch / "t", 4).entries);
  CHECK(std::is_sorted(one.entries.begin(), one.entries.end(),
                       [](const Entry& a, const Entry& b) { return a.path < b.path; }));
}

TEST_CASE("everything that a bundle cannot hold is named at once") {
  const Scratch scratch;
  write_file(scratch / "t/good", "x");
  write_file(scratch / "t/bad\nname", "x");
  std::filesystem::create_symlink("/etc/passwd", scratch / "t/out");
  REQUIRE(::mkfifo((scratch / "t/pipe").c_str(), 0644) == 0);
  try {
    scan_tree(scratch / "t", 2);
    FAIL("accepted");
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::kConflict);
    CHECK(std::string(error.what()) == "the tree holds what a bundle cannot hold");
    CHECK_THAT(error.why(), Catch::Contains("bad\nname: "));
    CHECK_THAT(error.why(), Catch::Contains("out: its target '/etc/passwd' is not inside"));
    CHECK_THAT(error.why(), Catch::Contains("pipe: neither file, directory nor symlink"));
  }
}

TEST_CASE("a missing root is an input/output error") {
  const Scratch scratch;
  try {
    scan_tree(scratch / "nothing", 1);
    FAIL("accepted");
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::kIo);
    CHECK(error.where() == (scratch / "nothing").string());
  }
}

}  // namespace
}  // namespace eb
