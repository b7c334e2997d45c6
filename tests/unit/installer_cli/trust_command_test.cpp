#include "installer_run.hpp"

namespace eb {
namespace {

using namespace test;
using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;

struct Shop : InstallerRun {
  fs::path config = scratch.path() / "home/.config/envinstall";
  fs::path list = config / "allowed_signers";
  fs::path revoked = config / "revoked_keys";
  std::string line = signer.key().authorized_line();
  std::string print = signer.key().fingerprint();

  Shop() {
    anchors.clear();
    root = (scratch.path() / "root").string();
    fs::create_directories(scratch.path() / "root/etc");
  }
  fs::path key_file(const std::string& text) {
    write_text(scratch.path() / "key.pub", text);
    return scratch.path() / "key.pub";
  }
};

TEST_CASE("trust add makes a bundle installable, trust remove undoes it") {
  Shop shop;
  const fs::path bundle = shop.make();
  CHECK(shop.install_bundle(bundle).code == 11);
  const std::string key = shop.key_file(shop.line + " me@here\n").string();
  CommandResult result = shop.run({"trust", "add", key});
  CHECK(result.code == 0);
  CHECK(result.out ==
        "trusted       " + shop.print + "\n  file        " + shop.list.string() + "\n");
  CHECK(read_text(shop.list) == "me@here namespaces=\"envbundle-index@v1\" " + shop.line + "\n");
  CHECK(shop.run({"trust", "add", key}).out ==
        "unchanged     " + shop.print + "\n  file        " + shop.list.string() + "\n");
  CHECK_THAT(shop.run({"trust", "add", key, "--principal", "me@here"}).out,
             StartsWith("unchanged"));
  const CommandResult renamed = shop.run({"trust", "add", key, "--principal", "you@here"});
  CHECK(renamed.code == 2);
  CHECK_THAT(renamed.err, Contains("the key is in the list already, with another name\n") &&
                              Contains("trust remove " + shop.print));
  CHECK(read_text(shop.list) == "me@here namespaces=\"envbundle-index@v1\" " + shop.line + "\n");
  CHECK(shop.install_bundle(bundle, {"-q"}).code == 0);
  CHECK(shop.run({"trust", "remove", shop.print}).code == 0);
  CHECK(read_text(shop.list).empty());
  result = shop.run({"trust", "remove", key});
  CHECK(result.code == 2);
  CHECK_THAT(result.err, Contains("the key is not in the list"));
  CHECK(shop.install_bundle(bundle).code == 11);
}

TEST_CASE("trust add takes a line, times and a name, and keeps what others wrote") {
  Shop shop;
  const std::string comment = "# by hand\nother " + TestSigner::ed25519(9).key().authorized_line();
  write_text(shop.list, comment);
  CHECK(shop.run({"trust", "add", "ssh-ed25519", shop.line.substr(12), "two words",
                  "--valid-before", "20300101Z", "--principal", "rel@x"})
            .code == 0);
  CHECK(read_text(shop.list) ==
        comment + "\nrel@x namespaces=\"envbundle-index@v1\",valid-before=\"20300101Z\" " +
            shop.line + "\n");
  // The same key with another time is a decision of its own.
  CHECK(shop.run({"trust", "add", shop.line}).code == 2);
  CHECK(shop.run({"trust", "remove", shop.line}).code == 0);
  CHECK(read_text(shop.list) == comment + "\n");
}

TEST_CASE("trust add refuses what is no key to trust") {
  Shop shop;
  const auto refused = [&](const std::vector<std::string>& words, int code) {
    std::vector<std::string> arguments = {"trust", "add"};
    arguments.insert(arguments.end(), words.begin(), words.end());
    const CommandResult result = shop.run(arguments);
    CHECK(result.code == code);
    CHECK(!fs::exists(shop.list));
    return result.err;
  };
  CHECK_THAT(refused({shop.print}, 2), Contains("a fingerprint is not enough to trust a key") &&
                                           Contains("--trust " + shop.print));
  refused({"SHA256:abc"}, 2);
  refused({}, 2);
  refused({"/nowhere/key.pub"}, 2);
  CHECK_THAT(refused({shop.key_file("-----BEGIN OPENSSH PRIVATE KEY-----\nx\n").string()}, 2),
             Contains("that is a private key"));
  refused({shop.key_file(shop.line + "\n" + shop.line + "\n").string()}, 2);
  refused({shop.key_file("").string()}, 2);
  refused({shop.key_file("ssh-rsa AAAAB3NzaC1yc2EAAAADAQAB\n").string()}, 11);
  refused({shop.line, "--valid-before", "soon"}, 2);
  refused({shop.line, "--valid-after", "20300101Z", "--valid-before", "20200101Z"}, 2);
  refused({shop.line, "--principal", "a b"}, 2);
  CHECK(shop.run({"trust"}).code == 2);
  CHECK(shop.run({"trust", "erase", shop.print}).code == 2);
  shop.variables.erase("HOME");
  CHECK(shop.run({"trust", "add", shop.line}).code == 2);
}

TEST_CASE("F036 trust revoke: the key counts nowhere any more") {
  Shop shop;
  const fs::path bundle = shop.make();
  CHECK(shop.run({"trust", "add", shop.line, "-q"}).code == 0);
  CHECK(shop.install_bundle(bundle, {"-q"}).code == 0);
  CHECK(shop.run({"trust", "revoke", shop.print}).code == 0);
  CHECK(read_text(shop.revoked) == shop.print + "\n");
  CHECK_THAT(shop.run({"trust", "revoke", shop.line}).out, StartsWith("unchanged"));
  for (const std::vector<std::string>& more : {std::vector<std::string>{},
                                               {"--trust", shop.print},
                                               {"--allowed-signers", shop.list.string()}}) {
    const CommandResult result = shop.install_bundle(bundle, more);
    CHECK(result.code == 11);
    CHECK_THAT(result.err, Contains("the bundle is signed by a revoked key"));
  }
  // Also of what was installed with it before, and nobody trusts it again by mistake.
  CHECK(shop.run({"verify", shop.prefix().string()}).code == 11);
  CHECK(shop.run({"trust", "add", shop.line}).code == 11);
}

TEST_CASE("F036 --revoked-keys names a list of its own") {
  Shop shop;
  const fs::path bundle = shop.make();
  write_text(shop.scratch.path() / "gone", shop.line + " stolen\n");
  const std::string gone = (shop.scratch.path() / "gone").string();
  CHECK(shop.run({"info", bundle.string(), "--trust", shop.print}).code == 0);
  CHECK(shop.run({"info", bundle.string(), "--trust", shop.print, "--revoked-keys", gone}).code ==
        11);
  CHECK(shop.run({"info", bundle.string(), "--trust", shop.print, "--revoked-keys", "none"}).code ==
        2);
}

TEST_CASE("trust list says what counts, where it stands, and what does not") {
  Shop shop;
  CHECK(shop.run({"trust", "list"}).out == "no key is trusted here\n");
  shop.anchors = "maker " + shop.line + "\n";
  const fs::path site = fs::path(shop.root) / "etc/envinstall/allowed_signers";
  write_text(site, "site@x " + TestSigner::ed25519(2).key().authorized_line() + "\n");
  CHECK(shop.run({"trust", "add", TestSigner::ed25519(3).key().authorized_line(), "--valid-before",
                  "20200101Z", "-q"})
            .code == 0);
  const CommandResult text = shop.run({"trust", "list"});
  CHECK(text.code == 0);
  CHECK_THAT(text.out, StartsWith("user          " + shop.list.string() + "\n  counts      yes\n"));
  CHECK_THAT(text.out, Contains("expired, until 2020-01-01T00:00:00Z; envbundle-signer, line 1\n"));
  CHECK_THAT(text.out, Contains("no: the user's list comes before it\n"));
  CHECK_THAT(text.out, Contains("valid, no end; maker, line 1\n"));
  CHECK_THAT(text.out, Contains("vouches for the bundle, not for itself"));
  auto records = shop.run({"trust", "list", "--json"}).records();
  REQUIRE(records.size() == 6);
  CHECK(records[0]["source"] == "user");
  CHECK(records[1]["state"] == "expired");
  CHECK(records[1]["counts"] == false);
  CHECK(records[3]["principal"] == "site@x");
  CHECK(records[3]["state"] == "valid");
  CHECK(records[3]["counts"] == false);
  CHECK(records[5]["counts"] == true);
  CHECK(shop.run({"trust", "revoke", shop.print, "-q"}).code == 0);
  records = shop.run({"trust", "list", "--json"}).records();
  REQUIRE(records.size() == 7);
  CHECK(records[5]["state"] == "revoked");
  CHECK(records[6]["record"] == "revoked_key");
  CHECK(records[6]["fingerprint"] == shop.print);
  // A list that others may write is shown for what it is.
  fs::permissions(shop.list, fs::perms(0666));
  const CommandResult open = shop.run({"trust", "list"});
  CHECK(open.code == 11);
  CHECK_THAT(open.out, Contains("no: others may write the trust file (its mode is 0666)"));
}

TEST_CASE("trust --site changes the machine's list") {
  Shop shop;
  CHECK(shop.run({"trust", "add", shop.line, "--site", "--json"}).records().at(0)["changed"] ==
        true);
  CHECK(!fs::exists(shop.list));
  CHECK_THAT(read_text(fs::path(shop.root) / "etc/envinstall/allowed_signers"),
             Contains(shop.line));
  CHECK(shop.install_bundle(shop.make(), {"-q"}).code == 0);
  CHECK(shop.run({"trust", "revoke", shop.print, "--site"}).code == 0);
  CHECK(shop.install_bundle(shop.make(), {"--trust", shop.print}).code == 11);
}

TEST_CASE("FIPS mode is the machine's, unless --fips says otherwise") {
  Shop shop;
  const std::string bundle = shop.make().string();
  const auto code = [&](const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {"info", bundle, "--trust", shop.print};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return shop.run(arguments).code;
  };
  CHECK(code({}) == 0);
  CHECK(code({"--fips", "on"}) == 11);
  CHECK(code({"--fips", "maybe"}) == 2);
  write_text(fs::path(shop.root) / "proc/sys/crypto/fips_enabled", "0\n");
  CHECK(code({}) == 0);
  write_text(fs::path(shop.root) / "proc/sys/crypto/fips_enabled", "1\n");
  CHECK(code({}) == 11);
  CHECK(code({"--fips", "off"}) == 0);
  shop.signer = TestSigner::p256();
  const CommandResult approved =
      shop.run({"info", shop.make("two").string(), "--trust", shop.signer.key().fingerprint()});
  CHECK(approved.code == 0);
  CHECK_THAT(approved.out, Contains("only ECDSA P-256 signatures count"));
}

TEST_CASE("F037 F043 the prefix remembers a time, and an expired key stays expired") {
  Shop shop;
  const fs::path bundle = shop.make();
  CHECK(shop.run({"trust", "add", shop.line, "--valid-before", "20990101Z", "-q"}).code == 0);
  CHECK(shop.install_bundle(bundle, {"-q"}).code == 0);
  // As if this machine's clock had once been beyond that, and is back.
  write_text(shop.prefix() / ".envinstall/floor", "envinstall floor 1\nnewest 4100000000\n");
  const CommandResult result = shop.install_bundle(bundle);
  CHECK(result.code == 12);
  CHECK_THAT(result.err, Contains("the signing key is not valid at this time"));
  const CommandResult allowed = shop.install_bundle(bundle, {"--allow-expired"});
  CHECK(allowed.code == 0);
  CHECK_THAT(allowed.err, Contains("and counts because of --allow-expired"));
}

}  // namespace
}  // namespace eb
