#include "installer_run.hpp"

namespace eb {
namespace {

using namespace test;
using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;

struct Shop : InstallerRun {
  std::string p = prefix().string();
  std::string first, second;

  void install_two() {
    install_bundle(make("one"), {"-q"});
    first = current();
    install_bundle(make("two", {{"version", "2.0"}}), {"-q"});
    second = current();
  }
};

TEST_CASE("list shows releases and which is active") {
  Shop shop;
  shop.install_two();
  const CommandResult text = shop.run({"list", shop.p});
  CHECK(text.code == 0);
  CHECK_THAT(
      text.out,
      StartsWith("  RELEASE                  VERSION      SIZE  INSTALLED             STATE\n"));
  CHECK_THAT(text.out, Contains("\n* " + shop.second + "  2.0      "));
  CHECK_THAT(text.out, Contains("\n  " + shop.first + "  1        "));
  const auto records = shop.run({"list", shop.p, "--json"}).records();
  REQUIRE(records.size() == 2);
  for (const auto& record : records) {
    CHECK(record["record"] == "release");
    CHECK(record["current"] == (record["release"] == shop.second));
    CHECK(record["id"].get<std::string>().size() == 64);
    CHECK(record["damage"] == "");
  }
}

TEST_CASE("list of an empty folder, of a foreign one, of none") {
  Shop shop;
  fs::create_directory(shop.p);
  CHECK(shop.run({"list", shop.p}).out == "no release is installed in " + shop.p + "\n");
  CHECK(shop.run({"list", shop.p, "--json"}).out.empty());
  write_text(shop.prefix() / "x", "x");
  CHECK(shop.run({"list", shop.p}).code == 2);
  CHECK(shop.run({"list", shop.p + "/nowhere"}).code == 2);
}

TEST_CASE("list names a damaged release") {
  Shop shop;
  shop.install_two();
  write_text(shop.release(shop.first) / ".bundle/index", "x");
  CHECK_THAT(shop.run({"list", shop.p}).out, Contains("damaged"));
  CHECK(shop.run({"list", shop.p}).code == 0);
}

TEST_CASE("info of a bundle, trusted and not") {
  Shop shop;
  const fs::path bundle = shop.make("one", {{"python", "3.11.2"},
                                            {"min-driver", "525.60.13"},
                                            {"not-after", "1800000000"},
                                            {"custom", "shown"}});
  const CommandResult result = shop.run({"info", bundle.string()});
  CHECK(result.code == 0);
  CHECK_THAT(result.out, StartsWith("bundle        sample\n  version     1\n"));
  CHECK_THAT(result.out, Contains("  python      3.11.2\n"));
  CHECK_THAT(result.out, Contains("  min-driver  525.60.13\n"));
  CHECK_THAT(result.out, Contains("  not after   2027-01-15T08:00:00Z\n"));
  CHECK_THAT(result.out, Contains("  custom      shown\n"));
  CHECK_THAT(result.out, Contains("vouches for the bundle, not for itself"));
  const auto record = shop.run({"info", bundle.string(), "--json"}).records().at(0);
  CHECK(record["meta"]["custom"] == "shown");
  CHECK(record["signers"][0]["principal"] == "maker");
  shop.anchors.clear();
  const CommandResult refused = shop.run({"info", bundle.string()});
  CHECK(refused.code == 11);
  CHECK(refused.out.empty());
}

TEST_CASE("info of a prefix") {
  Shop shop;
  shop.install_two();
  const CommandResult result = shop.run({"info", shop.p});
  CHECK(result.code == 0);
  CHECK_THAT(result.out, StartsWith("prefix        " + shop.p + "\n  active      " + shop.second));
  CHECK_THAT(result.out, Contains("  also there  " + shop.first + "\n"));
  CHECK_THAT(result.out, Contains("trusted by the installer's own trust anchors"));
  CHECK(shop.run({"info", shop.p, "--json"}).records().at(0)["release"] == shop.second);
  const fs::path empty = shop.scratch.path() / "empty";
  fs::create_directory(empty);
  CHECK(shop.run({"info", empty.string()}).out ==
        "no release is active in " + empty.string() + "\n");
}

TEST_CASE("verify of a bundle") {
  Shop shop;
  const fs::path bundle = shop.make();
  const CommandResult result = shop.run({"verify", bundle.string()});
  CHECK(result.code == 0);
  CHECK_THAT(result.out, Contains(": the bundle is as it was signed\n"));
  CHECK_THAT(result.out, Contains("31 files"));
  CHECK(shop.run({"verify", bundle.string(), "--json"}).records().at(0)["files"] == 31);
  std::string data = read_text(bundle);
  data[data.size() - 50] ^= 4;
  write_text(bundle, data);
  CHECK(shop.run({"verify", bundle.string()}).code == 13);
}

TEST_CASE("verify advises no repair where somebody only added something") {
  Shop shop;
  shop.install_two();
  write_text(shop.release(shop.second) / "share/extra", "x");
  const CommandResult result = shop.run({"verify", shop.p, "--full"});
  CHECK(result.code == 13);
  CHECK_THAT(result.out, Contains("added    share/extra\n"));
  CHECK_THAT(result.err, !Contains("repair"));
  CHECK_THAT(result.err, Contains("  hint:  nothing that was signed is changed or missing: remove "
                                  "what was added, if nobody needs it"));
  fs::remove(shop.release(shop.second) / "share/doc/README.txt");
  CHECK_THAT(shop.run({"verify", shop.p}).err,
             Contains("it can be repaired") && Contains("a repair leaves what was added alone"));
}

TEST_CASE("verify says that a signature is not confirmed, and not that nobody looked") {
  Shop shop;
  shop.install_two();
  shop.anchors = "other " + TestSigner::ed25519(9).key().authorized_line() + "\n";
  const CommandResult result = shop.run({"verify", shop.p, shop.first});
  CHECK(result.code == 0);
  CHECK_THAT(result.err, Contains("warning: the signature is not confirmed: "));
  CHECK_THAT(result.out, Contains("signed by   not confirmed by the keys that are trusted here"));
}

TEST_CASE("verify of a prefix names what was added, changed and is missing") {
  Shop shop;
  shop.install_two();
  CHECK(shop.run({"verify", shop.p}).code == 0);
  CHECK(shop.run({"verify", shop.p, "--full"}).code == 0);
  // A file of this release alone: what is written into a shared one is written into both.
  std::string text = read_text(shop.release(shop.second) / "bin/python");
  text[12] ^= 1;
  write_text(shop.release(shop.second) / "bin/python", text, true);
  // The same size: only reading finds it.
  CHECK(shop.run({"verify", shop.p}).code == 0);
  fs::remove(shop.release(shop.second) / "share/doc/README.txt");
  write_text(shop.release(shop.second) / "share/extra", "x");
  const CommandResult result = shop.run({"verify", shop.p, "--full"});
  CHECK(result.code == 13);
  CHECK_THAT(result.out, Contains("changed  bin/python: sha256 "));
  CHECK_THAT(result.out, Contains("missing  share/doc/README.txt\n"));
  CHECK_THAT(result.out, Contains("added    share/extra\n"));
  CHECK_THAT(result.out, Contains(shop.second + ": 1 added, 1 changed, 1 missing\n"));
  CHECK_THAT(result.out, Contains(shop.first + ": nothing added, changed or missing\n"));
  CHECK_THAT(result.err, Contains("error: a release is not as it was signed"));
  // One release alone.
  CHECK(shop.run({"verify", shop.p, shop.first, "--full"}).code == 0);
  CHECK(shop.run({"verify", shop.p, "nothing"}).code == 2);
  const auto records = shop.run({"verify", shop.p, shop.second, "--full", "--json"}).records();
  REQUIRE(records.size() == 5);
  CHECK(records[0]["record"] == "difference");
  CHECK(records[3]["record"] == "verify");
  CHECK(records[3]["changed"] == 1);
  CHECK(records[4]["record"] == "error");
}

TEST_CASE("verify of a prefix holds the signature against today's trust") {
  Shop shop;
  shop.install_two();
  CHECK_THAT(shop.run({"verify", shop.p}).out,
             Contains("signed by   " + shop.signer.key().fingerprint() + " (maker)"));
  const std::string other = TestSigner::ed25519(9).key().fingerprint();
  CHECK(shop.run({"verify", shop.p, "--trust", other}).code == 11);
  CHECK(shop.run({"verify", shop.p, "--trust", shop.signer.key().fingerprint()}).code == 0);
  shop.anchors = "other " + TestSigner::ed25519(9).key().authorized_line() + "\n";
  const CommandResult result = shop.run({"verify", shop.p, shop.first});
  CHECK(result.code == 0);
  CHECK_THAT(result.err, Contains("warning: the signature is not confirmed"));
  shop.anchors.clear();
  CHECK_THAT(shop.run({"verify", shop.p}).out, Contains("not looked at: no key is trusted here"));
}

TEST_CASE("verify finds an exchanged index") {
  Shop shop;
  shop.install_two();
  fs::copy_file(shop.release(shop.first) / ".bundle/index",
                shop.release(shop.second) / ".bundle/index", fs::copy_options::overwrite_existing);
  CHECK(shop.run({"verify", shop.p}).code == 13);
}

TEST_CASE("uninstall: one release, then all") {
  Shop shop;
  shop.install_two();
  CHECK(shop.run({"uninstall", shop.p}).code == 2);
  const CommandResult result = shop.run({"uninstall", shop.p, shop.first});
  CHECK(result.code == 0);
  CHECK_THAT(result.out, StartsWith("uninstalled   " + shop.first + "\n  prefix      " + shop.p));
  CHECK_THAT(result.out, Contains(" files\n"));
  CHECK(shop.run({"uninstall", shop.p, "--all", "--quiet"}).out.empty());
  CHECK(fs::is_empty(shop.prefix()));
  CHECK(shop.run({"uninstall", shop.p, "--all"}).code == 2);
}

TEST_CASE("uninstall keeps what somebody added and says where") {
  Shop shop;
  shop.install_two();
  write_text(shop.release(shop.first) / "share/mine", "mine");
  const CommandResult text = shop.run({"uninstall", shop.p, shop.first});
  CHECK_THAT(text.out, Contains("1 name that no bundle brought, in " + shop.p));
  CHECK_THAT(text.out, Contains("share/mine\n"));
  const auto record = shop.run({"uninstall", shop.p, "--all", "--json"}).records().at(0);
  CHECK(record["record"] == "uninstall");
  CHECK(record["release"] == shop.second);
}

}  // namespace
}  // namespace eb
