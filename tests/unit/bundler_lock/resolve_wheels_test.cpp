#include "bundler/lock/resolve_wheels.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <fstream>
#include <sstream>

#include "bundler/lock/program.hpp"
#include "installer/base/error.hpp"
#include "tests/support/temp_dir.hpp"
#include "tests/support/thrown_error.hpp"
#include "tests/support/wheel_maker.hpp"
#include "tests/unit/bundler_lock/local_index.hpp"

namespace eb {
namespace {

using test::TempDir;
using test::thrown_error;

WheelWish wish() {
  WheelWish out;
  out.requirements = {"demo>=1", "other"};
  out.platform = "linux-x86_64";
  out.python = "3.11.2";
  out.glibc = "2.36";
  out.sources.index_urls = {"https://i.example/simple", "https://j.example/whl"};
  out.sources.find_links = {"/wheels"};
  return out;
}

bool has(const std::vector<std::string>& list, const std::string& a, const std::string& b) {
  const auto at = std::find(list.begin(), list.end(), a);
  return at != list.end() && at + 1 != list.end() && *(at + 1) == b;
}

/// A stand-in for uv: `body` is shell; $output is where the pylock.toml goes.
std::string make_uv(const TempDir& dir, const std::string& body) {
  const auto path = dir.path() / "uv";
  std::ofstream(path) << "#!/bin/sh\necho \"$@\" > " << (dir.path() / "arguments").string()
                      << "\nwhile [ $# -gt 1 ]; do [ \"$1\" = --output-file ] && output=$2; shift; "
                         "done\n"
                      << body;
  std::filesystem::permissions(path, std::filesystem::perms::owner_all);
  return path.string();
}

std::string read(const std::filesystem::path& path) {
  std::ifstream in(path);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

TEST_CASE("uv is asked for the target, with wheels and hashes only") {
  const auto arguments = uv_arguments(wish(), "in", "out");
  CHECK(arguments[0] == "pip");
  CHECK(arguments[1] == "compile");
  CHECK(has(arguments, "--python-version", "3.11.2"));
  CHECK(has(arguments, "--python-platform", "x86_64-manylinux_2_36"));
  CHECK(has(arguments, "--only-binary", ":all:"));
  CHECK(has(arguments, "--default-index", "https://i.example/simple"));
  CHECK(has(arguments, "--index", "https://j.example/whl"));
  CHECK(has(arguments, "--index-strategy", "first-index"));
  CHECK(has(arguments, "--find-links", "/wheels"));
  CHECK(std::count(arguments.begin(), arguments.end(), "--generate-hashes") == 1);
  CHECK(std::count(arguments.begin(), arguments.end(), "--no-index") == 0);
}

TEST_CASE("uv's platform is the newest that the target has") {
  WheelWish w = wish();
  const auto [platform, glibc, expected] = GENERATE(table<std::string, std::string, std::string>({
      {"linux-x86_64", "2.28", "x86_64-manylinux_2_28"},
      {"linux-x86_64", "2.30", "x86_64-manylinux_2_28"},
      {"linux-x86_64", "2.17", "x86_64-manylinux_2_17"},
      {"linux-x86_64", "2.99", "x86_64-manylinux_2_40"},
      {"linux-aarch64", "2.31", "aarch64-manylinux_2_31"},
  }));
  w.platform = platform;
  w.glibc = glibc;
  CHECK(has(uv_arguments(w, "in", "out"), "--python-platform", expected));
}

TEST_CASE("uv's answer is read, and the old versions are shown to it") {
  const TempDir dir;
  WheelWish w = wish();
  w.uv = make_uv(dir, "cat \"$output\" > \"" + (dir.path() / "before").string() +
                          "\"\necho 'lock-version = \"1.0\"' > \"$output\"\n");
  w.preferred = {{"demo", "1.5"}};
  NullSink events;
  CHECK(resolve_wheels(w, events).packages.empty());
  const auto before = parse_pylock(read(dir.path() / "before"), "before");
  REQUIRE(before.packages.size() == 1);
  CHECK(before.packages[0].name == "demo");
  CHECK(before.packages[0].version == "1.5");
}

TEST_CASE("uv's refusal is told in its words, without its drawing") {
  const TempDir dir;
  WheelWish w = wish();
  NullSink events;
  w.uv = make_uv(dir,
                 "printf '  \\303\\227 No solution found when resolving dependencies:\\n  "
                 "\\342\\225\\260\\342\\224\\200\\342\\226\\266 Because there is no version of "
                 "demo==9 and\\n      you require demo==9, we can conclude\\n' >&2; exit 1\n");
  const Error unresolved = thrown_error([&] { resolve_wheels(w, events); });
  CHECK(unresolved.code() == ExitCode::kUnresolvable);
  CHECK(std::string(unresolved.what()) == "the requirements cannot be resolved");
  CHECK(unresolved.where() == "Python 3.11.2, linux-x86_64, glibc 2.36");
  CHECK(unresolved.why() ==
        "Because there is no version of demo==9 and you require demo==9, we can conclude");
  w.uv = make_uv(dir,
                 "echo 'error: Failed to fetch: `https://u:secret@i.example/simple/demo/`' "
                 ">&2; exit 2\n");
  const Error network = thrown_error([&] { resolve_wheels(w, events); });
  CHECK(network.code() == ExitCode::kNetwork);
  CHECK(std::string(network.what()) == "uv cannot read the package index");
  CHECK(network.why().find("secret") == std::string::npos);
}

TEST_CASE("pip's report as a pylock") {
  const std::string hash(64, 'c');
  const Pylock pylock = parse_pip_report(
      R"({"version":"1","install":[{"download_info":{"url":
      "https://i.example/f/Demo_x-1.0%2Bcu1-py3-none-any.whl#sha256=1","archive_info":{"hashes":
      {"sha256":")" +
      hash + R"("}}},"metadata":{"name":"Demo.X","version":"1.0+cu1"}}]})");
  REQUIRE(pylock.packages.size() == 1);
  CHECK(pylock.packages[0].name == "demo-x");
  CHECK(pylock.packages[0].wheels[0].file_name == "Demo_x-1.0+cu1-py3-none-any.whl");
  CHECK(pylock.packages[0].wheels[0].digest == Sha256::from_hex(hash));
  for (const char* bad :
       {"", "[]", "{}", R"({"version":"2","install":[]})", R"({"version":"1","install":[{}]})"}) {
    INFO(bad);
    CHECK(thrown_error([&] { parse_pip_report(bad); }).code() == ExitCode::kInternal);
  }
}

TEST_CASE("pip is no resolver for another Python than its own") {
  WheelWish w = wish();
  w.uv = "/nowhere/uv";
  w.python = "3.7.1";
  NullSink events;
  const Error error = thrown_error([&] { resolve_wheels(w, events); });
  CHECK(error.code() == ExitCode::kInternal);
  CHECK(std::string(error.what()) == "no resolver for this target");
  CHECK(error.hints() ==
        std::vector<std::string>{"install uv (pip install uv), or name it: --uv PROGRAM"});
}

TEST_CASE("F065 a package of a second index cannot take the place of the first one's") {
  if (run_program({{"python3", "-m", "pip", "--version"}, {}}).status != 0) {
    WARN("python3 has no pip: not tested");
    return;
  }
  const auto version =
      run_program({{"python3", "-c", "import platform; print(platform.python_version())"}, {}});
  // The house's own index, and a public one where somebody put a newer "demo".
  test::LocalIndex own({});
  test::WheelMaker demo;
  own.add("demo", demo.file_name(), demo.build());
  test::LocalIndex foreign({});
  test::WheelMaker imposter;
  imposter.version = "99.0";
  foreign.add("demo", imposter.file_name(), imposter.build());
  WheelWish w = wish();
  w.python = version.output.substr(0, version.output.find('\n'));
  w.sources = {};
  w.sources.index_urls = {own.url(), foreign.url()};
  w.requirements = {"demo"};
  NullSink events;
  // uv is told to keep to the first index that has the name; pip cannot be told, and is not asked.
  CHECK(has(uv_arguments(w, "in", "out"), "--index-strategy", "first-index"));
  w.uv = "/nowhere/uv";
  const Error error = thrown_error([&] { resolve_wheels(w, events); });
  CHECK(error.code() == ExitCode::kUnresolvable);
  CHECK(std::string(error.what()) == "pip cannot keep to the order of several indexes");
  CHECK(foreign.requests().empty());
  w.sources.index_urls = {own.url()};
  const Pylock pylock = resolve_wheels(w, events);
  REQUIRE(pylock.packages.size() == 1);
  CHECK(pylock.packages[0].version == demo.version);
}

TEST_CASE("pip resolves for its own Python where there is no uv") {
  if (run_program({{"python3", "-m", "pip", "--version"}, {}}).status != 0) {
    WARN("python3 has no pip: not tested");
    return;
  }
  const auto version = run_program(
      {{"python3", "-c", "import platform; print(platform.python_version(), platform.machine())"},
       {}});
  std::istringstream answer(version.output);
  std::string python, machine;
  answer >> python >> machine;
  test::LocalIndex index({});
  test::WheelMaker demo;
  demo.metadata = "Metadata-Version: 2.1\nName: demo\nVersion: 1.0\nRequires-Dist: other>=1\n";
  index.add("demo", demo.file_name(), demo.build());
  test::WheelMaker other;
  other.name = "other";
  other.version = GENERATE("1.5", "2.0");
  index.add("other", other.file_name(), other.build());
  WheelWish w = wish();
  w.uv = "/nowhere/uv";
  w.python = python;
  w.platform = "linux-" + machine;
  w.sources = {};
  w.sources.index_urls = {index.url()};
  w.requirements = {"demo"};
  w.preferred = {{"other", "1.5"}};  // not there the second time: pip then chooses anew
  NullSink events;
  const Pylock pylock = resolve_wheels(w, events);
  REQUIRE(pylock.packages.size() == 2);
  for (const auto& package : pylock.packages) {
    CHECK(package.wheels.at(0).digest);
    if (package.name == "other") CHECK(package.version == other.version);
  }
}

}  // namespace
}  // namespace eb
