#include "bundler/lock/make_lock.hpp"

#include <catch2/catch.hpp>
#include <fstream>

#include "bundler/artifact/folder.hpp"
#include "installer/base/error.hpp"
#include "tests/support/temp_dir.hpp"
#include "tests/support/thrown_error.hpp"
#include "tests/support/wheel_maker.hpp"
#include "tests/unit/bundler_lock/local_index.hpp"

namespace eb {
namespace {

using test::LocalIndex;
using test::TempDir;
using test::thrown_error;
using test::WheelMaker;

void write(const std::filesystem::path& path, const std::string& text) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << text;
}

/// A folder with a manifest, its cache, and what make_lock() is called with.
struct Shop {
  TempDir dir;
  LockOptions options;
  NullSink events;

  Shop() {
    options.lock_directory = dir.path();
    options.fetch.attempts = 2;
    options.fetch.backoff_seconds = 0.01;
    options.uv = "/nowhere/uv";
  }
  Manifest manifest(const std::string& text) {
    write(dir.path() / "m.toml", "name = \"m\"\nversion = \"1\"\n" + text);
    return load_manifest(dir.path() / "m.toml");
  }
  Lock lock(const std::string& text) {
    return make_lock(manifest(text), options, ArtifactCache(dir.path() / "cache"), events);
  }
};

const std::string kTarget =
    "[target]\nplatform = \"linux-x86_64\"\npython = \"3.11\"\nglibc = \"2.36\"\n";

std::string pylock_of(const std::vector<std::pair<WheelMaker, std::string>>& wheels) {
  std::string out = "lock-version = \"1.0\"\n";
  for (const auto& [wheel, url] : wheels) {
    out += "[[packages]]\nname = \"" + wheel.name + "\"\nversion = \"" + wheel.version +
           "\"\nwheels = [{ url = \"" + url + "\", hashes = { sha256 = \"" +
           sha256(as_bytes(wheel.build())).hex() + "\" } }]\n";
  }
  return out;
}

TEST_CASE("files and folders of the manifest") {
  Shop shop;
  write(shop.dir.path() / "site/motd", "hello");
  write(shop.dir.path() / "tree/bin/x", "x");
  const std::string text =
      "[target]\nplatform = \"linux-x86_64\"\n"
      "[[folder]]\npath = \"tree\"\nlicence = \"MIT\"\n"
      "[[file]]\npath = \"site/motd\"\ndestination = \"etc/motd\"\nsha256 = \"" +
      sha256(as_bytes("hello")).hex() +
      "\"\n[[tar]]\nurl = \"https://example.com/t-1.tar.gz\"\nsha256 = \"" + std::string(64, 'a') +
      "\"\nsize = 5\nstrip-components = 1\n";
  const Lock lock = shop.lock(text);
  REQUIRE(lock.artifacts.size() == 3);
  CHECK(lock.artifacts[0].kind == ArtifactKind::kTar);
  CHECK(lock.artifacts[0].source == "https://example.com/t-1.tar.gz");
  CHECK(lock.artifacts[0].size_bytes == 5);
  CHECK(lock.artifacts[1].source == "site/motd");
  CHECK(lock.artifacts[1].digest == sha256(as_bytes("hello")));
  CHECK(lock.artifacts[2].digest == list_folder(shop.dir.path() / "tree").digest());
  CHECK(lock.artifacts[2].asked_by == std::vector<std::string>{"manifest"});
  CHECK(lock.timestamp == "19800101T000000Z");  // nothing in it has a time
  CHECK(encode_lock(shop.lock(text)) == encode_lock(lock));

  // The lock may lie elsewhere; its paths lead to the same files.
  shop.options.lock_directory = shop.dir.path() / "locks/deep";
  CHECK(shop.lock(text).artifacts[1].source == "../../site/motd");

  CHECK(stale_reasons(shop.manifest(text), lock, shop.dir.path()).empty());
  write(shop.dir.path() / "tree/bin/x", "y");
  CHECK(stale_reasons(shop.manifest(text), lock, shop.dir.path()) ==
        std::vector<std::string>{"folder tree has changed since the lock was made"});
  CHECK(stale_reasons(shop.manifest(text + "# more\n"), lock, shop.dir.path()) ==
        std::vector<std::string>{"the manifest has changed since the lock was made"});

  write(shop.dir.path() / "site/motd", "changed");
  const Error error = thrown_error([&] { shop.lock(text); });
  CHECK(error.code() == ExitCode::kDownloadMismatch);
  CHECK(std::string(error.what()) == "'site/motd' is not what the manifest says");
}

TEST_CASE("a pylock.toml of another tool becomes wheels with licence, size and askers") {
  const bool json = GENERATE(true, false);
  const bool sizes = GENERATE(true, false);
  const bool beside = GENERATE(true, false);
  Shop shop;
  LocalIndex index({.json = json, .sizes = sizes, .metadata = json && beside});
  WheelMaker demo;
  demo.metadata =
      "Metadata-Version: 2.1\nName: demo\nVersion: 1.0\nLicense: MIT\n"
      "Requires-Dist: other\n";
  WheelMaker other;
  other.name = "other";
  other.metadata = "Metadata-Version: 2.1\nName: other\nVersion: 1.0\nLicense-Expression: 0BSD\n";
  other.files = {{.name = "other/large.bin", .content = std::string(200000, 'x')}};
  for (const auto* wheel : {&demo, &other}) {
    index.add(wheel->name, wheel->file_name(), wheel->build(), *wheel->metadata);
  }
  shop.options.sources.index_urls = {index.url()};
  write(shop.dir.path() / "pylock.toml", pylock_of({{demo, index.file_url(demo.file_name())},
                                                    {other, index.file_url(other.file_name())}}));
  const Lock lock = shop.lock(kTarget + "[python]\npylock = \"pylock.toml\"\n");
  REQUIRE(lock.artifacts.size() == 2);
  CHECK(lock.artifacts[0].licence == "MIT");
  CHECK(lock.artifacts[0].size_bytes == demo.build().size());
  CHECK(lock.artifacts[0].asked_by == std::vector<std::string>{"manifest"});
  CHECK(lock.artifacts[1].licence == "0BSD");
  CHECK(lock.artifacts[1].size_bytes == other.build().size());
  CHECK(lock.artifacts[1].asked_by == std::vector<std::string>{"demo"});
  CHECK(lock.artifacts[1].source.empty());
  CHECK(encode_lock(lock).find("127.0.0.1") == std::string::npos);
  if (json) CHECK(lock.timestamp == "20260905T094512Z");  // the newest upload
}

TEST_CASE("a server that sends no parts is asked for the whole wheel, which stays in the cache") {
  Shop shop;
  LocalIndex index({.ranges = false});
  WheelMaker demo;
  demo.metadata = "Metadata-Version: 2.1\nName: demo\nVersion: 1.0\nLicense: MIT\n";
  demo.files = {{.name = "demo/large.bin", .content = std::string(200000, 'x')}};
  index.add("demo", demo.file_name(), demo.build());
  shop.options.sources.index_urls = {index.url()};
  write(shop.dir.path() / "pylock.toml", pylock_of({{demo, index.file_url(demo.file_name())}}));
  const Lock lock = shop.lock(kTarget + "[python]\npylock = \"pylock.toml\"\n");
  REQUIRE(lock.artifacts.size() == 1);
  CHECK(lock.artifacts[0].licence == "MIT");
  CHECK(ArtifactCache(shop.dir.path() / "cache")
            .find(lock.artifacts[0].digest, lock.artifacts[0].size_bytes));
}

TEST_CASE("a size that nobody tells") {
  Shop shop;
  LocalIndex index({.sizes = false, .ranges = false});
  WheelMaker demo;
  index.add("demo", demo.file_name(), demo.build());
  shop.options.sources.index_urls = {index.url()};
  write(shop.dir.path() / "pylock.toml", pylock_of({{demo, index.file_url(demo.file_name())}}));
  const Error error =
      thrown_error([&] { shop.lock(kTarget + "[python]\npylock = \"pylock.toml\"\n"); });
  CHECK(error.code() == ExitCode::kUnresolvable);
  CHECK(std::string(error.what()) == "cannot find out the size of demo-1.0-py3-none-any.whl");
}

TEST_CASE("wheels of a pylock.toml that lie beside it") {
  Shop shop;
  WheelMaker demo;
  demo.metadata = "Metadata-Version: 2.1\nName: demo\nVersion: 1.0\nLicense: MIT\n";
  write(shop.dir.path() / "wheels" / demo.file_name(), demo.build());
  write(shop.dir.path() / "pylock.toml",
        "lock-version = \"1.0\"\n[[packages]]\nname = \"demo\"\nversion = \"1.0\"\n"
        "wheels = [{ path = \"wheels/" +
            demo.file_name() + "\", hashes = { sha256 = \"" + sha256(as_bytes(demo.build())).hex() +
            "\" } }]\n");
  shop.options.sources.index_urls = {"http://127.0.0.1:9/"};  // nobody is asked
  const Lock lock = shop.lock(kTarget + "[python]\npylock = \"pylock.toml\"\n");
  REQUIRE(lock.artifacts.size() == 1);
  CHECK(lock.artifacts[0].licence == "MIT");
  CHECK(lock.artifacts[0].size_bytes == demo.build().size());
}

TEST_CASE("with an unchanged manifest nothing is asked, and what is renewed must be there") {
  Shop shop;
  const std::string text = kTarget + "[python]\nrequirements = [\"demo\"]\n";
  Lock previous;
  previous.manifest_name = "m";
  previous.version = "1";
  previous.platform = "linux-x86_64";
  previous.python = "3.11";
  previous.glibc = "2.36";
  previous.manifest_digest = shop.manifest(text).digest;
  previous.epoch = 1788601512;
  previous.timestamp = "20260905T094512Z";
  Artifact wheel;
  wheel.kind = ArtifactKind::kWheel;
  wheel.name = "demo";
  wheel.version = "1.0";
  wheel.file_name = "demo-1.0-py3-none-any.whl";
  wheel.size_bytes = 1;
  previous.artifacts = {wheel};
  shop.options.previous = previous;
  shop.options.sources.index_urls = {"http://127.0.0.1:9/"};
  CHECK(shop.lock(text) == previous);
  shop.options.upgrade.names = {"debs"};
  CHECK(shop.lock(text) == previous);
  shop.options.upgrade.names = {"numpy"};
  const Error error = thrown_error([&] { shop.lock(text); });
  CHECK(error.code() == ExitCode::kUsage);
  CHECK(std::string(error.what()) == "nothing to upgrade: the lock has no package 'numpy'");
}

TEST_CASE("a licence that was not accepted stops the lock") {
  Shop shop;
  WheelMaker demo;
  demo.metadata = "Metadata-Version: 2.1\nName: demo\nVersion: 1.0\nLicense: NVIDIA EULA\n";
  write(shop.dir.path() / demo.file_name(), demo.build());
  write(shop.dir.path() / "pylock.toml",
        "lock-version = \"1.0\"\n[[packages]]\nname = \"demo\"\nversion = \"1.0\"\n"
        "wheels = [{ path = \"" +
            demo.file_name() + "\", hashes = { sha256 = \"" + sha256(as_bytes(demo.build())).hex() +
            "\" } }]\n");
  shop.options.sources.index_urls = {"http://127.0.0.1:9/"};
  const std::string text = kTarget + "[python]\npylock = \"pylock.toml\"\n";
  CHECK(thrown_error([&] { shop.lock(text); }).code() == ExitCode::kPolicy);
  const Lock lock = shop.lock(text + "[licences]\naccept = [\"NVIDIA EULA\"]\n");
  CHECK(lock.accepted_licences == std::vector<std::string>{"NVIDIA EULA"});
}

}  // namespace
}  // namespace eb
