#include "bundler/stage/debian_package.hpp"

#include <catch2/catch.hpp>

#include "tests/support/temp_dir.hpp"
#include "tests/support/thrown_error.hpp"
#include "tests/unit/bundler_artifact/tar_maker.hpp"

using namespace eb;
using namespace eb::test;

namespace {

std::string ar_member(std::string name, const std::string& data) {
  name.resize(16, ' ');
  std::string numbers = "0           0     0     100644  " + std::to_string(data.size());
  numbers.resize(42, ' ');
  return name + numbers + "`\n" + data + (data.size() % 2 == 0 ? "" : "\n");
}

/// A package whose data.tar has these entries.
std::string package_of(const std::string& entries) {
  const std::string control =
      tar_entry({.name = "./control"}, "Package: demo\nVersion: 1.0\n") + tar_end();
  return "!<arch>\n" + ar_member("debian-binary", "2.0\n") + ar_member("control.tar", control) +
         ar_member("data.tar", entries + tar_end());
}

struct Staged {
  TempDir dir;
  Staging staging{dir.path() / "tree"};

  std::vector<std::string> add(const std::string& entries) {
    write_file(dir.path() / "demo.deb", package_of(entries));
    DebReader reader(dir.path() / "demo.deb");
    return stage_deb(reader, "demo 1.0", staging);
  }
  std::string text(const char* path) { return std::string(as_text(staging.read(RelPath(path)))); }
};

}  // namespace

TEST_CASE("a package's files, links and hard links go to their places") {
  Staged staged;
  const auto dropped =
      staged.add(tar_entry({.name = "./usr/bin/", .type = '5', .mode = "0000755"}) +
                 tar_entry({.name = "./usr/bin/tool", .mode = "0004755"}, "program") +
                 tar_entry({.name = "./usr/bin/also", .type = '1', .link = "./usr/bin/tool"}) +
                 tar_entry({.name = "./usr/bin/t", .type = '2', .link = "tool"}) +
                 tar_entry({.name = "./usr/bin/vi", .type = '2', .link = "/etc/alternatives/vi"}) +
                 tar_entry({.name = "./usr/share/man/man1/tool.1"}, "manual") +
                 tar_entry({.name = "./usr/share/doc/demo/copyright"}, "licence") +
                 tar_entry({.name = "./lib/x86_64-linux-gnu/libc.so.6", .mode = "0000755"}, "C"));
  CHECK(dropped == std::vector<std::string>{"usr/bin/vi -> /etc/alternatives/vi"});
  CHECK(staged.text("bin/tool") == "program");
  CHECK(staged.staging.find(RelPath("bin/tool"))->executable);
  CHECK((std::filesystem::status(staged.staging.host_path(RelPath("bin/tool"))).permissions() &
         std::filesystem::perms::set_uid) == std::filesystem::perms::none);
  CHECK(staged.text("bin/also") == "program");
  CHECK(staged.staging.find(RelPath("bin/also"))->executable);
  CHECK(staged.staging.find(RelPath("bin/t"))->target == "tool");
  CHECK(staged.staging.find(RelPath("bin/vi")) == nullptr);
  CHECK(staged.staging.find(RelPath("share/man")) == nullptr);
  CHECK(staged.text("share/licenses/demo/copyright") == "licence");
  CHECK(staged.text("lib/glibc/libc.so.6") == "C");
  CHECK(staged.staging.find(RelPath("bin/tool"))->origins == std::vector<std::string>{"demo 1.0"});
}

TEST_CASE("a hard link to what is left out is an error, not an empty file") {
  Staged staged;
  const Error error = thrown_error([&] {
    staged.add(tar_entry({.name = "./usr/share/man/x"}, "manual") +
               tar_entry({.name = "./usr/bin/x", .type = '1', .link = "./usr/share/man/x"}));
  });
  CHECK(error.code() == ExitCode::kConflict);
  CHECK(std::string(error.what()) == "a hard link names a file that is left out of a release");
  CHECK(error.where() == "usr/bin/x of demo 1.0");
  CHECK(error.why() == "it is a link to usr/share/man/x");
}
