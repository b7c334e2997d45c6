#include <sys/wait.h>

#include "installer/image/image_reader.hpp"
#include "installer/image/image_writer.hpp"
#include "installer/install/form_advice.hpp"
#include "installer/install/image_check.hpp"
#include "installer/install/uninstall.hpp"
#include "tests/support/faulty_sys.hpp"
#include "workshop.hpp"

namespace eb {
namespace {

using namespace test;

struct ImageShop : Workshop {
  ImageShop() { options.form = ReleaseForm::kImage; }

  fs::path make_with_program(const std::string& text = "one") {
    const fs::path tree = scratch.path() / ("tree-" + text);
    if (!fs::exists(tree)) {
      fill_tree(tree, text);
      write_text(tree / kImageProgram, "#!/bin/sh\nexit 3\n", true);
    }
    return pack(tree);
  }
  std::string image() const { return read_text(release(current()) / kImageFile); }
  ReleaseCheck check(const std::string& name, bool contents) {
    const Fd dir = open_dir_at(real_sys(), AT_FDCWD, release(name).c_str(), name);
    const Fd above = open_dir_at(real_sys(), AT_FDCWD, (prefix() / "releases").c_str(), name);
    std::string id;
    const Index index = read_release_index(real_sys(), above.get(), name, name, &id);
    const ReleaseCheckOptions how{.contents = contents, .added = true, .jobs = 2};
    return check_installed(real_sys(), dir.get(), name, index, how, silence, stop);
  }
};

TEST_CASE("an image holds the tree, byte for byte, and few files lie beside it") {
  ImageShop shop;
  const InstallReport report = shop.install_file(shop.make_with_program());
  CHECK_THAT(report.release, Catch::Matchers::Contains("-image-"));
  CHECK(shop.check(report.release, true).differences.empty());
  const fs::path release = shop.release(report.release);
  // bin/NAME is the program that mounts, not the tree's.
  CHECK(read_text(release / "bin/python") == read_text(release / kImageProgram));
  CHECK(fs::hard_link_count(release / "bin/python") == 2);
  CHECK(read_text(release / "share/envbundle/activate.sh") == "# activate\n");
  CHECK(!fs::exists(release / "lib"));
  CHECK(report.held_files == 14);  // seven folders, six files, the image
  CHECK(fs::is_symlink(shop.prefix() / "bin"));
  CHECK(!fs::exists(fs::symlink_status(shop.prefix() / "lib")));
}

TEST_CASE("the same bundle gives the same image with any number of workers") {
  std::set<std::string> images;
  for (const unsigned jobs : {1u, 2u, 5u}) {
    ImageShop shop;
    shop.options.jobs = jobs;
    shop.install_file(shop.make_with_program());
    images.insert(sha256(as_bytes(shop.image())).hex());
  }
  CHECK(images.size() == 1);
}

TEST_CASE("both forms of a bundle are releases of one prefix") {
  ImageShop shop;
  const fs::path bundle = shop.make_with_program();
  const std::string image = shop.install_file(bundle).release;
  shop.options.form = ReleaseForm::kTree;
  const std::string tree = shop.install_file(bundle).release;
  CHECK(shop.current() == tree);
  CHECK(fs::is_symlink(shop.prefix() / "lib"));
  shop.options.form = ReleaseForm::kImage;
  const InstallReport again = shop.install_file(bundle);
  CHECK(again.action == InstallAction::kActivate);
  CHECK(shop.current() == image);
  CHECK(!fs::exists(fs::symlink_status(shop.prefix() / "lib")));
  CHECK(shop.install_file(bundle).action == InstallAction::kNothing);
}

TEST_CASE("uninstall takes an image with all that lies beside it") {
  ImageShop shop;
  shop.install_file(shop.make_with_program());
  const UninstallReport report =
      uninstall(real_sys(), open_prefix(real_sys(), shop.prefix().string()), {.all = true},
                shop.host, shop.silence, shop.stop);
  CHECK(report.prefix_is_empty);
  CHECK(report.removed.at(0).result.left_count == 0);
}

TEST_CASE("a changed byte of an image is found, wherever it lies") {
  ImageShop shop;
  shop.install_file(shop.make_with_program());
  const std::string name = shop.current();
  const fs::path file = shop.release(name) / kImageFile;
  const std::string whole = read_text(file);
  std::mt19937 random(3);
  for (int i = 0; i < 150; ++i) {
    std::string changed = whole;
    changed[random() % changed.size()] ^= static_cast<char>(1 + random() % 255);
    write_text(file, changed);
    CHECK(!shop.check(name, true).differences.empty());
  }
  for (const size_t size : {size_t{0}, size_t{95}, whole.size() / 2, whole.size() - 1}) {
    write_text(file, whole.substr(0, size));
    CHECK(!shop.check(name, true).differences.empty());
    CHECK(!shop.check(name, false).differences.empty());
  }
  write_text(file, whole);
  CHECK(shop.check(name, true).differences.empty());
}

TEST_CASE("an install of the active image that finds it damaged says which one is active") {
  ImageShop shop;
  const fs::path bundle = shop.make_with_program();
  const std::string name = shop.install_file(bundle).release;
  write_text(shop.release(name) / ".bundle/image", "");
  const Error error = thrown_error([&] { shop.install_file(bundle); });
  CHECK(std::string(error.what()) == "the release's note of its image is damaged");
  CHECK(error.hints().back() == "release " + name + " is still the active one");
}

TEST_CASE("a bundle without the program cannot be installed as an image") {
  ImageShop shop;
  const fs::path bundle = shop.make();
  const Error error = thrown_error([&] { shop.install_file(bundle); });
  CHECK(error.code() == ExitCode::kPolicy);
  CHECK(!fs::exists(shop.prefix()));
}

TEST_CASE("where there are no hard links there are copies") {
  ImageShop shop;
  FaultySys sys;
  sys.before = [](const SysCall& call) { return call.name == "linkat" ? EPERM : 0; };
  shop.install_file(shop.make_with_program(), sys, shop.silence);
  CHECK(shop.check(shop.current(), true).differences.empty());
  CHECK(fs::hard_link_count(shop.release(shop.current()) / "bin/python") == 1);
}

TEST_CASE("every failing call of an install in image form is an error, and nothing is left") {
  ImageShop shop;
  const fs::path bundle = shop.make_with_program();
  for (const char* name : {"pwrite", "pread", "fsync", "fchmod", "renameat", "ftruncate"}) {
    FaultySys sys;
    bool is_asked = false;
    sys.before = [&](const SysCall& call) {
      if (call.name != name || is_asked) return 0;
      is_asked = true;
      return ENOSPC;
    };
    EventLog events;
    try {
      shop.install_file(bundle, sys, events);
      CHECK((!is_asked || std::string(name) == "fsync"));
      fs::remove_all(shop.prefix());
    } catch (const Error& error) {
      CHECK(error.code() == ExitCode::kNoSpace);
      CHECK(!fs::exists(shop.prefix()));
    }
  }
}

TEST_CASE("F130 an install in image form is killed at every call") {
  ImageShop shop;
  shop.options.jobs = 1;
  const fs::path bundle = shop.make_with_program();
  bool finished = false;
  size_t at = 1;
  for (; !finished && at < 2000; at += 3) {
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      FaultySys sys;
      sys.before = [at](const SysCall& call) {
        if (call.number == at) _exit(9);
        return 0;
      };
      try {
        shop.host.pid = getpid();
        shop.install_file(bundle, sys, shop.silence);
      } catch (...) {
        _exit(8);
      }
      _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    REQUIRE((WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 9)));
    finished = WEXITSTATUS(status) == 0;
    if (!shop.current().empty()) CHECK(shop.check(shop.current(), true).differences.empty());
    shop.install_file(bundle);
    CHECK(shop.check(shop.current(), false).differences.empty());
    fs::remove_all(shop.prefix());
  }
  CHECK(finished);
  CHECK(at > 60);
}

TEST_CASE("an image is advised by file system, inodes and quota") {
  SpaceReport space;
  space.tree_inodes = 51'376;
  Durability durability;
  durability.file_system = "ext4";
  CHECK(advise_form(space, durability).recommended == ReleaseForm::kTree);
  for (const char* slow : {"Lustre", "GPFS", "BeeGFS", "NFS"}) {
    durability.file_system = slow;
    CHECK(advise_form(space, durability).recommended == ReleaseForm::kImage);
  }
  space.tree_inodes = 9'000;
  CHECK(advise_form(space, durability).recommended == ReleaseForm::kTree);
  space.quota = QuotaLeft{.whose = "user 7", .inodes = 17'000, .bytes = {}};
  const FormAdvice advice = advise_form(space, durability);
  CHECK(advice.recommended == ReleaseForm::kImage);
  CHECK(advice.why == "the quota of user 7 has room for 17000 more files, a tree needs 9000");
  space.quota->inodes = 18'000;
  CHECK(advise_form(space, durability).recommended == ReleaseForm::kTree);
  space.counts_inodes = true;
  space.free_inodes = 10'000;
  CHECK(advise_form(space, durability).recommended == ReleaseForm::kImage);
}

TEST_CASE("a quota that is too small is told before anything is written") {
  ImageShop shop;
  shop.options.form = ReleaseForm::kTree;
  FaultySys sys;
  sys.give_quota = [](QuotaKind kind, struct dqblk* out) {
    if (kind == QuotaKind::kGroup) return -ESRCH;
    out->dqb_isoftlimit = 100;
    out->dqb_curinodes = 90;
    return 0;
  };
  const fs::path bundle = shop.make_with_program();
  const Error error = thrown_error([&] { shop.install_file(bundle, sys, shop.silence); });
  CHECK(error.code() == ExitCode::kNoSpace);
  CHECK_THAT(error.why(), Catch::Matchers::Contains("quota of user"));
  CHECK_THAT(error.hints().at(1), Catch::Matchers::Contains("--as-image"));
  CHECK(!fs::exists(shop.prefix()));
}

}  // namespace
}  // namespace eb
