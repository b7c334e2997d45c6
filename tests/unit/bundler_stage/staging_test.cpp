#include "bundler/stage/staging.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <fstream>
#include <thread>

#include "installer/base/error.hpp"
#include "tests/support/temp_dir.hpp"

using namespace eb;
using Catch::Contains;

namespace {

std::string all_hints(const Error& error) {
  std::string out;
  for (const std::string& hint : error.hints()) out += hint + "\n";
  return out;
}

std::string conflicts_of(const Staging& staging) {
  try {
    staging.check_conflicts();
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::kConflict);
    return all_hints(error);
  }
  return "";
}

std::string content_of(const Staging& staging, const char* path) {
  return std::string(as_text(staging.read(RelPath(path))));
}

bool exists(const Staging& staging, const char* path) {
  struct stat info {};
  return lstat(staging.host_path(RelPath(path)).c_str(), &info) == 0;
}

}  // namespace

TEST_CASE("staging writes files with mode, digest and implied directories") {
  test::TempDir dir;
  Staging staging(dir.path() / "tree");
  const mode_t old = umask(0077);
  const auto content = staging.add_file(RelPath("lib/a/b.txt"), as_bytes("hello"), false, "x 1");
  staging.add_file(RelPath("bin/run"), as_bytes("#!"), true, "x 1");
  umask(old);
  CHECK(content.size_bytes == 5);
  CHECK(content.digest == sha256(as_bytes("hello")));
  CHECK(content_of(staging, "lib/a/b.txt") == "hello");
  struct stat info {};
  REQUIRE(stat(staging.host_path(RelPath("bin/run")).c_str(), &info) == 0);
  CHECK((info.st_mode & 07777) == 0755);
  REQUIRE(stat(staging.host_path(RelPath("lib/a/b.txt")).c_str(), &info) == 0);
  CHECK((info.st_mode & 07777) == 0644);
  REQUIRE(staging.find(RelPath("lib/a")) != nullptr);
  CHECK(staging.find(RelPath("lib/a"))->type == Staging::Item::Type::kDirectory);
  CHECK(staging.items().size() == 5);
  CHECK(conflicts_of(staging).empty());
}

TEST_CASE("staging streams a file that is larger than its buffer") {
  test::TempDir dir;
  Staging staging(dir.path() / "tree");
  size_t left = 1000003;
  const auto content = staging.add_file(
      RelPath("big"),
      [&left](void* buffer, size_t size) {
        const size_t count = std::min(size, left);
        std::fill_n(static_cast<char*>(buffer), count, 'z');
        left -= count;
        return count;
      },
      false, "x 1");
  CHECK(content.size_bytes == 1000003);
  CHECK(content.digest == sha256(as_bytes(std::string(1000003, 'z'))));
  CHECK(content_of(staging, "big") == std::string(1000003, 'z'));
}

TEST_CASE("a reader that fails leaves nothing of the file") {
  test::TempDir dir;
  Staging staging(dir.path() / "tree");
  int calls = 0;
  const auto read = [&calls](void* buffer, size_t) -> size_t {
    if (++calls == 2) throw Error(ExitCode::kIo, "broken");
    static_cast<char*>(buffer)[0] = 'a';
    return 1;
  };
  CHECK_THROWS_AS(staging.add_file(RelPath("lib/f"), read, false, "x 1"), Error);
  CHECK(staging.find(RelPath("lib/f")) == nullptr);
  CHECK_FALSE(exists(staging, "lib/f"));
}

TEST_CASE("two artifacts may bring the same file; both are its origins") {
  test::TempDir dir;
  Staging staging(dir.path() / "tree");
  staging.add_file(RelPath("nvidia/__init__.py"), Bytes{}, false, "nvidia-cublas 1");
  staging.add_file(RelPath("nvidia/__init__.py"), Bytes{}, false, "nvidia-cudnn 2");
  CHECK(conflicts_of(staging).empty());
  CHECK(staging.find(RelPath("nvidia/__init__.py"))->origins ==
        std::vector<std::string>{"nvidia-cublas 1", "nvidia-cudnn 2"});
}

TEST_CASE("all conflicts are reported at once and the first content stays") {
  test::TempDir dir;
  Staging staging(dir.path() / "tree");
  staging.add_file(RelPath("lib/content"), as_bytes("one"), false, "a 1");
  staging.add_file(RelPath("lib/content"), as_bytes("three"), false, "b 2");
  staging.add_file(RelPath("lib/mode"), as_bytes("m"), false, "a 1");
  staging.add_file(RelPath("lib/mode"), as_bytes("m"), true, "b 2");
  staging.add_symlink(RelPath("lib/link"), "content", "a 1");
  staging.add_symlink(RelPath("lib/link"), "mode", "b 2");
  staging.add_file(RelPath("lib/mode/below"), as_bytes("x"), false, "c 3");
  staging.add_file(RelPath("lib/link/below"), as_bytes("x"), false, "c 3");
  staging.add_directory(RelPath("lib/content"), "d 4");
  staging.add_file(RelPath("lib"), as_bytes("file"), false, "e 5");
  const std::string text = conflicts_of(staging);
  CHECK_THAT(text, Contains("lib/content: a 1 brings a file of 3 bytes"));
  CHECK_THAT(text, Contains("b 2 a file of 5 bytes"));
  CHECK_THAT(text, Contains("lib/mode: a 1 brings a file of 1 bytes"));
  CHECK_THAT(text, Contains("b 2 an executable of 1 bytes"));
  CHECK_THAT(text, Contains("lib/link: a 1 brings a symlink to content and b 2 a symlink to mode"));
  CHECK_THAT(text, Contains("c 3 a directory (for lib/mode/below)"));
  CHECK_THAT(text, Contains("c 3 a directory (for lib/link/below)"));
  CHECK_THAT(text, Contains("d 4 a directory"));
  CHECK_THAT(text, Contains("lib: a 1 brings a directory and e 5 a file of 4 bytes"));
  CHECK(std::count(text.begin(), text.end(), '\n') == 7);
  CHECK(content_of(staging, "lib/content") == "one");
  CHECK_FALSE(exists(staging, "lib/mode/below"));
}

TEST_CASE("F101_names_that_differ_only_in_case_or_normal_form_are_conflicts") {
  test::TempDir dir;
  Staging staging(dir.path() / "tree");
  const std::pair<const char*, const char*> collide[] = {
      {"lib/Foo.py", "lib/foo.py"},
      {"include/xt_MARK.h", "include/xt_mark.h"},
      {"share/caf\u00e9", "share/cafe\u0301"},    // NFC and NFD
      {"share/\u00c4rger", "share/a\u0308rger"},  // both at once
      {"share/\u0416", "share/\u0436"},           // Cyrillic
      {"share/stra\u00dfe", "share/STRASSE"},
      {"share/\ud55c", "share/\u1112\u1161\u11ab"},  // Hangul
  };
  for (const auto& [one, two] : collide) {
    staging.add_file(RelPath(one), as_bytes("1"), false, "a 1");
    staging.add_file(RelPath(two), as_bytes("1"), false, "b 2");
  }
  // Two folders are one conflict, whatever they hold.
  staging.add_file(RelPath("Data/x"), as_bytes("1"), false, "a 1");
  staging.add_file(RelPath("data/x"), as_bytes("1"), false, "b 2");
  staging.add_file(RelPath("data/y"), as_bytes("1"), false, "b 2");
  // Different letters are no conflict, nor is one name in two folders.
  for (const char* apart : {"share/cafe", "share/caf\u00e8", "other/Foo.py", "lib/foo_py"}) {
    staging.add_file(RelPath(apart), as_bytes("1"), false, "c 3");
  }
  CHECK(conflicts_of(staging).empty());
  try {
    staging.check_names();
    FAIL("accepted");
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::kConflict);
    CHECK(error.hints().size() == 9);  // and what to do
    CHECK_THAT(render_error("test", error),
               Contains("lib/Foo.py and lib/foo.py: from a 1 and b 2"));
    CHECK_THAT(render_error("test", error), Contains("Data and data: from a 1 and b 2"));
    CHECK_THAT(render_error("test", error), !Contains("c 3"));
  }
  for (const auto& [one, two] : collide) staging.remove(RelPath(two));
  staging.remove(RelPath("data"));
  CHECK_NOTHROW(staging.check_names());
}

TEST_CASE("F100_symlink_that_leaves_the_release_is_refused") {
  test::TempDir dir;
  Staging staging(dir.path() / "tree");
  CHECK_THROWS_AS(staging.add_symlink(RelPath("a/l"), "/etc/passwd", "x 1"), Error);
  CHECK_THROWS_AS(staging.add_symlink(RelPath("a/l"), "../../x", "x 1"), Error);
  CHECK_THROWS_AS(staging.add_symlink(RelPath("a/l"), "", "x 1"), Error);
  staging.add_symlink(RelPath("a/l"), "../x", "x 1");
  CHECK(conflicts_of(staging).empty());
}

TEST_CASE("F100_symlinks_that_leave_together_or_loop_are_conflicts") {
  test::TempDir dir;
  Staging staging(dir.path() / "tree");
  // Each is inside by its text alone; followed, a/b/out is ../x of the root.
  staging.add_symlink(RelPath("a/b/up"), "../../top", "x 1");
  staging.add_directory(RelPath("top"), "x 1");
  staging.add_symlink(RelPath("a/b/out"), "up/../../x", "x 1");
  staging.add_symlink(RelPath("loop1"), "loop2", "x 1");
  staging.add_symlink(RelPath("loop2"), "loop1", "x 1");
  const std::string text = conflicts_of(staging);
  CHECK_THAT(text, Contains("a/b/out: x 1 brings a symlink to up/../../x, which leads out"));
  CHECK_THAT(text, Contains("loop1: x 1 brings a symlink to loop2, which goes in a circle"));
  CHECK_THAT(text, !Contains("a/b/up:"));
}

TEST_CASE("replace, rename and remove keep the record and the folder in step") {
  test::TempDir dir;
  Staging staging(dir.path() / "tree");
  staging.add_file(RelPath("bin/python"), as_bytes("elf"), true, "python 3");
  staging.add_file(RelPath("a/b/c"), as_bytes("c"), false, "x 1");
  staging.add_file(RelPath("a-b"), as_bytes("d"), false, "x 1");
  staging.rename(RelPath("bin/python"), RelPath("libexec/real/bin/python"));
  staging.replace_file(RelPath("bin/python"), as_bytes("stub"), true, "launcher");
  CHECK(content_of(staging, "libexec/real/bin/python") == "elf");
  CHECK(content_of(staging, "bin/python") == "stub");
  CHECK(staging.find(RelPath("bin/python"))->origins == std::vector<std::string>{"launcher"});
  staging.replace_file(RelPath("bin/python"), as_bytes("stub2"), false, "launcher");
  CHECK(content_of(staging, "bin/python") == "stub2");
  staging.rename(RelPath("a"), RelPath("z/a"));
  CHECK(content_of(staging, "z/a/b/c") == "c");
  CHECK(staging.find(RelPath("a")) == nullptr);
  CHECK(staging.find(RelPath("a-b")) != nullptr);
  staging.add_file(RelPath("a/b/new"), as_bytes("n"), false, "y 1");
  CHECK(content_of(staging, "a/b/new") == "n");
  staging.remove(RelPath("z"));
  CHECK(staging.find(RelPath("z/a/b/c")) == nullptr);
  CHECK_FALSE(exists(staging, "z"));
  CHECK_THROWS_AS(staging.remove(RelPath("z")), Error);
  CHECK_THROWS_AS(staging.rename(RelPath("a-b"), RelPath("a")), Error);
  CHECK_THROWS_AS(staging.replace_file(RelPath("a"), as_bytes(""), false, "x"), Error);
  CHECK(conflicts_of(staging).empty());
}

TEST_CASE("files that a program made are adopted") {
  test::TempDir dir;
  Staging staging(dir.path() / "tree");
  staging.add_file(RelPath("lib/m.py"), as_bytes("x=1"), false, "x 1");
  std::filesystem::create_directory(staging.root() / "lib/__pycache__");
  std::ofstream(staging.root() / "lib/__pycache__/m.pyc") << "code";
  staging.adopt_new_files("lib", "bytecode");
  const auto* item = staging.find(RelPath("lib/__pycache__/m.pyc"));
  REQUIRE(item != nullptr);
  CHECK(item->digest == sha256(as_bytes("code")));
  CHECK(item->origins == std::vector<std::string>{"bytecode"});
  CHECK(staging.find(RelPath("lib/m.py"))->origins == std::vector<std::string>{"x 1"});
  REQUIRE(mkfifo((staging.root() / "lib/pipe").c_str(), 0600) == 0);
  CHECK_THROWS_AS(staging.adopt_new_files("lib", "bytecode"), Error);
}

TEST_CASE("a staging folder with something in it is refused") {
  test::TempDir dir;
  std::ofstream(dir.path() / "file") << "mine";
  CHECK_THROWS_AS(Staging(dir.path()), Error);
}

TEST_CASE("many threads stage at once: the tree and its origins are those of one thread") {
  constexpr int kArtifacts = 8;
  const auto stage = [](Staging& staging, int artifact) {
    const std::string origin = "artifact " + std::to_string(artifact);
    for (int i = 0; i < 200; ++i) {
      const std::string name = std::to_string(i);
      staging.add_file(RelPath("lib/own" + std::to_string(artifact) + "/" + name), as_bytes(name),
                       false, origin);
      staging.add_file(RelPath("lib/shared/" + name), as_bytes(name), false, origin);
    }
    staging.add_symlink(RelPath("lib/link"), "shared/1", origin);
    staging.add_directory(RelPath("share"), origin);
    staging.add_file(RelPath("bad"), as_bytes(origin), false, origin);
  };
  std::vector<std::string> origins;
  for (int i = 0; i < kArtifacts; ++i) origins.push_back("artifact " + std::to_string(i));
  test::TempDir dir;
  Staging one(dir.path() / "one");
  for (int i = 0; i < kArtifacts; ++i) stage(one, i);
  Staging many(dir.path() / "many");
  {
    std::vector<std::thread> threads;
    for (int i = kArtifacts; i-- > 0;) threads.emplace_back([&, i] { stage(many, i); });
    for (std::thread& thread : threads) thread.join();
  }
  many.order_origins(origins);
  REQUIRE(many.items().size() == one.items().size());
  size_t different = 0;
  for (const auto& [path, item] : one.items()) {
    const Staging::Item* other = many.find(path);
    if (path.str() == "bad") continue;
    if (other == nullptr || other->origins != item.origins || other->digest != item.digest) {
      ++different;
    }
  }
  CHECK(different == 0);
  CHECK(content_of(many, "lib/shared/7") == "7");
  // Which of them came first is chance; that all of them disagree is not.
  const std::string text = conflicts_of(many);
  CHECK(std::count(text.begin(), text.end(), '\n') == kArtifacts - 1);
}
