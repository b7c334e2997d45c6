#include "installer/install/reuse.hpp"

#include <fcntl.h>
#include <sys/wait.h>

#include "tests/support/faulty_sys.hpp"
#include "workshop.hpp"

namespace eb {
namespace {

using namespace test;

struct stat stat_of(const fs::path& path) {
  struct stat info {};
  REQUIRE(lstat(path.c_str(), &info) == 0);
  return info;
}

bool is_shared(const fs::path& a, const fs::path& b) {
  return stat_of(a).st_ino == stat_of(b).st_ino;
}

// Two releases of one tree, of which the second has another text in a few files.
struct Upgrade : Workshop {
  fs::path one = make("one");
  fs::path two = make("two");
  std::map<std::string, std::string> tree_two = snapshot(scratch.path() / "tree-two");
  fs::path before;
  Upgrade() { before = release(install_file(one).release); }
};

TEST_CASE("every file of a release has the same time, whoever installed it") {
  Workshop shop;
  const fs::path release = shop.release(shop.install_file(shop.make()).release);
  size_t files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(release)) {
    const std::string path = entry.path().lexically_relative(release).string();
    if (entry.is_symlink() || !entry.is_regular_file() || path.starts_with(".bundle")) continue;
    ++files;
    CAPTURE(path);
    CHECK(stat_of(entry.path()).st_mtim.tv_sec == kFileTime);
    CHECK(stat_of(entry.path()).st_mtim.tv_nsec == 0);
  }
  CHECK(files > 25);
}

TEST_CASE("an upgrade shares unchanged files with the active release and writes the others") {
  Upgrade shop;
  const InstallReport report = shop.install_file(shop.two);
  const fs::path after = shop.release(report.release);
  CHECK(release_snapshot(after) == shop.tree_two);
  CHECK(report.reused.files > 20);
  CHECK(report.reused.bytes > 120'000);
  CHECK(is_shared(shop.before / "lib/libbig.so.1", after / "lib/libbig.so.1"));
  CHECK_FALSE(is_shared(shop.before / "bin/python", after / "bin/python"));
  // The old one goes without harm to the new one.
  fs::remove_all(shop.before);
  CHECK(release_snapshot(after) == shop.tree_two);
}

TEST_CASE("without reuse every file is written") {
  Upgrade shop;
  shop.options.reuse = false;
  const InstallReport report = shop.install_file(shop.two);
  CHECK(report.reused.files == 0);
  CHECK_FALSE(
      is_shared(shop.before / "lib/libbig.so.1", shop.release(report.release) / "lib/libbig.so.1"));
  CHECK(release_snapshot(shop.release(report.release)) == shop.tree_two);
}

TEST_CASE("a file that was changed since is not shared") {
  Upgrade shop;
  const fs::path big = shop.before / "lib/libbig.so.1";
  SECTION("written to, size as before") {
    std::fstream file(big, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(1000);
    file << "edited";
  }
  SECTION("another size") { fs::resize_file(big, 119'999); }
  SECTION("another mode") { fs::permissions(big, fs::perms(0600)); }
  SECTION("removed") { fs::remove(big); }
  SECTION("a link now") {
    fs::rename(big, shop.scratch.path() / "elsewhere");
    fs::create_symlink(shop.scratch.path() / "elsewhere", big);
  }
  SECTION("copied with a time of its own") {
    fs::copy_file(big, shop.scratch.path() / "copy");
    fs::rename(shop.scratch.path() / "copy", big);
  }
  SECTION("its folder is a link now") {
    fs::rename(shop.before / "lib", shop.scratch.path() / "lib");
    fs::create_symlink(shop.scratch.path() / "lib", shop.before / "lib");
  }
  const InstallReport report = shop.install_file(shop.two);
  const fs::path after = shop.release(report.release);
  CHECK(release_snapshot(after) == shop.tree_two);
  CHECK(fs::hard_link_count(after / "lib/libbig.so.1") == 1);
}

TEST_CASE("where files can be shared in no way, they are written") {
  Upgrade shop;
  for (const int error : {EPERM, EMLINK, EXDEV, EOPNOTSUPP}) {
    CAPTURE(error);
    FaultySys sys;
    sys.before = [&](const SysCall& call) {
      return std::string(call.name) == "linkat" || std::string(call.name) == "clone_file" ? error
                                                                                          : 0;
    };
    fs::remove_all(shop.prefix());
    shop.install_file(shop.one);
    const InstallReport report = shop.install_file(shop.two, sys, shop.silence);
    CHECK(report.reused.files == 0);
    CHECK(release_snapshot(shop.release(report.release)) == shop.tree_two);
  }
}

TEST_CASE("a large file is found again at another path, a small one is written") {
  Workshop shop;
  const fs::path tree = shop.scratch.path() / "tree";
  fill_tree(tree);
  write_text(tree / "lib/other.so", std::string(70'000, 'a'));
  const fs::path before = shop.release(shop.install_file(shop.pack(tree)).release);
  fs::rename(tree / "lib/other.so", tree / "lib/moved.so");
  write_text(tree / "lib/again.so", std::string(70'000, 'a'));
  fs::rename(tree / "lib/many/m0.py", tree / "lib/many/n0.py");
  const fs::path after = shop.release(shop.install_file(shop.pack(tree)).release);
  // One of the two, since one inode is never two files of one release.
  CHECK(is_shared(before / "lib/other.so", after / "lib/again.so"));
  CHECK_FALSE(is_shared(before / "lib/other.so", after / "lib/moved.so"));
  CHECK_FALSE(is_shared(before / "lib/many/m0.py", after / "lib/many/n0.py"));
  CHECK(release_snapshot(after) == snapshot(tree));
}

TEST_CASE("a release that cannot be read is no reason not to install") {
  Upgrade shop;
  write_text(shop.before / ".bundle/index", "nonsense");
  const InstallReport report = shop.install_file(shop.two);
  CHECK(report.reused.files == 0);
  CHECK(release_snapshot(shop.release(report.release)) == shop.tree_two);
}

TEST_CASE("an upgrade from a pipe skips what it does not need and still knows its end") {
  Upgrade shop;
  std::string data = read_text(shop.two);
  bool has_extra = false;
  SECTION("whole") {}
  SECTION("something after it") {
    data += "x";
    has_extra = true;
  }
  const fs::path file = shop.scratch.path() / "stream";
  write_text(file, data);
  const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  const auto source = open_bundle_stream(real_sys(), fd, shop.stop);
  const VerifiedBundle verified = shop.open(*source);
  const auto run = [&] {
    InstallPlan plan =
        plan_install(real_sys(), verified, shop.host, shop.options, true, shop.silence);
    return install(real_sys(), *source, verified, std::move(plan), shop.trust(), shop.host,
                   shop.options, shop.silence, shop.stop);
  };
  if (has_extra) {
    CHECK(thrown_error(run).code() == ExitCode::kMalformed);
  } else {
    const InstallReport report = run();
    CHECK(report.reused.files > 20);
    CHECK(release_snapshot(shop.release(report.release)) == shop.tree_two);
  }
  ::close(fd);
}

TEST_CASE("the plan asks for the space of what is written only") {
  Upgrade shop;
  const auto need = [&] {
    const auto source = open_bundle_file(real_sys(), shop.two.string());
    const VerifiedBundle verified = shop.open(*source);
    return plan_install(real_sys(), verified, shop.host, shop.options, false, shop.silence)
        .space.need;
  };
  const SpaceNeed shared = need();
  shop.options.reuse = false;
  const SpaceNeed whole = need();
  CHECK(shared.bytes + 120'000 <= whole.bytes);
  CHECK(shared.inodes < whole.inodes);
}

// An install that is killed at its `at`-th write; false when it got to its end.
bool is_killed_at_write(Workshop& shop, const fs::path& bundle, size_t at) {
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    shop.host.pid = getpid();
    FaultySys sys;
    size_t writes = 0;
    sys.before = [&](const SysCall& call) {
      const std::string name = call.name;
      if ((name == "write" || name == "pwrite") && ++writes == at) _exit(9);
      return 0;
    };
    try {
      shop.install_file(bundle, sys, shop.silence);
    } catch (...) {
      _exit(8);
    }
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 9;
}

TEST_CASE("F130 a run after a killed one keeps what was whole") {
  Workshop shop;
  shop.options.jobs = 1;
  const fs::path bundle = shop.make();
  REQUIRE(is_killed_at_write(shop, bundle, 22));
  REQUIRE(shop.leftovers().size() >= 1);
  fs::path stage;
  for (const auto& entry : fs::directory_iterator(shop.prefix() / ".envinstall")) {
    if (entry.path().filename().string().starts_with("stage-")) stage = entry.path();
  }
  REQUIRE(!stage.empty());
  // A power cut can leave a file with size and time but without its content.
  std::vector<fs::path> whole;
  for (const auto& entry : fs::recursive_directory_iterator(stage / "lib/many")) {
    whole.push_back(entry.path());
  }
  REQUIRE(whole.size() > 2);
  const std::string damaged = whole.front().filename().string();
  write_text(whole.front(), std::string(1500, '\0'));
  const struct timespec times[2] = {{0, UTIME_OMIT}, {kFileTime, 0}};
  REQUIRE(utimensat(AT_FDCWD, whole.front().c_str(), times, 0) == 0);
  const ino_t kept = stat_of(whole.back()).st_ino;
  const std::string kept_name = whole.back().filename().string();

  EventLog events;
  const InstallReport report = shop.install_file(bundle, real_sys(), events);
  const fs::path release = shop.release(report.release);
  CHECK(report.reused.files >= whole.size() - 1);
  CHECK(stat_of(release / "lib/many" / kept_name).st_ino == kept);
  CHECK(fs::hard_link_count(release / "lib/many" / kept_name) == 1);
  CHECK(release_snapshot(release) == snapshot(shop.scratch.path() / "tree-one"));
  CHECK(shop.leftovers().empty());
  CHECK(std::ranges::count(events.phases, "resume") == 1);
}

TEST_CASE("F118 where every file is synced by itself, shared files are, too") {
  Upgrade shop;
  FaultySys sys;
  std::set<std::string> opened;
  sys.change_statfs = [](struct statfs* info) { info->f_type = 0x6969; };  // NFS
  sys.before = [&](const SysCall& call) {
    // Linked files are opened for nothing else; a first try to clone one is refused here.
    if (std::string(call.name) == "clone_file") opened.clear();
    if (std::string(call.name) == "openat") opened.insert(call.path);
    return 0;
  };
  const InstallReport report = shop.install_file(shop.two, sys, shop.silence);
  CHECK(report.reused.files > 20);
  for (int i = 0; i < 20; ++i) CHECK(opened.contains("m" + std::to_string(i) + ".py"));
}

}  // namespace
}  // namespace eb
