#include "installer/install/uninstall.hpp"

#include <fcntl.h>

#include "installer/install/release_check.hpp"
#include "tests/support/faulty_sys.hpp"
#include "workshop.hpp"

namespace eb {
namespace {

using namespace test;

struct Shop : Workshop {
  UninstallReport uninstall_with(const UninstallOptions& options, Sys& sys = real_sys()) {
    return uninstall(sys, open_prefix(sys, prefix().string()), options, host, silence, stop);
  }
  Error refused(const UninstallOptions& options) {
    return thrown_error([&] { uninstall_with(options); });
  }
};

TEST_CASE("the last release takes everything with it") {
  Shop shop;
  shop.install_file(shop.make());
  const UninstallReport report = shop.uninstall_with({});
  REQUIRE(report.removed.size() == 1);
  CHECK(report.removed[0].result.removed > 28);
  CHECK(report.removed[0].result.left.empty());
  CHECK(report.prefix_is_empty);
  CHECK(fs::is_empty(shop.prefix()));
}

TEST_CASE("one of several goes, the active one does not") {
  Shop shop;
  const std::string first = shop.install_file(shop.make("one")).release;
  const std::string second = shop.install_file(shop.make("two")).release;
  CHECK(shop.refused({}).code() == ExitCode::kUsage);
  CHECK(std::string(shop.refused({.release = second}).what()) == "the release is the active one");
  CHECK(shop.refused({.release = "nothing"}).code() == ExitCode::kUsage);
  const auto kept = snapshot(shop.release(second));
  const UninstallReport report = shop.uninstall_with({.release = first});
  CHECK(!report.prefix_is_empty);
  CHECK(!fs::exists(shop.release(first)));
  CHECK(snapshot(shop.release(second)) == kept);
  CHECK(shop.current() == second);
  CHECK(shop.leftovers() == std::set<std::string>{});
  CHECK(read_text(shop.prefix() / "bin/python") == "#!/bin/sh\necho two\n");
}

TEST_CASE("uninstall --all removes all") {
  Shop shop;
  shop.install_file(shop.make("one"));
  shop.install_file(shop.make("two"));
  CHECK(shop.uninstall_with({.all = true}).removed.size() == 2);
  CHECK(fs::is_empty(shop.prefix()));
  CHECK(shop.refused({.all = true}).code() == ExitCode::kUsage);
}

TEST_CASE("what somebody added is kept, what Python generated goes") {
  Shop shop;
  const std::string name = shop.install_file(shop.make()).release;
  const fs::path release = shop.release(name);
  write_text(release / "share/doc/mine.txt", "mine");
  write_text(release / "lib/extra/deep/file", "mine");
  write_text(release / "lib/many/__pycache__/m1.cpython-311.pyc", "generated");
  write_text(release / "lib/pkg/__pycache__/other.cpython-311.opt-1.pyc", "generated");
  const UninstallReport report = shop.uninstall_with({});
  const TrashResult& result = report.removed.at(0).result;
  CHECK(result.left_count == 2);
  CHECK(std::set<std::string>(result.left.begin(), result.left.end()) ==
        std::set<std::string>{"lib/extra", "share/doc/mine.txt"});
  REQUIRE(!result.kept_at.empty());
  CHECK(read_text(fs::path(result.kept_at) / "share/doc/mine.txt") == "mine");
  CHECK(read_text(fs::path(result.kept_at) / "lib/extra/deep/file") == "mine");
  CHECK(!fs::exists(fs::path(result.kept_at) / "lib/many"));
  CHECK(!report.prefix_is_empty);
  CHECK(!fs::exists(shop.prefix() / "current"));
}

TEST_CASE("uninstalling leads through no link") {
  Shop shop;
  const fs::path outside = shop.scratch.path() / "outside";
  write_text(outside / "__init__.py", "precious");
  write_text(outside / "__pycache__/x.pyc", "precious");
  const std::string name = shop.install_file(shop.make()).release;
  fs::remove_all(shop.release(name) / "lib/pkg");
  fs::create_directory_symlink(outside, shop.release(name) / "lib/pkg");
  fs::create_directory_symlink(outside, shop.release(name) / "lib/__pycache__");
  shop.uninstall_with({});
  CHECK(read_text(outside / "__init__.py") == "precious");
  CHECK(read_text(outside / "__pycache__/x.pyc") == "precious");
}

TEST_CASE("a link in the place of a release is refused before anything is changed") {
  Shop shop;
  const std::string name = shop.install_file(shop.make()).release;
  const fs::path moved = shop.scratch.path() / "moved";
  fs::rename(shop.release(name), moved);
  fs::create_directory_symlink(moved, shop.release(name));
  const auto was = snapshot(shop.prefix());
  const auto outside = snapshot(moved);
  const Error error = shop.refused({});
  CHECK(error.code() == ExitCode::kUsage);
  CHECK(std::string(error.what()) == "somebody put a link or a file into the release's place");
  CHECK_THAT(error.hints().at(0),
             Catch::Matchers::Contains("rm ") && Catch::Matchers::Contains("releases/" + name));
  CHECK(shop.current() == name);
  CHECK(snapshot(shop.prefix()) == was);
  CHECK(snapshot(moved) == outside);
}

TEST_CASE("a release without a readable index is not touched") {
  Shop shop;
  const std::string name = shop.install_file(shop.make()).release;
  const auto before = [&] { return snapshot(shop.prefix()); };
  write_text(shop.release(name) / ".bundle/index", "damaged");
  const auto was = before();
  const Error error = shop.refused({});
  CHECK(error.code() == ExitCode::kDigestMismatch);
  CHECK_THAT(error.hints().at(0), Catch::Matchers::Contains("rm -r "));
  CHECK(snapshot(shop.prefix()) == was);
}

TEST_CASE("an uninstall that is interrupted is finished by the next run") {
  Shop shop;
  shop.install_file(shop.make("one"));
  const std::string second = shop.install_file(shop.make("two")).release;
  const std::string first = shop.install_file(shop.make("one")).release;
  FaultySys sys;
  int unlinks = 0;
  sys.before = [&](const SysCall& call) {
    return call.name == "unlinkat" && ++unlinks == 10 ? EIO : 0;
  };
  CHECK_THROWS_AS(shop.uninstall_with({.release = second}, sys), Error);
  CHECK(!fs::exists(shop.release(second)));
  CHECK(shop.leftovers().size() == 1);
  shop.install_file(shop.make("one"));
  CHECK(shop.leftovers() == std::set<std::string>{});
  CHECK(shop.current() == first);
}

TEST_CASE("every call of an uninstall fails once: no release is half there") {
  size_t total = 0;
  {
    Shop shop;
    shop.install_file(shop.make("one"));
    FaultySys counting;
    shop.uninstall_with({}, counting);
    total = counting.calls();
  }
  for (size_t at = 1; at <= total; at += 3) {
    Shop shop;
    const std::string name = shop.install_file(shop.make("one")).release;
    FaultySys sys;
    sys.before = [&](const SysCall& call) { return call.number == at ? EIO : 0; };
    try {
      shop.uninstall_with({}, sys);
    } catch (const Error&) {
      // What matters is what is left.
    }
    INFO(at);
    if (fs::exists(shop.release(name))) {
      CHECK(release_snapshot(shop.release(name)) == snapshot(shop.scratch.path() / "tree-one"));
    } else {
      CHECK(shop.current().empty());
    }
  }
}

TEST_CASE("F134 what NFS keeps for a running program does not stop an uninstall") {
  Shop shop;
  const std::string name = shop.install_file(shop.make()).release;
  const fs::path release = shop.release(name);
  write_text(release / "lib/pkg/.nfs000000000012ab3400000001", "still mapped");
  const UninstallReport report = shop.uninstall_with({});
  const TrashResult& result = report.removed.at(0).result;
  CHECK(result.left_count == 1);
  CHECK(!fs::exists(release));
  CHECK(shop.current().empty());
  // Once the program has ended the client takes its file away, and the next run the rest.
  REQUIRE(shop.leftovers().size() == 1);
  const fs::path trash = shop.prefix() / ".envinstall" / *shop.leftovers().begin();
  fs::remove(trash / "lib/pkg/.nfs000000000012ab3400000001");
  shop.install_file(shop.make("two"));
  CHECK(shop.leftovers() == std::set<std::string>{});
}

TEST_CASE("F134 an open program goes on reading its release while that is removed") {
  Shop shop;
  const std::string first = shop.install_file(shop.make("one")).release;
  shop.install_file(shop.make("two"));
  // By descriptor, as a job holds what it has mapped: the directory entry goes, the file stays.
  const Fd program = open_at(real_sys(), AT_FDCWD, (shop.release(first) / "bin/python").c_str(),
                             O_RDONLY, 0, "program");
  shop.uninstall_with({.release = first});
  CHECK(!fs::exists(shop.release(first)));
  char text[64] = {};
  CHECK(real_sys().pread(program.get(), text, sizeof text - 1, 0) > 0);
  CHECK(std::string(text) == "#!/bin/sh\necho one\n");
}

TEST_CASE("a release is compared with its index") {
  Shop shop;
  const std::string name = shop.install_file(shop.make()).release;
  const fs::path release = shop.release(name);
  const Fd dir = open_dir_at(real_sys(), AT_FDCWD, release.c_str(), "release");
  std::string id;
  const Index index = read_release_index(real_sys(), AT_FDCWD, release.string(), "", &id);
  const auto check = [&](bool contents) {
    return check_release(real_sys(), dir.get(), "release", index,
                         {.contents = contents, .added = true, .jobs = 3}, shop.silence, shop.stop);
  };
  CHECK(check(false).differences.empty());
  const ReleaseCheck full = check(true);
  CHECK(full.differences.empty());
  CHECK(full.bytes == totals(index).file_bytes);

  fs::remove(release / "lib/empty");
  fs::permissions(release / "bin/python", fs::perms(0644));
  fs::remove(release / "lib/libbig.so");
  fs::create_symlink("elsewhere", release / "lib/libbig.so");
  write_text(release / "share/added", "x");
  fs::create_directories(release / "new/folder");
  write_text(release / "lib/many/__pycache__/x.pyc", "x");
  fs::remove(release / "lib/many/m1.py");
  fs::create_directory(release / "lib/many/m1.py");
  std::string content = read_text(release / "lib/libbig.so.1");
  content[5] ^= 1;
  write_text(release / "lib/libbig.so.1", content);

  std::map<std::string, std::string> found;
  for (const Difference& difference : check(true).differences) {
    found[difference.path] = difference.detail;
  }
  CHECK(found.size() == 7);
  CHECK(found["lib/empty"] == "not there");
  CHECK(found["bin/python"] == "mode 0755 is now 0644");
  CHECK(found["lib/libbig.so"] == "leads to elsewhere instead of libbig.so.1");
  CHECK(found["lib/many/m1.py"] == "now a folder");
  CHECK_THAT(found["lib/libbig.so.1"], Catch::Matchers::StartsWith("sha256 "));
  CHECK(found.contains("share/added"));
  CHECK(found.contains("new"));
  // The quick look does not read.
  CHECK(check(false).differences.size() == 6);
  CHECK(check(false).generated == 1);
}

TEST_CASE("a release whose index was exchanged is found out by its name") {
  Shop shop;
  const std::string first = shop.install_file(shop.make("one")).release;
  const std::string second = shop.install_file(shop.make("two")).release;
  fs::copy_file(shop.release(first) / ".bundle/index", shop.release(second) / ".bundle/index",
                fs::copy_options::overwrite_existing);
  std::string id;
  CHECK(thrown_error([&] {
          read_release_index(real_sys(), AT_FDCWD, shop.release(second).string(), "", &id);
        }).code() == ExitCode::kDigestMismatch);
}

}  // namespace
}  // namespace eb
