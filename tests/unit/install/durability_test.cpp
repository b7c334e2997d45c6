#include "installer/install/durability.hpp"

#include <sys/stat.h>

#include <atomic>
#include <cstdlib>
#include <mutex>

#include "installer/install/image_form.hpp"
#include "installer/install/stage.hpp"
#include "prefix_shop.hpp"
#include "tests/support/forwarding_sys.hpp"

namespace eb {
namespace {

using namespace test;

TEST_CASE("what a file system promises") {
  Host host;
  host.kernel = "5.10.0";
  CHECK(judge_durability(0xEF53, host).by_syncfs);
  CHECK(judge_durability(0xEF53, host).past_cache);
  CHECK(judge_durability(0x58465342, host).past_cache);
  CHECK(!judge_durability(0x9123683E, host).past_cache);
  CHECK(!judge_durability(0x01021994, host).past_cache);
  CHECK(judge_durability(0x9123683E, host).file_system == "btrfs");
  CHECK(judge_durability(0x01021994, host).promise == "in memory (tmpfs): gone after a reboot");
  CHECK(!judge_durability(0x6969, host).by_syncfs);
  CHECK(!judge_durability(0x0BD00BD0, host).by_syncfs);
  CHECK(judge_durability(0x0BD00BD0, host).promise ==
        "handed to the server and acknowledged (Lustre)");
  CHECK(!judge_durability(0x12345, host).by_syncfs);
  // A signed long: CIFS' number has the high bit.
  CHECK(judge_durability(0xFFFFFFFFFF534D42u, host).file_system == "CIFS");
  // Before 5.8 syncfs keeps errors to itself.
  host.kernel = "3.10.0-1160.el7.x86_64";
  CHECK(!judge_durability(0xEF53, host).by_syncfs);
  CHECK(!judge_durability(0xEF53, host).past_cache);
}

/// Remembers which files and folders a sync was asked for (Lustre knows none of folders), and how
/// often syncfs was called.
class SyncLog final : public ForwardingSys {
 public:
  int fstatfs(int fd, struct statfs* info) override {
    const int r = ForwardingSys::fstatfs(fd, info);
    info->f_type = 0x6969;
    return r;
  }
  int fsync(int fd) override {
    const int r = ForwardingSys::fsync(fd);
    struct stat info {};
    const std::lock_guard lock(mutex_);
    if (::fstat(fd, &info) == 0) synced_.insert(info.st_ino);
    return r;
  }
  int syncfs(int fd) override {
    ++syncfs_calls;
    return ForwardingSys::syncfs(fd);
  }
  bool has_synced(const fs::path& path) const {
    struct stat info {};
    return ::lstat(path.c_str(), &info) == 0 && synced_.contains(info.st_ino);
  }
  std::atomic<int> syncfs_calls{0};

 private:
  std::mutex mutex_;
  std::set<ino_t> synced_;
};

void check_that_all_is_synced(ReleaseForm form) {
  Workshop shop;
  shop.options.form = form;
  const fs::path tree = shop.scratch.path() / "tree";
  fill_tree(tree);
  write_text(tree / kImageProgram, "#!/bin/sh\nexit 3\n", true);
  SyncLog sys;
  shop.install_file(shop.pack(tree), sys, shop.silence);
  size_t count = 0;
  for (const auto& entry : fs::recursive_directory_iterator(shop.prefix() / "releases")) {
    if (entry.is_symlink()) continue;
    INFO(entry.path());
    CHECK(sys.has_synced(entry.path()));
    ++count;
  }
  CHECK(count > 10);
  CHECK(sys.syncfs_calls == 0);
}

TEST_CASE("every file and folder is synced where syncfs is no promise") {
  check_that_all_is_synced(ReleaseForm::kTree);
}

TEST_CASE("an image, and what lies beside it, is synced where syncfs is no promise") {
  check_that_all_is_synced(ReleaseForm::kImage);
}

TEST_CASE("F124 a syncfs that is not there is made up for") {
  Workshop shop;
  FaultySys sys;
  sys.change_statfs = [](struct statfs* info) { info->f_type = 0xEF53; };
  shop.host.kernel = "6.1";
  size_t fsyncs = 0;
  sys.before = [&](const SysCall& call) {
    fsyncs += call.name == "fsync" ? 1u : 0u;
    return call.name == "syncfs" ? ENOSYS : 0;
  };
  shop.install_file(shop.make(), sys, shop.silence);
  CHECK(fsyncs > 40);
}

/// A stage with one file, and what its index says of it.
struct StageShop : PrefixShop {
  Stage stage{real_sys(), prefix, "r", "n"};
  Index index;
  Durability durability;

  StageShop() {
    for (const char* name : {"index", "signatures", "receipt"}) {
      write_text(at(".envinstall/stage-r-n/.bundle") / name, name);
    }
    write_text(at(".envinstall/stage-r-n/bin/x"), "x");
    index.entries.push_back(
        {.path = RelPath("bin"), .type = EntryType::kDirectory, .digest = {}, .target = {}});
    index.entries.push_back(
        {.path = RelPath("bin/x"), .size_bytes = 1, .digest = {}, .target = {}});
  }
  /// How many were synced.
  size_t sync(bool files_synced = false) {
    const auto fault = sys.before;
    size_t count = 0;
    sys.before = [&](const SysCall& call) {
      if (call.name == "fsync") ++count;
      return fault ? fault(call) : 0;
    };
    make_durable(sys, stage.fd(), index, durability, files_synced,
                 {"index", "signatures", "receipt"}, 1, stage.where());
    return count;
  }
};

TEST_CASE("files that were synced when they were written are not synced again") {
  StageShop shop;
  CHECK(shop.sync() == 1 + 1 + 3 + 1 + 1);  // file, folder, three of .bundle, .bundle, the stage
  shop.sys.before = nullptr;
  CHECK(shop.sync(true) == 1 + 3 + 1 + 1);
}

TEST_CASE("F118 a file that cannot be synced is an error, and nothing is tried again") {
  for (const int error : {EIO, EINVAL, EOPNOTSUPP, ENOSYS}) {
    StageShop shop;
    size_t syncs = 0;
    shop.sys.before = [&](const SysCall& call) {
      return call.name == "fsync" && ++syncs == 1 ? error : 0;
    };
    const Error thrown = thrown_error([&] { shop.sync(); });
    CHECK(std::string(thrown.what()) == "cannot make the release durable");
    CHECK(thrown.where() == shop.stage.where() + "/bin/x");
    CHECK(syncs == 1);
  }
}

TEST_CASE("F124 a folder that knows no sync is passed over, one that fails is not") {
  for (const int error : {EINVAL, EOPNOTSUPP, ENOSYS, EIO}) {
    StageShop shop;
    size_t syncs = 0;
    shop.sys.before = [&](const SysCall& call) {
      return call.name == "fsync" && ++syncs == 1 ? error : 0;
    };
    if (error == EIO) {
      CHECK(thrown_error([&] { shop.sync(true); }).where() == shop.stage.where() + "/bin");
    } else {
      CHECK(shop.sync(true) == 6);
    }
  }
}

TEST_CASE("F124 where syncfs is not to be had every file is synced, where it fails that counts") {
  for (const int error : {ENOSYS, EOPNOTSUPP, EINVAL, EIO}) {
    StageShop shop;
    shop.durability.by_syncfs = true;
    shop.fail("syncfs", "", error);
    if (error == EIO) {
      const Error thrown = thrown_error([&] { shop.sync(); });
      CHECK(std::string(thrown.what()) == "cannot make the release durable");
      CHECK(thrown.where() == shop.stage.where());
    } else {
      CHECK(shop.sync() == 7);
    }
  }
}

TEST_CASE("a kernel that tells no version is one whose syncfs tells no errors") {
  Host host;
  host.kernel = "unknown";
  const Durability durability = judge_durability(0xEF53, host);
  CHECK(!durability.by_syncfs);
  CHECK(durability.promise == "on disk (ext4): survives a power loss");
}

TEST_CASE("an install under a profile is one on that profile's file system") {
  const char* name = std::getenv("EB_PROFILE");
  const std::string profile = name == nullptr ? "" : name;
  if (profile != "nfs" && profile != "lustre") return;
  Workshop shop;
  const InstallReport report = shop.install_file(shop.make());
  CHECK(report.durability.file_system == (profile == "nfs" ? "NFS" : "Lustre"));
  CHECK(report.durability.is_server);
  CHECK(!report.durability.by_syncfs);
}

}  // namespace
}  // namespace eb
