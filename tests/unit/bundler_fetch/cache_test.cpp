#include "bundler/fetch/cache.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <thread>
#include <vector>

#include "bundler/fetch/partial_file.hpp"
#include "installer/base/error.hpp"
#include "tests/support/forwarding_sys.hpp"
#include "tests/support/temp_dir.hpp"
#include "tests/support/thrown_error.hpp"

namespace eb::test {
namespace {

void write(const std::filesystem::path& path, const std::string& text) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << text;
}

std::filesystem::path adopt_text(const ArtifactCache& cache, const std::string& text) {
  const std::filesystem::path file = unique_name(cache.partial_directory(), "test");
  write(file, text);
  return cache.adopt(file, sha256(as_bytes(text)));
}

class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) {
    if (const char* before = std::getenv(name)) before_ = before;
    value != nullptr ? setenv(name, value, 1) : unsetenv(name);
  }
  ~Variable() { before_ ? setenv(name_, before_->c_str(), 1) : unsetenv(name_); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* name_;
  std::optional<std::string> before_;
};

}  // namespace

TEST_CASE("the cache's default place") {
  const Variable home("HOME", "/home/someone");
  const Variable xdg("XDG_CACHE_HOME", nullptr);
  const Variable own("ENVBUNDLE_CACHE", nullptr);
  CHECK(ArtifactCache::default_directory() == "/home/someone/.cache/envbundle");
  const Variable relative("XDG_CACHE_HOME", "cache");
  CHECK(ArtifactCache::default_directory() == "/home/someone/.cache/envbundle");
  const Variable absolute("XDG_CACHE_HOME", "/var/cache");
  CHECK(ArtifactCache::default_directory() == "/var/cache/envbundle");
  const Variable named("ENVBUNDLE_CACHE", "/scratch/downloads");
  CHECK(ArtifactCache::default_directory() == "/scratch/downloads");
}

TEST_CASE("no place for the cache is an error of use") {
  const Variable home("HOME", nullptr);
  const Variable xdg("XDG_CACHE_HOME", "");
  const Variable own("ENVBUNDLE_CACHE", "");
  const Error error = thrown_error([] { ArtifactCache::default_directory(); });
  CHECK(error.code() == ExitCode::kUsage);
}

TEST_CASE("a cache is made where it is missing, or says why not") {
  const TempDir directory;
  const ArtifactCache cache(directory.path() / "a" / "b" / "c/");
  CHECK(std::filesystem::is_directory(directory.path() / "a/b/c/sha256"));
  CHECK(std::filesystem::is_directory(directory.path() / "a/b/c/partial"));
  write(directory.path() / "file", "x");
  const Error error = thrown_error([&] { ArtifactCache other(directory.path() / "file/cache"); });
  CHECK(error.code() == ExitCode::kIo);
  CHECK(std::string(error.what()) == "cannot make a folder of the download cache");
  CHECK(error.hints().size() == 1);
}

TEST_CASE("adopt and find") {
  const TempDir directory;
  const ArtifactCache cache(directory.path());
  const Sha256 digest = sha256(as_bytes("content"));
  bool poisoned = true;
  CHECK_FALSE(cache.find(digest, 7, &poisoned));
  CHECK_FALSE(poisoned);
  const std::filesystem::path path = adopt_text(cache, "content");
  CHECK(path == directory.path() / "sha256" / digest.hex().substr(0, 2) / digest.hex());
  CHECK(cache.find(digest, 7) == path);
  CHECK((std::filesystem::status(path).permissions() & std::filesystem::perms::owner_write) ==
        std::filesystem::perms::none);
  // Again, over what is there.
  CHECK(adopt_text(cache, "content") == path);
  CHECK(cache.find(digest, 7, &poisoned) == path);
  CHECK_FALSE(poisoned);
}

TEST_CASE("a wrong file is removed and reported") {
  const TempDir directory;
  const ArtifactCache cache(directory.path());
  const Sha256 digest = sha256(as_bytes("content"));
  for (const char* text : {"CONTENT", "conten", "content+", ""}) {
    write(cache.path_of(digest), text);
    bool poisoned = false;
    CHECK_FALSE(cache.find(digest, 7, &poisoned));
    CHECK(poisoned);
    CHECK_FALSE(std::filesystem::exists(cache.path_of(digest)));
    CHECK(std::filesystem::is_empty(cache.partial_directory()));
  }
}

TEST_CASE("a right file that takes a wrong one's place is not removed") {
  // Another process repairs the cache between this one's look and its removal.
  class Repairing final : public ForwardingSys {
   public:
    explicit Repairing(std::filesystem::path at) : at_(std::move(at)) {}
    int renameat(int from_dir, const char* from, int to_dir, const char* to) override {
      if (from == at_ && !done_) {
        done_ = true;
        const std::filesystem::path repaired = at_.string() + ".new";
        test::write(repaired, "content");
        std::filesystem::rename(repaired, at_);
      }
      return ForwardingSys::renameat(from_dir, from, to_dir, to);
    }

   private:
    std::filesystem::path at_;
    bool done_ = false;
  };
  const TempDir directory;
  const Sha256 digest = sha256(as_bytes("content"));
  Repairing sys(ArtifactCache(directory.path()).path_of(digest));
  const ArtifactCache cache(directory.path(), sys);
  write(cache.path_of(digest), "CONTENT");
  CHECK_FALSE(cache.find(digest, 7));
  CHECK(cache.find(digest, 7) == cache.path_of(digest));
}

TEST_CASE("a file system that fails is an error, not a missing file") {
  class Failing final : public ForwardingSys {
   public:
    ssize_t read(int, void*, size_t) override { return -EIO; }
  };
  const TempDir directory;
  Failing sys;
  const ArtifactCache cache(directory.path(), sys);
  const std::filesystem::path path = adopt_text(cache, "content");
  const Error error = thrown_error([&] { cache.find(sha256(as_bytes("content")), 7); });
  CHECK(error.code() == ExitCode::kIo);
  CHECK(error.where() == path);
  CHECK(std::filesystem::exists(path));
}

TEST_CASE("an unsynced file is not adopted") {
  class Failing final : public ForwardingSys {
   public:
    int fsync(int) override { return -EIO; }
  };
  const TempDir directory;
  Failing sys;
  const ArtifactCache cache(directory.path(), sys);
  CHECK(thrown_error([&] { adopt_text(cache, "content"); }).code() == ExitCode::kIo);
  CHECK_FALSE(std::filesystem::exists(cache.path_of(sha256(as_bytes("content")))));
}

TEST_CASE("many threads find and adopt at once") {
  const TempDir directory;
  const ArtifactCache cache(directory.path());
  std::vector<std::thread> threads;
  std::atomic<int> found{0};
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 25; ++i) {
        const std::string text = "content " + std::to_string(i);
        const Sha256 digest = sha256(as_bytes(text));
        if (t == 0) write(cache.path_of(digest), "poison");
        adopt_text(cache, text);
        if (cache.find(digest, text.size())) ++found;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(found >= 50);
  CHECK(std::filesystem::is_empty(cache.partial_directory()));
}

TEST_CASE("a partial file goes on where it was left") {
  const TempDir directory;
  const ArtifactCache cache(directory.path());
  const Sha256 digest = sha256(as_bytes("hello world"));
  {
    const auto file = PartialFile::open(cache, digest, 11);
    REQUIRE(file);
    file->set_validator("http://example.com/a", "\"v1\"");
    file->append(as_bytes("hello "));
    CHECK(file->size_bytes() == 6);
  }
  const auto file = PartialFile::open(cache, digest, 11);
  REQUIRE(file);
  CHECK(file->size_bytes() == 6);
  CHECK(file->validator_for("http://example.com/a") == "\"v1\"");
  CHECK(file->validator_for("http://example.com/b").empty());
  file->append(as_bytes("world"));
  REQUIRE(file->digest() == digest);
  CHECK(file->adopt(digest) == cache.path_of(digest));
  CHECK(cache.find(digest, 11));
  CHECK(std::filesystem::is_empty(cache.partial_directory()));
}

TEST_CASE("a partial file has one holder") {
  const TempDir directory;
  const ArtifactCache cache(directory.path());
  const Sha256 digest = sha256(as_bytes("hello"));
  auto holder = PartialFile::open(cache, digest, 5);
  REQUIRE(holder);
  CHECK_FALSE(PartialFile::open(cache, digest, 5));
  {
    const auto own = PartialFile::open_private(cache, digest);
    own->append(as_bytes("hello"));
    own->adopt(own->digest());
  }
  CHECK(cache.find(digest, 5));
  holder.reset();
  CHECK(PartialFile::open(cache, digest, 5));
}

TEST_CASE("a partial file that is empty, private or too long does not stay") {
  const TempDir directory;
  const ArtifactCache cache(directory.path());
  const Sha256 digest = sha256(as_bytes("hello"));
  { PartialFile::open(cache, digest, 5); }
  CHECK(std::filesystem::is_empty(cache.partial_directory()));
  {
    const auto own = PartialFile::open_private(cache, digest);
    own->append(as_bytes("he"));
  }
  CHECK(std::filesystem::is_empty(cache.partial_directory()));
  write(cache.partial_path(digest), "hello world");
  {
    const auto file = PartialFile::open(cache, digest, 5);
    CHECK(file->size_bytes() == 0);
  }
  CHECK(std::filesystem::is_empty(cache.partial_directory()));
}

TEST_CASE("a discarded partial file begins anew") {
  const TempDir directory;
  const ArtifactCache cache(directory.path());
  const Sha256 digest = sha256(as_bytes("right"));
  const auto file = PartialFile::open(cache, digest, 5);
  file->set_validator("http://example.com/a", "\"v1\"");
  file->append(as_bytes("wro"));
  file->discard();
  CHECK(file->size_bytes() == 0);
  CHECK(file->validator_for("http://example.com/a").empty());
  file->append(as_bytes("right"));
  CHECK(file->digest() == digest);
  CHECK(file->adopt(digest) == cache.path_of(digest));
}

}  // namespace eb::test
