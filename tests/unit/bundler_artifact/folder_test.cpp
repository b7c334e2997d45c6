#include "bundler/artifact/folder.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "installer/base/error.hpp"
#include "tests/support/temp_dir.hpp"
#include "tests/unit/bundler_artifact/tar_maker.hpp"

using namespace eb;
using namespace eb::test;

TEST_CASE("the canonical listing of a folder") {
  TempDir dir;
  const auto root = dir.path() / "site";
  std::filesystem::create_directories(root / "a/empty");
  write_file(root / "a/file", "hello");
  write_file(root / "a.txt", "");
  write_file(root / "run", "#!");
  chmod((root / "run").c_str(), 0700);
  REQUIRE(symlink("a/file", (root / "link").c_str()) == 0);
  const FolderListing listing = list_folder(root);
  const std::string empty = sha256(as_bytes("")).hex();
  CHECK(listing.text ==
        "directory\ta\n"
        "file\ta.txt\t0\t" +
            empty +
            "\n"
            "directory\ta/empty\n"
            "file\ta/file\t5\t" +
            sha256(as_bytes("hello")).hex() +
            "\n"
            "symlink\tlink\ta/file\n"
            "executable\trun\t2\t" +
            sha256(as_bytes("#!")).hex() + "\n");
  CHECK(listing.digest() == sha256(as_bytes(listing.text)));
  CHECK(listing.size_bytes() == listing.text.size());
  REQUIRE(listing.entries.size() == 6);
  CHECK(listing.entries[3].path.str() == "a/file");

  // Times and other mode bits do not count, the execute bit does.
  chmod((root / "run").c_str(), 0755);
  std::filesystem::last_write_time(root / "run", std::filesystem::file_time_type::clock::now());
  CHECK(list_folder(root).digest() == listing.digest());
  chmod((root / "run").c_str(), 0644);
  CHECK(list_folder(root).digest() != listing.digest());
}

TEST_CASE("a folder with what cannot be installed is refused") {
  TempDir dir;
  const auto refusal = [&dir] {
    try {
      list_folder(dir.path());
    } catch (const Error& error) {
      return std::string(error.what()) + " | " + error.why();
    }
    return std::string();
  };
  REQUIRE(mkfifo((dir.path() / "pipe").c_str(), 0600) == 0);
  CHECK(refusal() ==
        "a folder holds something that cannot be installed | only files, directories "
        "and symlinks are allowed");
  std::filesystem::remove(dir.path() / "pipe");
  write_file(dir.path() / "new\nline", "");
  CHECK(refusal() == "a folder holds a bad name | the path holds a control character");
  std::filesystem::remove(dir.path() / "new\nline");
  CHECK(refusal().empty());
  REQUIRE(symlink("a\tb", (dir.path() / "l").c_str()) == 0);
  CHECK(refusal() == "a symlink has a bad target | it holds a control character");
  CHECK_THROWS_AS(list_folder(dir.path() / "missing"), Error);
}
