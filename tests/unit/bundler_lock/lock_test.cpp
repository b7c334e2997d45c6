#include "bundler/lock/lock.hpp"

#include <catch2/catch.hpp>

#include "installer/base/rel_path.hpp"
#include "tests/support/thrown_error.hpp"

namespace eb {
namespace {

using test::thrown_error;

Lock sample_lock() {
  Lock lock;
  lock.manifest_name = "sample";
  lock.version = "1.2";
  lock.manifest_digest = sha256(as_bytes("manifest"));
  lock.platform = "linux-x86_64";
  lock.python = "3.11";
  lock.glibc = "2.36";
  lock.suite = "bookworm";
  lock.timestamp = "20260905T094512Z";
  lock.epoch = 1788601512;
  lock.cuda = "12.8";
  lock.min_driver = "525.60.13";
  lock.prune = {"usr/share/doc/*"};
  lock.accepted_licences = {"NVIDIA Proprietary Software"};
  Artifact wheel;
  wheel.kind = ArtifactKind::kWheel;
  wheel.name = "numpy";
  wheel.version = "2.3.0";
  wheel.file_name = "numpy-2.3.0-cp311-cp311-manylinux_2_28_x86_64.whl";
  wheel.size_bytes = 16900000;
  wheel.digest = sha256(as_bytes("numpy"));
  wheel.licence = "BSD \"new\"\nand \\ more\tü \x01";
  wheel.asked_by = {"manifest", "torch"};
  Artifact deb;
  deb.kind = ArtifactKind::kDeb;
  deb.name = "git";
  deb.version = "1:2.39.5-0+deb12u2";
  deb.file_name = "git_2.39.5-0+deb12u2_amd64.deb";
  deb.size_bytes = 7000000;
  deb.digest = sha256(as_bytes("git"));
  deb.asked_by = {"manifest"};
  deb.source = "pool/main/g/git/git_2.39.5-0+deb12u2_amd64.deb";
  deb.archive = "debian";
  Artifact tar;
  tar.kind = ArtifactKind::kTar;
  tar.name = "tool";
  tar.file_name = "tool.tar.gz";
  tar.size_bytes = 3;
  tar.digest = sha256(as_bytes("tool"));
  tar.source = "https://example.com/tool.tar.gz";
  tar.destination = "opt/tool";
  tar.strip_components = 1;
  lock.artifacts = {wheel, deb, tar};
  return lock;
}

/// A lock's text with one artifact whose lines are `fields`.
std::string lock_with(const std::string& fields) {
  return "lock-version = 1\nname = \"x\"\nmanifest-sha256 = \"" + std::string(64, '0') +
         "\"\nepoch = 0\n[target]\nplatform = \"linux-x86_64\"\n[[artifact]]\n" + fields;
}

const std::string kDigest = "sha256 = \"" + std::string(64, 'a') + "\"\n";

TEST_CASE("conflicts of the module are none, some, or not said") {
  Lock lock = sample_lock();
  CHECK(encode_lock(lock).find("[modules]") == std::string::npos);
  CHECK(parse_lock(encode_lock(lock), "x.lock") == lock);
  lock.module_conflicts = std::vector<std::string>{};
  CHECK(parse_lock(encode_lock(lock), "x.lock") == lock);
  lock.module_conflicts = {"cuda", "conda"};
  CHECK(parse_lock(encode_lock(lock), "x.lock") == lock);
}

TEST_CASE("a lock survives encode and parse, byte for byte") {
  const Lock lock = sample_lock();
  const std::string text = encode_lock(lock);
  CHECK(parse_lock(text, "sample.lock") == lock);
  CHECK(encode_lock(parse_lock(text, "sample.lock")) == text);
}

TEST_CASE("the order of artifacts does not change a lock") {
  Lock lock = sample_lock();
  const std::string text = encode_lock(lock);
  std::swap(lock.artifacts.front(), lock.artifacts.back());
  CHECK(encode_lock(lock) == text);
}

TEST_CASE("a lock without optional parts survives too") {
  Lock lock;
  lock.manifest_name = "bare";
  lock.platform = "linux-x86_64";
  CHECK(parse_lock(encode_lock(lock), "bare.lock") == lock);
}

TEST_CASE("a lock's text is as documented") {
  Lock lock = sample_lock();
  lock.artifacts = {lock.artifacts[2]};
  CHECK(encode_lock(lock) ==
        "# Made by `envbundle lock` from the manifest of the same name; not for editing.\n"
        "lock-version = 1\n"
        "name = \"sample\"\n"
        "version = \"1.2\"\n"
        "manifest-sha256 = \"" +
            sha256(as_bytes("manifest")).hex() +
            "\"\n"
            "timestamp = \"20260905T094512Z\"\n"
            "epoch = 1788601512\n"
            "accepted-licences = [\"NVIDIA Proprietary Software\"]\n"
            "prune = [\"usr/share/doc/*\"]\n"
            "\n[target]\n"
            "platform = \"linux-x86_64\"\n"
            "python = \"3.11\"\n"
            "glibc = \"2.36\"\n"
            "suite = \"bookworm\"\n"
            "\n[gpu]\n"
            "cuda = \"12.8\"\n"
            "min-driver = \"525.60.13\"\n"
            "\n[[artifact]]\n"
            "kind = \"tar\"\n"
            "name = \"tool\"\n"
            "file = \"tool.tar.gz\"\n"
            "size = 3\n"
            "sha256 = \"" +
            sha256(as_bytes("tool")).hex() +
            "\"\n"
            "source = \"https://example.com/tool.tar.gz\"\n"
            "destination = \"opt/tool\"\n"
            "strip-components = 1\n");
}

struct BadLock {
  std::string text;
  std::string what;
  std::string where;
  std::string why;
};

TEST_CASE("a bad lock is refused with place and reason") {
  const std::string file = "file = \"f.whl\"\nsize = 1\n";
  const std::string wheel = "kind = \"wheel\"\nname = \"a\"\n";
  const auto bad = GENERATE_COPY(values<BadLock>({
      {"lock-version = 99\n", "the lock has a version that this envbundle cannot read",
       "x.lock, line 1, column 1", "expected lock-version 1, got 99"},
      {"name = \"x\"\n", "not a lock of envbundle", "x.lock", "it has no 'lock-version'"},
      {"lock-version = 1\nname = 7\n", "'name' must be a string", "x.lock, line 2, column 1",
       "it is an integer"},
      {lock_with("kind = \"zip\"\n"), "unknown kind of artifact 'zip'", "x.lock, line 8, column 1",
       ""},
      {lock_with(wheel + file), "missing key 'sha256' in [[artifact]]", "x.lock, line 7, column 1",
       ""},
      {lock_with(wheel + file + "md5 = \"00\"\n"), "a weak digest does not identify 'f.whl'",
       "x.lock, line 12, column 1", "the lock gives md5, sha256 is required"},
      {lock_with(wheel + file + "sha256 = \"abc\"\n"), "'sha256' is not a SHA-256 digest",
       "x.lock, line 12, column 1", "expected 64 hexadecimal digits, got \"abc\""},
      {lock_with(wheel + "file = \"../f\"\nsize = 1\n" + kDigest), "'file' is not a file name",
       "x.lock, line 10, column 1", "it is \"../f\""},
      {lock_with(wheel + "file = \"f\"\nsize = -1\n" + kDigest), "'size' is negative",
       "x.lock, line 11, column 1", ""},
      {lock_with(wheel + file + kDigest + "sise = 1\n"), "unknown key 'sise' in [[artifact]]",
       "x.lock, line 13, column 1", ""},
      {lock_with(wheel + file + kDigest + "[[artifact]]\n" + wheel + file + kDigest),
       "the lock names wheel 'a' twice", "x.lock", ""},
      {lock_with(wheel + file + kDigest +
                 "[[artifact]]\nkind = \"wheel\"\nname = \"b\"\n"
                 "file = \"g.whl\"\nsize = 2\n" +
                 kDigest),
       "the lock gives one digest two sizes", "x.lock", "f.whl has 1 bytes, g.whl 2"},
      {lock_with("kind = \"deb\"\nname = \"a\"\n" + file + kDigest + "source = \"/pool/a.deb\"\n"),
       "'source' is not a path below a root", "x.lock, line 13, column 1",
       *RelPath::problem("/pool/a.deb")},
  }));
  const Error error = thrown_error([&] { parse_lock(bad.text, "x.lock"); });
  CHECK(error.code() == ExitCode::kInvalidLock);
  CHECK(std::string(error.what()) == bad.what);
  CHECK(error.where() == bad.where);
  CHECK(error.why() == bad.why);
}

TEST_CASE("a syntax error has a place") {
  const Error error = thrown_error([] { parse_lock("lock-version = 1\nname = \"x\n", "x.lock"); });
  CHECK(error.code() == ExitCode::kInvalidLock);
  CHECK(std::string(error.what()) == "not a TOML file");
  CHECK(error.where() == "x.lock, line 2, column 10");
  CHECK_FALSE(error.why().empty());  // the parser's own words
}

TEST_CASE("a misspelt key gets a suggestion") {
  const Error error = thrown_error([] {
    parse_lock(lock_with("kind = \"wheel\"\nname = \"a\"\nfile = \"f\"\nsize = 1\n" + kDigest +
                         "licens = \"MIT\"\n"),
               "x.lock");
  });
  REQUIRE(error.hints().size() == 2);
  CHECK(error.hints()[0] == "did you mean 'licence'?");
}

}  // namespace
}  // namespace eb
