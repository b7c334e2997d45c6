#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <sstream>

#include "../bundler_pack/scratch.hpp"
#include "bundler/artifact/folder.hpp"
#include "bundler/cli/command_line.hpp"
#include "bundler/lock/lock.hpp"
#include "installer/install/trust_anchors.hpp"

namespace eb {
namespace {

using test::read_bytes;
using test::read_text;
using test::Scratch;
using test::shell;
using test::write_file;

// This very program stands for the envinstall that is stamped. It links trust_anchors.cpp, which
// brings the section; the call keeps it.
[[maybe_unused]] const std::string kAnchors = own_trust_anchors();

struct Result {
  int code = 0;
  std::string out;
  std::string err;
};

/// A folder with a cache and a home, and the program run in process.
class Shop {
 public:
  Result run(std::vector<std::string> arguments) {
    std::ostringstream out;
    std::ostringstream err;
    BundlerEnvironment environment{
        .out = out,
        .err = err,
        .variable = [this](const char* name) -> std::optional<std::string> {
          if (std::string_view(name) == "HOME") return (scratch / "home").string();
          return std::nullopt;
        },
        .program = "/proc/self/exe"};
    if (!arguments.empty() && (arguments[0] == "build" || arguments[0] == "fetch")) {
      arguments.insert(arguments.end(), {"--cache", at("cache")});
    }
    const int code = run_envbundle(arguments, environment);
    return {code, out.str(), err.str()};
  }
  std::string at(const std::string& name) const { return (scratch / name).string(); }

  /// A lock with one folder; returns its path.
  std::string make_lock(const std::string& text = "one") {
    write_file(scratch / "tree/bin/hello", "#!/bin/sh\necho hello\n", true);
    write_file(scratch / "tree/share/readme", text);
    std::filesystem::remove(scratch / "tree/bin/hi");
    std::filesystem::create_symlink("hello", scratch / "tree/bin/hi");
    const FolderListing listing = list_folder(scratch / "tree");
    Artifact folder;
    folder.kind = ArtifactKind::kFolder;
    folder.name = folder.file_name = folder.source = "tree";
    folder.size_bytes = listing.size_bytes();
    folder.digest = listing.digest();
    folder.licence = "MIT";
    folder.asked_by = {"manifest"};
    Lock lock;
    lock.manifest_name = "small";
    lock.version = "1";
    lock.platform = "linux-x86_64";
    lock.timestamp = "20260101T000000Z";
    lock.epoch = 1767225600;
    lock.artifacts = {folder};
    write_file(scratch / "small.lock", encode_lock(lock));
    return at("small.lock");
  }
  std::string make_key(const std::string& name = "key") {
    if (!std::filesystem::exists(scratch / name)) REQUIRE(run({"keygen", at(name)}).code == 0);
    return at(name);
  }
  std::vector<std::string> build_arguments() {
    return {"build",       make_lock(),      "-o",       at("out/small.zst"), "--key", make_key(),
            "--installer", "/proc/self/exe", "--offline"};
  }
  std::string build() {
    std::filesystem::create_directories(scratch / "out");
    const Result result = run(build_arguments());
    INFO(result.err);
    REQUIRE(result.code == 0);
    return at("out/small.zst");
  }

  Scratch scratch;
};

std::vector<std::string> names_in(const std::filesystem::path& folder) {
  std::vector<std::string> out;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    out.push_back(entry.path().filename().string());
  }
  std::sort(out.begin(), out.end());
  return out;
}

bool mentions(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST_CASE("build makes a signed bundle, a stamped installer and SHA256SUMS, and nothing else") {
  Shop shop;
  const std::string bundle = shop.build();
  CHECK(names_in(shop.scratch / "out") ==
        std::vector<std::string>{"SHA256SUMS", "envinstall", "small.zst"});
  CHECK(shell("cd " + shop.at("out") + " && sha256sum --strict -c SHA256SUMS",
              shop.scratch / "log") == 0);
  REQUIRE(shell("mkdir " + shop.at("x") + " && cd " + shop.at("x") + " && zstd -dcq " + bundle +
                    " | tar -xf -",
                shop.scratch / "log") == 0);
  CHECK(read_text(shop.scratch / "x/share/readme") == "one");
  CHECK(std::filesystem::read_symlink(shop.scratch / "x/bin/hi") == "hello");
  CHECK(std::filesystem::exists(shop.scratch / "x/share/envbundle/activate.sh"));
  CHECK(std::filesystem::exists(shop.scratch / "x/share/envbundle/packages.json"));
  // The stamped copy differs from its origin in the anchors alone, and these are the key.
  const std::string line = read_text(shop.scratch / "key.pub");
  CHECK(mentions(read_text(shop.scratch / "out/envinstall"), line.substr(0, line.rfind(' '))));

  write_file(shop.scratch / "allowed", "me " + line);
  const Result verified = shop.run({"verify", bundle, "--allowed-signers", shop.at("allowed")});
  CHECK(verified.code == 0);
  CHECK(mentions(verified.out, "(me)"));
  CHECK_FALSE(mentions(verified.out, "was not checked"));
  CHECK(mentions(shop.run({"verify", bundle}).out, "was not checked"));
}

TEST_CASE("a second build says that there is nothing to do, --force builds the same bytes") {
  Shop shop;
  const std::string bundle = shop.build();
  const auto bytes = read_bytes(bundle);
  const Result again = shop.run(shop.build_arguments());
  CHECK(again.code == 0);
  CHECK(mentions(again.out, "is up to date"));
  CHECK(again.err.empty());
  auto arguments = shop.build_arguments();
  arguments.insert(arguments.end(), {"--force", "-j", "3"});
  const Result forced = shop.run(arguments);
  CHECK_FALSE(mentions(forced.out, "is up to date"));
  CHECK(read_bytes(bundle) == bytes);
}

TEST_CASE("what a build depends on makes it build again") {
  Shop shop;
  const std::string bundle = shop.build();
  const auto id = [&] { return read_text(bundle); };
  const std::string first = id();
  SECTION("a damaged bundle") {
    write_file(bundle, first.substr(0, first.size() - 1));
    CHECK_FALSE(mentions(shop.run(shop.build_arguments()).out, "is up to date"));
    CHECK(id() == first);
  }
  SECTION("another lock") {
    shop.make_lock("two");
    const Result result = shop.run({"build", shop.at("small.lock"), "-o", bundle, "--key",
                                    shop.at("key"), "--no-installer", "--offline"});
    CHECK(result.code == 0);
    CHECK(id() != first);
  }
  SECTION("another signer") {
    auto arguments = shop.build_arguments();
    arguments.insert(arguments.end(), {"--key", shop.make_key("second")});
    CHECK_FALSE(mentions(shop.run(arguments).out, "is up to date"));
    CHECK(id() != first);
  }
  SECTION("another option") {
    auto arguments = shop.build_arguments();
    arguments.insert(arguments.end(), {"--not-after", "2030-12-31"});
    CHECK(shop.run(arguments).code == 0);
    const auto record = nlohmann::json::parse(shop.run({"inspect", bundle, "--json"}).out);
    CHECK(record["meta"]["not-after"] == "1924991999");
    CHECK(record["meta"]["counter"] == "1767225600");
  }
  SECTION("an installer that is gone is put there again, the bundle stays") {
    std::filesystem::remove(shop.scratch / "out/envinstall");
    CHECK(mentions(shop.run(shop.build_arguments()).out, "is up to date"));
    CHECK(std::filesystem::exists(shop.scratch / "out/envinstall"));
  }
}

TEST_CASE("a build that fails leaves the old bundle and no temporary file") {
  Shop shop;
  const std::string bundle = shop.build();
  const std::string first = read_text(bundle);
  write_file(shop.scratch / "tree/share/readme", "changed behind the lock's back");
  const Result result = shop.run({"build", shop.at("small.lock"), "-o", bundle, "--key",
                                  shop.at("key"), "--no-installer", "--offline", "--force"});
  CHECK(result.code == 51);
  CHECK(read_text(bundle) == first);
  CHECK(names_in(shop.scratch / "out") ==
        std::vector<std::string>{"SHA256SUMS", "envinstall", "small.zst"});
}

TEST_CASE("ssh-keygen accepts what inspect takes out") {
  Shop shop;
  const std::string bundle = shop.build();
  const Result result = shop.run({"inspect", bundle, "--extract-index", shop.at("index"),
                                  "--extract-signatures", shop.at("sigs"), "--files"});
  CHECK(result.code == 0);
  CHECK(mentions(result.out, "-rwxr-xr-x           21 bin/hello\n"));
  CHECK(mentions(result.out, "bin/hi -> hello\n"));
  write_file(shop.scratch / "allowed", "me " + read_text(shop.scratch / "key.pub"));
  CHECK(shell("ssh-keygen -Y verify -I me -n envbundle-index@v1 -f " + shop.at("allowed") + " -s " +
                  shop.at("sigs/signature-1.sig") + " <" + shop.at("index"),
              shop.scratch / "log") == 0);
  const std::string id = sha256(read_bytes(shop.scratch / "index")).hex();
  CHECK(mentions(result.out, id));
}

TEST_CASE("sign adds a signature once and keeps SHA256SUMS true") {
  Shop shop;
  const std::string bundle = shop.build();
  const Result first = shop.run({"sign", bundle, "--key", shop.make_key("second")});
  CHECK(first.code == 0);
  CHECK(mentions(first.out, "signed by SHA256:"));
  const std::string bytes = read_text(bundle);
  const Result again = shop.run({"sign", bundle, "--key", shop.at("second")});
  CHECK(again.code == 0);
  CHECK(mentions(again.out, "already signed by SHA256:"));
  CHECK(read_text(bundle) == bytes);
  CHECK(shell("cd " + shop.at("out") + " && sha256sum --strict -c SHA256SUMS",
              shop.scratch / "log") == 0);
  write_file(shop.scratch / "allowed", "a " + read_text(shop.scratch / "key.pub") + "b " +
                                           read_text(shop.scratch / "second.pub"));
  CHECK(shop.run({"verify", bundle, "--allowed-signers", shop.at("allowed"), "--require-signatures",
                  "2"})
            .code == 0);
}

TEST_CASE("trust that is asked for and not there is exit code 11") {
  Shop shop;
  const std::string bundle = shop.build();
  shop.make_key("stranger");
  write_file(shop.scratch / "allowed", "x " + read_text(shop.scratch / "stranger.pub"));
  CHECK(shop.run({"verify", bundle, "--allowed-signers", shop.at("allowed")}).code == 11);
  CHECK(shop.run({"verify", bundle, "--require-signatures", "2"}).code == 11);
}

TEST_CASE("usage errors guess what was meant") {
  Shop shop;
  const auto usage = [&](std::vector<std::string> arguments) {
    const Result result = shop.run(std::move(arguments));
    CHECK(result.code == 2);
    CHECK(result.out.empty());
    return result.err;
  };
  CHECK(usage({"biuld", "x.lock"}) ==
        "envbundle: error: no command 'biuld'\n"
        "  hint:  did you mean `envbundle build`?\n"
        "  hint:  `envbundle --help` lists the commands\n");
  CHECK(usage({"sign", "x", "--ky", "y"}) ==
        "envbundle: error: unknown option '--ky'\n"
        "  hint:  did you mean --key?\n"
        "  hint:  `envbundle sign --help` explains the command\n");
  CHECK(mentions(usage({}), "no command given"));
  CHECK(mentions(usage({"sign", "a"}), "--key is required"));
  CHECK(mentions(usage({"verify", "a", "b"}), "one argument too many: 'b'"));
  CHECK(mentions(usage({"verify", "a", "-j", "0"}), "jobs"));
  CHECK(mentions(usage({"build", shop.make_lock(), "-o", shop.at("x")}), "no key to sign"));
  CHECK(mentions(usage({"build", shop.make_lock(), "-o", shop.at("no/x"), "--key", shop.make_key(),
                        "--no-installer"}),
                 "the folder of the output does not exist"));
  CHECK(mentions(usage({"build", shop.make_lock(), "-o", shop.at("x"), "--key", shop.make_key(),
                        "--key", shop.make_key(), "--no-installer"}),
                 "the same key twice"));
  CHECK(mentions(usage({"build", shop.make_lock(), "-o", shop.at("x"), "--key", shop.make_key(),
                        "--no-installer", "--not-after", "31.12.2030"}),
                 "write it as YYYY-MM-DD"));
}

TEST_CASE("help and version go to stdout and exit 0") {
  Shop shop;
  for (const char* command : {"lock", "fetch", "build", "inspect", "verify", "keygen", "sign"}) {
    const Result result = shop.run({command, "--help"});
    CHECK(result.code == 0);
    CHECK(mentions(result.out, "Example:"));
    CHECK(result.err.empty());
  }
  CHECK(mentions(shop.run({"--help"}).out, "keygen"));
  CHECK(shop.run({"--version"}).out == "envbundle " EB_VERSION "\n");
}

TEST_CASE("an error is text on stderr, and with --json a record on stdout too") {
  Shop shop;
  write_file(shop.scratch / "b.zst", "not a bundle");
  const Result text = shop.run({"inspect", shop.at("b.zst")});
  CHECK(text.code == 10);
  CHECK(text.out.empty());
  CHECK(mentions(text.err, "envbundle: error: "));
  CHECK(mentions(text.err, shop.at("b.zst")));
  const Result json = shop.run({"inspect", shop.at("b.zst"), "--json"});
  CHECK(json.code == 10);
  const auto record = nlohmann::json::parse(json.out);
  CHECK(record["record"] == "error");
  CHECK(record["code"] == 10);
}

TEST_CASE("offline names what is missing") {
  Shop shop;
  Lock lock = parse_lock(read_text(shop.make_lock()), "small.lock");
  Artifact wheel;
  wheel.kind = ArtifactKind::kWheel;
  wheel.name = "numpy";
  wheel.version = "2.3.1";
  wheel.file_name = "numpy-2.3.1-cp311-cp311-manylinux_2_28_x86_64.whl";
  wheel.size_bytes = 5;
  wheel.digest = sha256(as_bytes("wheel"));
  wheel.asked_by = {"manifest"};
  lock.python = "3.11";
  lock.glibc = "2.28";
  lock.artifacts.push_back(wheel);
  std::sort(lock.artifacts.begin(), lock.artifacts.end(),
            [](const Artifact& a, const Artifact& b) { return a.kind < b.kind; });
  write_file(shop.scratch / "small.lock", encode_lock(lock));
  const Result result = shop.run({"build", shop.at("small.lock"), "-o", shop.at("b.zst"), "--key",
                                  shop.make_key(), "--no-installer", "--offline"});
  CHECK(result.code == 50);
  CHECK(mentions(result.err, "numpy-2.3.1-cp311-cp311-manylinux_2_28_x86_64.whl"));
}

TEST_CASE("a missing lock says how to make one") {
  Shop shop;
  const Result result = shop.run({"fetch", shop.at("none.lock")});
  CHECK(result.code == 21);
  CHECK(mentions(result.err, "`envbundle lock MANIFEST` makes a lock"));
}

}  // namespace
}  // namespace eb
