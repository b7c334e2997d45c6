#include "bundler/lock/pylock.hpp"

#include <catch2/catch.hpp>

#include "tests/support/thrown_error.hpp"

namespace eb {
namespace {

using test::thrown_error;

const std::string kHead = "lock-version = \"1.0\"\ncreated-by = \"test\"\n";
const std::string kHash = std::string(64, 'a');

std::string wheel(const std::string& file,
                  const std::string& hashes = "sha256 = \"" + kHash + "\"") {
  return "{ url = \"https://example.com/f/" + file + "\", size = 7, hashes = { " + hashes + " } }";
}

std::string package(const std::string& name, const std::string& more, const std::string& wheels) {
  return "[[packages]]\nname = \"" + name + "\"\nversion = \"1.0\"\n" + more + "wheels = [" +
         wheels + "]\n";
}

std::vector<ChosenWheel> choose(const std::string& text) {
  return choose_wheels(parse_pylock(text, "pylock.toml"),
                       target_environment("linux-x86_64", "3.11.2"),
                       WheelTags("3.11", "linux-x86_64", "2.36"), "pylock.toml");
}

TEST_CASE("the best wheel of each package that holds") {
  const auto chosen = choose(
      kHead + "requires-python = \">=3.9\"\n" +
      package("B_b", "marker = \"sys_platform == 'linux'\"\n",
              wheel("b_b-1.0-py3-none-any.whl") + ", " +
                  wheel("b_b-1.0-cp311-cp311-manylinux_2_28_x86_64.whl") + ", " +
                  wheel("b_b-1.0-cp312-cp312-manylinux_2_28_x86_64.whl")) +
      package("a", "",
              wheel("a-1.0-1-py3-none-any.whl") + ", " + wheel("a-1.0-12-py3-none-any.whl") + ", " +
                  wheel("a-1.0-2-py3-none-any.whl") + ", " + wheel("no wheel.whl")) +
      package("c", "marker = \"sys_platform == 'win32'\"\n", wheel("c-1.0-py3-none-any.whl")));
  REQUIRE(chosen.size() == 2);
  CHECK(chosen[0].name == "a");
  CHECK(chosen[0].wheel.file_name == "a-1.0-12-py3-none-any.whl");
  CHECK(chosen[0].wheel.size_bytes == 7);
  CHECK(chosen[1].name == "b-b");
  CHECK(chosen[1].wheel.file_name == "b_b-1.0-cp311-cp311-manylinux_2_28_x86_64.whl");
  CHECK(chosen[1].wheel.digest == Sha256::from_hex(kHash));
}

TEST_CASE("a path goes before a URL, a name before both") {
  const auto chosen =
      choose(kHead +
             "[[packages]]\nname = \"a\"\n[[packages.wheels]]\nname = \"a-2-py3-none-any.whl\"\n"
             "path = \"wheels/x.whl\"\nurl = \"https://example.com/x.whl\"\n"
             "upload-time = 2026-09-18T17:50:41Z\nhashes = { sha256 = \"" +
             kHash + "\" }\n");
  REQUIRE(chosen.size() == 1);
  CHECK(chosen[0].wheel.is_path);
  CHECK(chosen[0].wheel.place == "wheels/x.whl");
  CHECK(chosen[0].wheel.upload_time == "2026-09-18T17:50:41Z");
  CHECK(chosen[0].version == "2");
}

TEST_CASE("a file name in a URL is decoded") {
  CHECK(choose(kHead + package("torch", "",
                               wheel("torch-2.8.0%2Bcu128-cp311-cp311-manylinux_2_28_"
                                     "x86_64.whl?x=1#y")))[0]
            .wheel.file_name == "torch-2.8.0+cu128-cp311-cp311-manylinux_2_28_x86_64.whl");
}

TEST_CASE("unknown keys are left alone, as the specification asks") {
  CHECK(choose(kHead + "[tool.x]\ny = 1\n" +
               package("a", "index = \"https://example.com\"\nfuture = true\n",
                       wheel("a-1.0-py3-none-any.whl")))
            .size() == 1);
}

TEST_CASE("default groups and environments") {
  CHECK(choose(kHead + "default-groups = [\"dev\"]\nenvironments = [\"os_name == 'posix'\"]\n" +
               package("a", "marker = \"'dev' in dependency_groups\"\n",
                       wheel("a-1.0-py3-none-any.whl")) +
               package("b", "marker = \"'x' in extras\"\n", wheel("b-1.0-py3-none-any.whl")))
            .size() == 1);
}

struct Bad {
  std::string text;
  ExitCode code;
  std::string what, where, why;
};

TEST_CASE("what breaks the specification or does not fit the target is refused") {
  const std::string any = wheel("a-1.0-py3-none-any.whl");
  const auto bad = GENERATE_COPY(values<Bad>({
      {"", ExitCode::kInvalidLock, "not a pylock.toml", "pylock.toml", "it has no 'lock-version'"},
      {"lock-version = \"2.0\"\n", ExitCode::kInvalidLock, "a pylock.toml of another major version",
       "pylock.toml, line 1, column 1", "expected 1.0, got 2.0"},
      {kHead + "requires-python = \">=3.12\"\n", ExitCode::kUnresolvable,
       "the pylock.toml does not fit Python 3.11.2", "pylock.toml", "it asks for Python >=3.12"},
      {kHead + "environments = [\"sys_platform == 'win32'\"]\n", ExitCode::kUnresolvable,
       "the pylock.toml was not made for the target", "pylock.toml",
       "none of its environments is Python 3.11.2 on Linux x86_64"},
      // An unmet requires-python of a package is an error, not a package to skip.
      {kHead + package("a", "requires-python = \"<3\"\n", any), ExitCode::kUnresolvable,
       "a 1.0 does not fit Python 3.11.2", "pylock.toml", "it asks for Python <3"},
      {kHead + package("a", "", any) + package("a", "", any), ExitCode::kInvalidLock,
       "two packages 'a' hold for the target", "pylock.toml", ""},
      {kHead + package("a", "marker = \"nonsense\"\n", any), ExitCode::kInvalidLock,
       "package 'a' has no valid marker", "pylock.toml", "it is \"nonsense\""},
      {kHead + package("a", "", wheel("a-1.0-py3-none-any.whl", "md5 = \"12\"")),
       ExitCode::kInvalidLock, "no sha256 of a-1.0-py3-none-any.whl", "pylock.toml",
       "it has only md5, which do not identify a file"},
      {kHead + package("a", "", "{ url = \"https://example.com/a-1.0-py3-none-any.whl\" }"),
       ExitCode::kInvalidLock, "no sha256 of a-1.0-py3-none-any.whl", "pylock.toml",
       "it has no hash"},
      {kHead + package("a", "", wheel("a-1.0-py3-none-any.whl", "sha256 = \"12\"")),
       ExitCode::kInvalidLock, "'sha256' is not a SHA-256 digest", "pylock.toml, line 6, column 88",
       "expected 64 hexadecimal digits, got \"12\""},
      {kHead + package("a", "", "{ size = 1 }"), ExitCode::kInvalidLock,
       "a wheel needs 'url' or 'path'", "pylock.toml, line 6, column 11", ""},
      {kHead + package("a", "", wheel("a-1.0-cp312-cp312-win_amd64.whl")), ExitCode::kUnresolvable,
       "no wheel of a 1.0 fits the target", "pylock.toml",
       "there is a-1.0-cp312-cp312-win_amd64.whl; the target's best tag is "
       "cp311-cp311-manylinux_2_36_x86_64"},
      {kHead +
           "[[packages]]\nname = \"a\"\nversion = \"1\"\nsdist = { url = \"https://x.y/a.tgz\" }\n",
       ExitCode::kUnresolvable, "no wheel of a 1 fits the target", "pylock.toml",
       "its only source is a sdist"},
      {kHead + "[[packages]]\nname = \"a\"\nversion = \"1\"\narchive = { url = "
               "\"https://x.y/a.tgz\" }\n",
       ExitCode::kUnresolvable, "no wheel of a 1 fits the target", "pylock.toml",
       "its only source is an archive"},
      {kHead + "[[packages]]\nname = \"a\"\n", ExitCode::kInvalidLock,
       "package 'a' needs exactly one source", "pylock.toml, line 4, column 1",
       "one of vcs, directory, archive, or wheels and sdist"},
      {kHead + package("a", "vcs = { type = \"git\" }\n", any), ExitCode::kInvalidLock,
       "package 'a' needs exactly one source", "pylock.toml, line 4, column 1",
       "one of vcs, directory, archive, or wheels and sdist"},
  }));
  INFO(bad.text);
  const Error error = thrown_error([&] { choose(bad.text); });
  CHECK(error.code() == bad.code);
  CHECK(std::string(error.what()) == bad.what);
  CHECK(error.where() == bad.where);
  CHECK(error.why() == bad.why);
}

}  // namespace
}  // namespace eb
