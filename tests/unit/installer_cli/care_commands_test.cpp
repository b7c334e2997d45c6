// repair, gc, history, and what list says beyond names.

#include "installer_run.hpp"

namespace eb {
namespace {

using namespace test;
using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;

struct Shop : InstallerRun {
  std::string p = prefix().string();
  fs::path bundle = make("one");
  std::string first, second;

  void install_two() {
    install_bundle(bundle, {"-q"});
    first = current();
    install_bundle(make("two", {{"version", "2.0"}}), {"-q"});
    second = current();
  }
};

TEST_CASE("repair after verify, by command") {
  Shop shop;
  shop.install_two();
  const fs::path file = shop.release(shop.first) / "share/doc/README.txt";
  const std::string right = read_text(file);
  write_text(file, "wrong");
  CHECK_THAT(shop.run({"verify", shop.p}).err,
             Contains("envinstall repair " + shop.p + " --from BUNDLE"));
  const CommandResult result = shop.run({"repair", shop.p, "--from", shop.bundle.string()});
  CHECK(result.code == 0);
  CHECK_THAT(result.out, StartsWith("repaired      " + shop.first + "\n  prefix      " + shop.p +
                                    "\n  repaired    1 name, "));
  CHECK_THAT(result.out, Contains("share/doc/README.txt\n"));
  CHECK_THAT(result.out, Contains("signed by   " + shop.signer.key().fingerprint()));
  CHECK(read_text(file) == right);
  const auto record =
      shop.run({"repair", shop.p, shop.first, "--from", shop.bundle.string(), "--json"})
          .records()
          .at(0);
  CHECK(record["record"] == "repair");
  CHECK(record["changed"] == false);
  CHECK(record["frames_read"] == 0);
  CHECK(shop.current() == shop.second);
}

TEST_CASE("repair believes no bundle that an install would not believe") {
  Shop shop;
  shop.install_two();
  shop.anchors.clear();
  CHECK(shop.run({"repair", shop.p, "--from", shop.bundle.string()}).code == 11);
  CHECK(shop.run({"repair", shop.p, "--from", shop.bundle.string(), "--trust",
                  shop.signer.key().fingerprint()})
            .code == 0);
  CHECK(shop.run({"repair", shop.p}).code == 2);
  CHECK(shop.run({"repair"}).code == 2);
  CHECK(shop.run({"repair", shop.p, "--from", "-"}).code == 2);
  CHECK(shop.run({"repair", shop.p, shop.second, "--from", shop.bundle.string(), "--trust",
                  shop.signer.key().fingerprint()})
            .code == 2);
}

TEST_CASE("history tells what happened, when, to what, and by whom") {
  Shop shop;
  shop.root = (shop.scratch.path() / "root").string();
  write_text(fs::path(shop.root) / "etc/passwd",
             "nobody:x:99999:1::/:\nme:x:" + std::to_string(getuid()) + ":1::/:\nbroken\n");
  fs::create_directory(shop.p);
  CHECK(shop.run({"history", shop.p}).out == "nothing is noted in " + shop.p + "\n");
  shop.install_two();
  shop.run({"rollback", shop.p});
  shop.run({"uninstall", shop.p, shop.second});
  const CommandResult text = shop.run({"history", shop.p});
  CHECK(text.code == 0);
  CHECK_THAT(text.out, StartsWith("TIME                  WHAT         RELEASE"));
  CHECK_THAT(text.out, Contains("Z  installed    " + shop.first + "  me\n"));
  CHECK_THAT(text.out, Contains("Z  rolled back  " + shop.first + "  me, from " + shop.second));
  const auto records = shop.run({"history", shop.p, "--json"}).records();
  REQUIRE(records.size() == 4);
  CHECK(records[0]["id"].get<std::string>().size() == 64);
  CHECK(records[0]["signer"] == shop.signer.key().fingerprint());
  CHECK(records[3]["what"] == "uninstalled");
  CHECK(records[3]["user"] == "me");
  std::ofstream(shop.prefix() / ".envinstall/log", std::ios::app) << "scribble\n";
  CHECK_THAT(shop.run({"history", shop.p}).err, Contains("1 line of the log"));
  CHECK(shop.run({"history"}).code == 2);
}

TEST_CASE("list names the active release, the one before, and who uses them") {
  Shop shop;
  shop.install_two();
  CHECK_THAT(shop.run({"list", shop.p}).out, Contains("  active\n") && Contains("  previous\n"));
  auto records = shop.run({"list", shop.p, "--json"}).records();
  for (const auto& record : records) {
    CHECK(record["previous"] == (record["release"] == shop.first));
    CHECK(record["in_use"]["processes"].empty());
  }
  CHECK(shop.run({"gc", shop.p, "--leases", "on"}).code == 0);
  write_text(
      shop.prefix() / ".envinstall/leases/one",
      "envinstall lease 1\nrelease " + shop.first + "\nwhat envrun jupyter\nnode far\npid 7\n");
  CHECK_THAT(shop.run({"list", shop.p}).out,
             Contains("previous, in use: 1 lease (envrun jupyter on far)\n"));
  CHECK_THAT(shop.run({"uninstall", shop.p, shop.first}).err,
             Contains("warning: release " + shop.first + " is in use: 1 lease"));
  CHECK(shop.run({"gc", shop.p, "--leases", "off"}).code == 0);
  CHECK(!fs::exists(shop.prefix() / ".envinstall/leases"));
}

TEST_CASE("gc by command: what stays and why, what goes") {
  Shop shop;
  shop.install_two();
  const CommandResult kept = shop.run({"gc", shop.p});
  CHECK(kept.code == 0);
  CHECK(kept.out == "kept          " + shop.second + "\n  why         it is the active one\n" +
                        "kept          " + shop.first +
                        "\n  why         one of the 2 that were active last\n");
  CHECK_THAT(shop.run({"gc", shop.p, "--keep", "1"}).out,
             Contains("was last active 0 minutes ago"));
  auto records =
      shop.run({"gc", shop.p, "--keep=1", "--older-than=0", "--dry-run", "--json"}).records();
  REQUIRE(records.size() == 2);
  CHECK(records[1]["action"] == "would remove");
  records = shop.run({"gc", shop.p, "--keep=1", "--older-than=0", "--json"}).records();
  REQUIRE(records.size() == 3);
  CHECK(records[1]["action"] == "removed");
  CHECK(records[2]["release"] == shop.first);
  CHECK(!fs::exists(shop.release(shop.first)));
  CHECK(shop.run({"gc", shop.p, "--keep", "0"}).code == 2);
  CHECK(shop.run({"gc", shop.p, "--older-than", "soon"}).code == 2);
  CHECK(shop.run({"gc", shop.p, "--leases", "perhaps"}).code == 2);
  CHECK(shop.run({"gc"}).code == 2);
  // With leases on, the last uninstall takes everything all the same.
  CHECK(shop.run({"gc", shop.p, "--leases", "on", "-q"}).code == 0);
  CHECK(shop.run({"uninstall", shop.p, "--all", "-q"}).code == 0);
  CHECK(fs::is_empty(shop.prefix()));
}

}  // namespace
}  // namespace eb
