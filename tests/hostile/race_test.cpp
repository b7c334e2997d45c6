#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "extent.hpp"
#include "tests/support/faulty_sys.hpp"
#include "tests/unit/install/workshop.hpp"

// Another process of the same user puts links in the place of folders that are being filled (F112,
// M5): whatever happens to the install, nothing outside of the prefix is made, changed or removed.

namespace eb {
namespace {

using namespace test;

// Links and what they lead to.
struct Trap {
  Workshop shop;
  fs::path bundle = shop.make();
  fs::path outside = shop.scratch.path() / "outside";

  Trap() {
    shop.options.jobs = 2;
    // Names that the tree has, so that an install that came here would find its way; modes that it
    // would change.
    for (const char* folder : {"pkg/__pycache__", "many", "doc", "envbundle", "lib/pkg", "bin"}) {
      fs::create_directories(outside / folder);
    }
    for (const char* file : {"precious", "pkg/__init__.py", "many/m1.py", "doc/README.txt"}) {
      write_text(outside / file, "precious");
      fs::permissions(outside / file, fs::perms(0600));
    }
    for (const auto& entry : fs::recursive_directory_iterator(outside)) {
      if (entry.is_directory()) fs::permissions(entry, fs::perms(0700));
    }
    fs::permissions(outside, fs::perms(0700));
  }
  std::map<std::string, std::string> state() const {
    auto out = snapshot(outside);
    struct stat info {};
    lstat(outside.c_str(), &info);
    out["."] = std::to_string(info.st_mode);
    return out;
  }
  // The folder that an install is filling; empty when there is none.
  fs::path stage() const {
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(shop.prefix() / ".envinstall", error)) {
      if (entry.path().filename().string().starts_with("stage-")) return entry.path();
    }
    return {};
  }
  void install() {
    try {
      shop.install_file(bundle);
    } catch (const Error&) {
      // That it fails is right; what matters is where it did not write.
    }
  }
};

constexpr const char* kPlaces[] = {"lib", "lib/pkg", "lib/many", "share", "share/doc", "bin", "."};

// A folder steps aside for a link, and stays so.
void put_link(const fs::path& folder, const fs::path& target) {
  std::error_code error;
  fs::rename(folder, folder.string() + ".aside", error);
  if (!error) fs::create_directory_symlink(target, folder, error);
}

void put_link_at_every_call(mode_t mask) {
  size_t replaced = 0;
  for (const char* place : kPlaces) {
    Trap trap;
    const auto before = trap.state();
    FaultySys counting;
    const mode_t old = umask(mask);
    trap.shop.install_file(trap.bundle, counting, trap.shop.silence);
    for (size_t at = 1; at <= counting.calls(); at += extent(3, 1)) {
      fs::remove_all(trap.shop.prefix());
      FaultySys sys;
      sys.before = [&](const SysCall& call) {
        if (call.number != at) return 0;
        const fs::path stage = trap.stage();
        const fs::path folder = std::string_view(place) == "." ? stage : stage / place;
        if (!stage.empty() && fs::is_directory(folder)) {
          put_link(folder, trap.outside);
          ++replaced;
        }
        return 0;
      };
      try {
        trap.shop.install_file(trap.bundle, sys, trap.shop.silence);
      } catch (const Error&) {
        // as in Trap::install()
      }
      INFO(place << " became a link at call " << at << " of " << counting.calls());
      const auto after = trap.state();
      CHECK(after == before);
      if (after != before) {
        umask(old);
        return;
      }
    }
    umask(old);
  }
  CHECK(replaced > extent(100, 300));
}

TEST_CASE("F112 a folder of the stage becomes a link at every call") {
  put_link_at_every_call(0022);
}

// Modes are then set by calls of their own.
TEST_CASE("F112 a folder becomes a link at every call, with a umask that takes all bits") {
  put_link_at_every_call(0777);
}

TEST_CASE("F112 folders and links change places all the time") {
  Trap trap;
  const auto before = trap.state();
  const size_t rounds = extent(20'000, 200'000);
  std::atomic<size_t> exchanged{0};
  std::atomic<bool> installing{false};
  std::jthread attacker([&](const std::stop_token& stop) {
    const std::string link = (trap.shop.scratch.path() / "link").string();
    fs::create_directory_symlink(trap.outside, link);
    size_t turn = 0;
    while (!stop.stop_requested()) {
      if (!installing) continue;
      const fs::path stage = trap.stage();
      for (int i = 0; i < 50; ++i) {
        if (stage.empty()) break;
        // The stage itself is left in its place: the next round looks for it.
        const fs::path folder = stage / kPlaces[turn++ % (std::size(kPlaces) - 1)];
        // There and back: RENAME_EXCHANGE.
        for (int k = 0; k < 2; ++k) {
          const auto r =
              syscall(SYS_renameat2, AT_FDCWD, link.c_str(), AT_FDCWD, folder.c_str(), 2);
          if (r == 0) ++exchanged;
        }
      }
    }
  });
  size_t installs = 0;
  const auto limit =
      std::chrono::steady_clock::now() + std::chrono::minutes(is_exhaustive() ? 20 : 1);
  const size_t least = extent(200, 2000);
  while ((exchanged < rounds || installs < least) && trap.state() == before &&
         std::chrono::steady_clock::now() < limit) {
    std::error_code error;
    for (int i = 0; i < 100 && fs::exists(trap.shop.prefix()); ++i) {
      fs::remove_all(trap.shop.prefix(), error);
    }
    installing = true;
    trap.install();
    installing = false;
    ++installs;
  }
  attacker.request_stop();
  attacker.join();
  INFO(exchanged << " exchanges in " << installs << " installs");
  CHECK(trap.state() == before);
  CHECK(exchanged >= rounds);
  CHECK(installs >= least);
  // Left alone, it works.
  fs::remove_all(trap.shop.prefix());
  const InstallReport report = trap.shop.install_file(trap.bundle);
  CHECK(release_snapshot(trap.shop.release(report.release)) ==
        snapshot(trap.shop.scratch.path() / "tree-one"));
}

}  // namespace
}  // namespace eb
