#include "bundler/manifest/manifest.hpp"

#include <catch2/catch.hpp>
#include <fstream>

#include "tests/support/temp_dir.hpp"
#include "tests/support/thrown_error.hpp"

namespace eb {
namespace {

using test::TempDir;
using test::thrown_error;

const std::string kHead = "name = \"x\"\nversion = \"1\"\n";
const std::string kTarget =
    "[target]\nplatform = \"linux-x86_64\"\npython = \"3.11\"\nglibc = \"2.36\"\n";

Manifest parse(const std::string& text) { return parse_manifest(text, "x.toml", "."); }

void write(const std::filesystem::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

TEST_CASE("a whole manifest") {
  const std::string digest(64, 'a');
  const Manifest m = parse(
      kHead + kTarget +
      "[base]\nsuite = \"bookworm\"\npackages = [\"git\", \"libstdc++6\"]\nexclude = [\"perl\"]\n"
      "prune = [\"share/doc/*\"]\n"
      "[python]\nrequirements = [\"torch==2.8.0\", \"numpy\"]\n"
      "[gpu]\ncuda = \"12.8\"\n"
      "[licences]\naccept = [\"NVIDIA Proprietary Software\"]\n"
      "[[tar]]\nurl = \"https://example.com/a/tool-1.tar.gz?x=1\"\nsha256 = \"" +
      digest +
      "\"\nsize = 7\nstrip-components = 1\ndestination = \"opt/tool\"\n"
      "[[file]]\npath = \"motd\"\ndestination = \"share/motd\"\nlicence = \"MIT\"\n"
      "[[folder]]\npath = \"site/\"\n");
  CHECK(m.name == "x");
  CHECK(m.python == "3.11");
  CHECK(m.glibc == "2.36");
  CHECK(m.suite == "bookworm");
  CHECK(m.packages == std::vector<std::string>{"git", "libstdc++6"});
  CHECK(m.excluded_packages == std::vector<std::string>{"perl"});
  CHECK(m.prune == std::vector<std::string>{"share/doc/*"});
  CHECK(m.requirements.size() == 2);
  CHECK(m.cuda == "12.8");
  CHECK(m.min_driver == "525.60.13");
  CHECK(m.accepted_licences == std::vector<std::string>{"NVIDIA Proprietary Software"});
  CHECK(m.notes.empty());
  REQUIRE(m.items.size() == 3);
  CHECK(m.items[0].name == "tool-1.tar.gz");
  CHECK(m.items[0].is_url);
  CHECK(m.items[0].size_bytes == 7);
  CHECK(m.items[0].strip_components == 1);
  CHECK(m.items[1].destination == "share/motd");
  CHECK(m.items[2].name == "site");
  CHECK(m.items[2].destination.empty());
}

TEST_CASE("conflicts of the module") {
  const std::string rest = "[base]\nsuite = \"bookworm\"\npackages = [\"git\"]\n";
  const auto parse = [&](const std::string& text) {
    return parse_manifest(kHead + kTarget + rest + text, "x.toml", ".");
  };
  CHECK(parse("").module_conflicts == std::nullopt);
  CHECK(parse("[modules]\nconflict = []\n").module_conflicts == std::vector<std::string>{});
  CHECK(parse("[modules]\nconflict = [\"cuda/12.8\", \"conda\"]\n").module_conflicts ==
        std::vector<std::string>{"cuda/12.8", "conda"});
  for (const char* bad : {"a b", "", "$x", "-f", "a\\\"b"}) {
    const auto error =
        thrown_error([&] { parse("[modules]\nconflict = [\"" + std::string(bad) + "\"]\n"); });
    CHECK(error.code() == ExitCode::kInvalidLock);
  }
}

TEST_CASE("a manifest extends another file, and a change there is a change") {
  const TempDir dir;
  const std::string shared = kTarget +
                             "[base]\nsuite = \"bookworm\"\npackages = [\"git\", \"zlib1g\"]\n"
                             "[licences]\naccept = [\"A\"]\n";
  write(dir.path() / "base.toml", shared);
  write(dir.path() / "x.toml", "extends = \"base.toml\"\n" + kHead +
                                   "[target]\nglibc = \"2.28\"\n"
                                   "[base]\npackages = [\"zlib1g\", \"tmux\"]\n"
                                   "[licences]\naccept = [\"B\"]\n");
  const Manifest m = load_manifest(dir.path() / "x.toml");
  CHECK(m.platform == "linux-x86_64");
  CHECK(m.glibc == "2.28");
  CHECK(m.packages == std::vector<std::string>{"git", "zlib1g", "tmux"});
  CHECK(m.accepted_licences == std::vector<std::string>{"A", "B"});
  write(dir.path() / "base.toml", shared + "# a comment\n");
  CHECK(load_manifest(dir.path() / "x.toml").digest != m.digest);
}

struct Bad {
  std::string text, what, where, why, hint;
};

TEST_CASE("mistakes get line, column and the nearest key") {
  const auto bad = GENERATE_COPY(values<Bad>({
      {kHead + "\n[target]\nplatfrom = \"linux-x86_64\"\n", "unknown key 'platfrom' in [target]",
       "x.toml, line 5, column 1", "", "did you mean 'platform'?"},
      {kHead + "[pyhton]\n" + kTarget + "[[folder]]\npath = \"p\"\n", "unknown key 'pyhton'",
       "x.toml, line 3, column 2", "", "did you mean 'python'?"},
      {kHead + kTarget + "[[flie]]\npath = \"p\"\n", "unknown key 'flie'",
       "x.toml, line 7, column 3", "", "did you mean 'file'?"},
      {kHead + "zzzzzz = 1\n" + kTarget + "[[folder]]\npath = \"p\"\n", "unknown key 'zzzzzz'",
       "x.toml, line 3, column 1", "",
       "known here: base, extends, file, folder, gpu, licences, modules, name, python, tar, "
       "target, "
       "version"},
      {"name = \"x\"\n", "missing key 'version'", "x.toml, line 1, column 1", "", ""},
      {"name = \"X y\"\nversion = \"1\"\n", "'name' is not a name for a release: \"X y\"",
       "x.toml, line 1, column 1",
       "it may have lower-case letters, digits and . _ + -, at most 64 of them", ""},
      {kHead + "[target]\nplatform = \"windows\"\n", "unknown platform \"windows\"",
       "x.toml, line 4, column 1", "", "known platforms: linux-x86_64, linux-aarch64"},
      {kHead + "[target]\npython = \"3\"\n", "'python' is not a version",
       "x.toml, line 4, column 1", "expected a number such as 3.11 or 3.11.2, got \"3\"", ""},
      {kHead + "[target]\nplatform = \"linux-x86_64\"\n[python]\nrequirements = [\"numpy\"]\n",
       "missing key 'python' in [target]", "x.toml, line 3, column 2", "wheels are chosen for it",
       ""},
      {kHead + kTarget + "[python]\nrequirements = [\"numpy\",\n \"torch 2.8\"]\n",
       "not a requirement: \"torch 2.8\"", "x.toml, line 9, column 2",
       "'2.8' is no version specifier",
       "such as \"numpy\", \"torch==2.8.0\" or \"jupyterlab>=4,<5\""},
      {kHead + kTarget + "[python]\nrequirements = \"numpy\"\n", "'requirements' must be an array",
       "x.toml, line 8, column 1", "it is a string", ""},
      {kHead + kTarget + "[python]\nrequirements = [\"a @ https://example.com/a.whl\"]\n",
       "a requirement cannot name a URL: \"a @ https://example.com/a.whl\"",
       "x.toml, line 8, column 17", "",
       "put the wheel on an index or in a folder that pip's find-links names"},
      {kHead + kTarget + "[base]\npackages = [\"git\"]\n", "missing key 'suite' in [base]",
       "x.toml, line 7, column 2", "packages are chosen from it", ""},
      {kHead + kTarget + "[base]\nsuite = \"bookworm\"\npackages = [\"Git\"]\n",
       "not the name of a Debian package: \"Git\"", "x.toml, line 9, column 1", "", ""},
      {kHead + kTarget, "the manifest asks for nothing", "x.toml", "",
       "give [python] requirements, [base] packages, or a [[tar]], [[file]] or [[folder]]"},
      {kHead + kTarget + "[gpu]\ncuda = \"12.8\"\nmin-driver = \"470\"\n",
       "driver 470 cannot run CUDA 12.8", "x.toml, line 9, column 1",
       "CUDA 12.x needs 525.60.13 or newer", ""},
      {kHead + kTarget + "[[tar]]\nurl = \"https://example.com/t.tar\"\n",
       "a URL needs 'sha256' and 'size' beside it", "x.toml, line 8, column 1",
       "what is downloaded must be known before the first byte",
       "`sha256sum FILE` and `stat -c %s FILE` print them"},
      {kHead + kTarget + "[[tar]]\npath = \"a\"\nurl = \"https://example.com/t.tar\"\n",
       "[[tar]] needs one of 'path' and 'url'", "x.toml, line 8, column 1", "", ""},
      {kHead + kTarget + "[[folder]]\npath = \"a\"\ndestination = \"../x\"\n",
       "'destination' is not a path below the release", "x.toml, line 9, column 1",
       "the path has a '..' component", ""},
      {kHead + kTarget + "[[file]]\npath = \"a\"\n", "missing key 'destination' in [[file]]",
       "x.toml, line 7, column 1", "", "the file's path in the release, such as share/site/motd"},
      {kHead + kTarget + "[[file]]\npath = \"a\"\ndestination = \"b\"\nsha256 = \"12\"\n",
       "'sha256' is not a SHA-256 digest", "x.toml, line 10, column 1",
       "expected 64 hexadecimal digits, got \"12\"", ""},
  }));
  INFO(bad.text);
  const Error error = thrown_error([&] { parse(bad.text); });
  CHECK(error.code() == ExitCode::kInvalidLock);
  CHECK(std::string(error.what()) == bad.what);
  CHECK(error.where() == bad.where);
  CHECK(error.why() == bad.why);
  CHECK((error.hints().empty() ? "" : error.hints()[0]) == bad.hint);
}

TEST_CASE("what a manifest extends must be there") {
  const Error error = thrown_error(
      [] { parse_manifest("extends = \"no-such.toml\"\n" + kHead, "x.toml", "/nowhere"); });
  CHECK(error.code() == ExitCode::kIo);
  CHECK(error.where() == "/nowhere/no-such.toml");
  CHECK(error.hints().back() == "it is what x.toml, line 1, column 1 extends");
}

TEST_CASE("a PyTorch that was never built is refused at the place of the wish") {
  const Error error = thrown_error([] {
    parse(kHead + kTarget +
          "[python]\nrequirements = [\"torch==2.8.0\"]\n[gpu]\ncuda = \"11.8\"\n");
  });
  CHECK(error.code() == ExitCode::kUnresolvable);
  CHECK(std::string(error.what()) == "PyTorch 2.8 was never built for CUDA 11.8");
  CHECK(error.where() == "x.toml, line 10, column 1");
  CHECK(error.why() == "PyTorch 2.8 exists for CUDA 12.6, 12.8 and 12.9");
  CHECK(error.hints() ==
        std::vector<std::string>{"CUDA 11.8 exists for PyTorch 2.3, 2.4, 2.5, 2.6 and 2.7",
                                 "manifests/README.md has the whole table, as of 2026-09"});
}

TEST_CASE("a local version is a wish for a CUDA too") {
  const Error never = thrown_error(
      [] { parse(kHead + kTarget + "[python]\nrequirements = [\"torch==2.8.0+cu121\"]\n"); });
  CHECK(std::string(never.what()) == "PyTorch 2.8 was never built for CUDA 12.1");
  const Error both = thrown_error([] {
    parse(kHead + kTarget +
          "[python]\nrequirements = [\"torch==2.8.0+cu126\"]\n[gpu]\ncuda = \"12.8\"\n");
  });
  CHECK(both.code() == ExitCode::kUnresolvable);
  CHECK(std::string(both.what()) == "'torch==2.8.0+cu126' and CUDA 12.8 exclude each other");
}

}  // namespace
}  // namespace eb
