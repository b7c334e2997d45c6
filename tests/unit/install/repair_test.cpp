#include "installer/install/repair.hpp"

#include "installer/install/image_check.hpp"
#include "installer/install/release_check.hpp"
#include "tests/support/faulty_sys.hpp"
#include "workshop.hpp"

namespace eb {
namespace {

using namespace test;
using Catch::Matchers::Contains;

struct Shop : Workshop {
  fs::path bundle = make();
  std::string name = install_file(bundle).release;
  fs::path root = release(name);
  std::map<std::string, std::string> whole = snapshot(root);

  RepairReport repair_with(const fs::path& from, Sys& sys = real_sys(),
                           std::optional<std::string> which = std::nullopt) {
    const auto source = open_bundle_file(sys, from.string());
    const VerifiedBundle verified = open(*source);
    return repair(sys, *source, verified, open_prefix(sys, prefix().string()),
                  {.release = std::move(which), .jobs = 2}, trust(), host, silence, stop);
  }
  Error refused(const fs::path& from, std::optional<std::string> which = std::nullopt) {
    return thrown_error([&] { repair_with(from, real_sys(), std::move(which)); });
  }
};

void flip_byte(const fs::path& file, size_t at) {
  std::string text = read_text(file);
  text.at(at) = static_cast<char>(text.at(at) ^ 1);
  const fs::perms mode = fs::status(file).permissions();
  write_text(file, text);
  fs::permissions(file, mode);
}

TEST_CASE("repair of a whole release writes nothing") {
  Shop shop;
  const RepairReport report = shop.repair_with(shop.bundle);
  CHECK(report.rewritten.empty());
  CHECK(report.bytes == 0);
  CHECK(report.frames_read == 0);
  CHECK(report.files == 31);
  CHECK(snapshot(shop.root) == shop.whole);
  CHECK(shop.leftovers().empty());
}

TEST_CASE("repair writes what is wrong, and reads no frame more than it needs") {
  Shop shop;
  flip_byte(shop.root / "lib/libbig.so.1", 100'000);
  fs::remove(shop.root / "share/doc/README.txt");
  fs::remove(shop.root / "lib/libbig.so");
  fs::create_symlink("elsewhere", shop.root / "lib/libbig.so");
  fs::remove_all(shop.root / "etc");
  fs::permissions(shop.root / "bin", fs::perms(0700));
  const RepairReport report = shop.repair_with(shop.bundle);
  CHECK(snapshot(shop.root) == shop.whole);
  CHECK(report.frames_read > 0);
  CHECK(report.frames_read < report.frames);
  CHECK(std::ranges::binary_search(report.rewritten, "lib/libbig.so.1"));
  CHECK(std::ranges::binary_search(report.rewritten, "etc/empty"));
  CHECK(!std::ranges::binary_search(report.rewritten, "bin/python"));
  CHECK(report.added.empty());
  CHECK(report.kept_at.empty());
  CHECK(shop.leftovers().empty());
  CHECK_THAT(read_text(shop.prefix() / ".envinstall/log"),
             Contains("repaired " + shop.name + " id "));
}

TEST_CASE("every file of a release can be repaired, one alone and all of them") {
  Shop shop;
  std::vector<std::string> files;
  for (const auto& [path, what] : release_snapshot(shop.root)) {
    if (what.starts_with("file ")) files.push_back(path);
  }
  for (const std::string& path : files) {
    CAPTURE(path);
    fs::remove(shop.root / path);
    const RepairReport report = shop.repair_with(shop.bundle);
    CHECK(report.rewritten == std::vector<std::string>{path});
    REQUIRE(snapshot(shop.root) == shop.whole);
  }
  for (const std::string& path : files) write_text(shop.root / path, "other");
  CHECK(shop.repair_with(shop.bundle).rewritten.size() == files.size());
  CHECK(snapshot(shop.root) == shop.whole);
}

TEST_CASE("a wrong mode is set without the bundle's frames") {
  Shop shop;
  for (const auto& [path, what] : release_snapshot(shop.root)) {
    if (what.starts_with("file ")) fs::permissions(shop.root / path, fs::perms(0664));
  }
  const RepairReport report = shop.repair_with(shop.bundle);
  CHECK(report.frames_read == 0);
  CHECK(report.modes == 31);
  CHECK(snapshot(shop.root) == shop.whole);
}

TEST_CASE("repair keeps what no bundle brought, also where it stands in the way") {
  Shop shop;
  write_text(shop.root / "share/mine", "mine");
  fs::remove(shop.root / "bin/python");
  write_text(shop.root / "bin/python/thesis", "mine");  // a folder in a file's place
  fs::remove_all(shop.root / "etc");
  write_text(shop.root / "etc", "mine");  // a file in a folder's place
  fs::remove_all(shop.root / "share/doc");
  fs::create_symlink("/", shop.root / "share/doc");  // and a link that leads out
  const RepairReport report = shop.repair_with(shop.bundle);
  CHECK(report.added == std::vector<std::string>{"share/mine"});
  REQUIRE(!report.kept_at.empty());
  std::map<std::string, std::string> now = snapshot(shop.root);
  now.erase("share/mine");
  CHECK(now == shop.whole);
  std::set<std::string> kept;
  for (const auto& [path, what] : snapshot(report.kept_at))
    kept.insert(path.substr(path.find('-') + 1));
  CHECK(kept == std::set<std::string>{"python", "python/thesis", "etc", "doc"});
}

TEST_CASE("repair goes through no link that somebody put into the release") {
  Shop shop;
  const fs::path outside = shop.scratch.path() / "outside";
  fs::create_directories(outside);
  write_text(outside / "libbig.so.1", "outside");
  fs::remove_all(shop.root / "lib");
  fs::create_symlink(outside, shop.root / "lib");
  shop.repair_with(shop.bundle);
  CHECK(snapshot(shop.root) == shop.whole);
  CHECK(read_text(outside / "libbig.so.1") == "outside");
  CHECK(std::distance(fs::directory_iterator(outside), fs::directory_iterator()) == 1);
}

TEST_CASE("the bundle's own files are repaired, and the index of the release is not believed") {
  Shop shop;
  for (const char* file : {"index", "signatures", "receipt"}) {
    write_text(shop.root / ".bundle" / file, "x");
    CHECK(shop.repair_with(shop.bundle).rewritten ==
          std::vector<std::string>{std::string(".bundle/") + file});
  }
  fs::remove_all(shop.root / ".bundle");
  CHECK(shop.repair_with(shop.bundle).rewritten.size() == 3);
  std::map<std::string, std::string> now = snapshot(shop.root);
  for (auto* tree : {&now, &shop.whole}) tree->erase(".bundle/receipt");  // it has another nonce
  CHECK(now == shop.whole);
  CHECK(shop.current() == shop.name);
}

TEST_CASE("repair asks for the bundle that the release came from") {
  Shop shop;
  const fs::path other = shop.make("two");
  Error error = shop.refused(other);
  CHECK(error.code() == ExitCode::kUsage);
  CHECK(std::string(error.what()) == "the bundle is not the one that the release came from");
  CHECK(shop.refused(other, shop.name).code() == ExitCode::kUsage);
  CHECK(shop.refused(shop.bundle, "nothing").code() == ExitCode::kUsage);
  CHECK(snapshot(shop.root) == shop.whole);
}

TEST_CASE("a repair from a damaged bundle puts nothing wrong in place") {
  Shop shop;
  flip_byte(shop.root / "lib/libbig.so.1", 10);
  const std::string before = read_text(shop.root / "lib/libbig.so.1");
  const fs::path damaged = shop.scratch.path() / "damaged.zst";
  std::string data = read_text(shop.bundle);
  data[data.size() / 2] = static_cast<char>(data[data.size() / 2] ^ 4);
  write_text(damaged, data);
  const Error error = shop.refused(damaged);
  CHECK(error.code() == ExitCode::kDigestMismatch);
  CHECK(read_text(shop.root / "lib/libbig.so.1") == before);
  CHECK(shop.leftovers().empty());
}

TEST_CASE("of a release in image form what lies beside the image is repaired, the image is not") {
  Workshop shop;
  shop.options.form = ReleaseForm::kImage;
  const fs::path tree = shop.scratch.path() / "tree-image";
  fill_tree(tree);
  write_text(tree / kImageProgram, "#!/bin/sh\nexit 3\n", true);
  const fs::path bundle = shop.pack(tree);
  const std::string name = shop.install_file(bundle).release;
  const auto whole = snapshot(shop.release(name));
  const auto repair_it = [&] {
    const auto source = open_bundle_file(real_sys(), bundle.string());
    const VerifiedBundle verified = shop.open(*source);
    return repair(real_sys(), *source, verified, open_prefix(real_sys(), shop.prefix().string()),
                  {.release = {}, .jobs = 2}, shop.trust(), shop.host, shop.silence, shop.stop);
  };
  CHECK(repair_it().rewritten.empty());
  write_text(shop.release(name) / kImageProgram, "wrong", true);  // all its names with it
  fs::remove(shop.release(name) / "bin/python");
  const RepairReport report = repair_it();
  CHECK(report.release == name);
  CHECK(std::ranges::binary_search(report.rewritten, kImageProgram));
  CHECK(snapshot(shop.release(name)) == whole);
  flip_byte(shop.release(name) / kImageFile, 1000);
  const Error error = thrown_error(repair_it);
  CHECK(error.code() == ExitCode::kDigestMismatch);
  CHECK(std::string(error.what()) == "the image of the release is damaged");
  CHECK_THAT(error.hints().at(0), Contains("--as-image"));
}

TEST_CASE("every call of a repair fails once: each file is the old one or the right one") {
  Shop shop;
  const auto damage = [&] {
    flip_byte(shop.root / "lib/libbig.so.1", 50'000);
    fs::remove(shop.root / "bin/python");
    fs::remove_all(shop.root / "etc");
  };
  damage();
  FaultySys counting;
  shop.repair_with(shop.bundle, counting);
  const size_t total = counting.calls();
  REQUIRE(snapshot(shop.root) == shop.whole);
  for (size_t at = 1; at <= total; at += 5) {
    INFO(at);
    damage();
    const auto damaged = snapshot(shop.root);
    FaultySys sys;
    sys.before = [&](const SysCall& call) { return call.number == at ? EIO : 0; };
    try {
      shop.repair_with(shop.bundle, sys);
    } catch (const Error&) {
      // What matters is what is left.
    }
    // A lock that could not be given back is this process's own, which goes on living.
    fs::remove_all(shop.prefix() / ".envinstall/lock.d");
    for (const auto& [path, what] : snapshot(shop.root)) {
      const auto old = damaged.find(path);
      CHECK((path == ".bundle/receipt" || what == shop.whole[path] ||
             (old != damaged.end() && what == old->second)));
    }
    shop.repair_with(shop.bundle);
    CHECK(release_snapshot(shop.root) == snapshot(shop.scratch.path() / "tree-one"));
    CHECK(shop.leftovers().empty());
  }
}

}  // namespace
}  // namespace eb
