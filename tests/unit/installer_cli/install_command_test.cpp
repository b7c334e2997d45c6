#include <csignal>
#include <regex>

#include "installer_run.hpp"
#include "tests/support/faulty_sys.hpp"

namespace eb {
namespace {

using namespace test;
using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;

// Times, sizes and IDs out of a text.
std::string normal(std::string text, const InstallerRun& shop) {
  const std::pair<std::string, std::string> places[] = {{shop.scratch.path().string(), "DIR"},
                                                        {shop.signer.key().fingerprint(), "KEY"}};
  for (const auto& [from, to] : places) {
    for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at)) {
      text.replace(at, from.size(), to);
    }
  }
  text = std::regex_replace(text, std::regex("[0-9a-f]{64}"), "SHA");
  text = std::regex_replace(text, std::regex("-[0-9a-f]{16}"), "-ID");
  text = std::regex_replace(text, std::regex("[0-9.]+ [kMG]?B/s"), "RATE");
  text = std::regex_replace(text, std::regex("[0-9.]+ [kMG]B"), "SIZE");
  return std::regex_replace(text, std::regex("[0-9.]+ s\\b"), "TIME");
}

TEST_CASE("a first install reports what, where, by whom, and what is next") {
  InstallerRun shop;
  const CommandResult result = shop.install_bundle(shop.make());
  CHECK(result.code == 0);
  const std::string out = std::regex_replace(normal(result.out, shop),
                                             std::regex("durable     .*\n"), "durable     X\n");
  CHECK(out ==
        "installed     sample-ID\n"
        "  id          SHA\n"
        "  prefix      DIR/p\n"
        "  content     31 files, 13 folders, 2 links, SIZE, in TIME\n"
        "  signed by   KEY (maker), trusted by the installer's own trust anchors\n"
        "  note        an installer that travelled with the bundle vouches for the bundle, not for "
        "itself\n"
        "  durable     X\n"
        "  driver      not needed\n"
        "  next:       DIR/p/bin/python\n"
        "  next:       . DIR/p/share/envbundle/activate.sh\n"
        "  next:       module use DIR/p/modulefiles && module load sample/one\n");
  CHECK(normal(result.err, shop) ==
        "verify     signed by KEY (maker), trusted by the installer's own trust anchors\n"
        "unpack     SIZE in TIME (RATE)\n"
        "sync       done in TIME\n");
}

TEST_CASE("again, and a newer one") {
  InstallerRun shop;
  const fs::path bundle = shop.make();
  shop.install_bundle(bundle);
  CommandResult result = shop.install_bundle(bundle);
  CHECK(result.code == 0);
  CHECK_THAT(normal(result.out, shop),
             StartsWith("nothing done  sample-ID is already installed and active\n"));
  result = shop.install_bundle(shop.make("two"));
  CHECK_THAT(normal(result.out, shop), Contains("  current     sample-ID -> sample-ID\n"));
  result = shop.install_bundle(bundle);
  CHECK_THAT(normal(result.out, shop),
             StartsWith("activated     sample-ID (it was already installed)\n"));
}

TEST_CASE("option --quiet says nothing where nothing is wrong") {
  InstallerRun shop;
  const CommandResult result = shop.install_bundle(shop.make(), {"--quiet"});
  CHECK(result.code == 0);
  CHECK(result.out.empty());
  CHECK(result.err.empty());
}

TEST_CASE("option --dry-run prints the plan and changes nothing") {
  InstallerRun shop;
  const fs::path bundle = shop.make();
  CommandResult result = shop.install_bundle(bundle, {"--dry-run"});
  CHECK(result.code == 0);
  CHECK_THAT(normal(result.out, shop), StartsWith("would install sample-ID\n"));
  CHECK_THAT(normal(result.out, shop), Contains("  prefix      DIR/p (to be made)\n"
                                                "  current     none -> sample-ID\n"));
  CHECK(!fs::exists(shop.prefix()));
  result = shop.install_bundle(bundle, {"--dry-run", "--json", "--jobs", "1"});
  REQUIRE(result.records().size() == 1);
  const nlohmann::json plan = result.records()[0];
  CHECK(plan["record"] == "plan");
  CHECK(plan["action"] == "install");
  CHECK(plan["jobs"] == 1);
  CHECK(plan["current"].is_null());
  CHECK(plan["creates_prefix"] == true);
  CHECK(plan["signers"][0]["trusted_by"] == "the installer's own trust anchors");
}

TEST_CASE("option --json gives a record of the install, and one of an error") {
  InstallerRun shop;
  const fs::path bundle = shop.make();
  CommandResult result = shop.install_bundle(bundle, {"--json"});
  REQUIRE(result.records().size() == 1);
  CHECK(result.records()[0]["record"] == "install");
  CHECK(result.records()[0]["action"] == "installed");
  CHECK(result.records()[0]["prefix"] == shop.prefix().string());
  CHECK(result.records()[0]["files"] == 31);
  result = shop.install_bundle(bundle, {"--json", "--trust", "x"});
  CHECK(result.code == 2);
  REQUIRE(result.records().size() == 1);
  CHECK(result.records()[0]["record"] == "error");
  CHECK(result.records()[0]["code"] == 2);
  CHECK_THAT(result.err, StartsWith("envinstall: error: --trust wants"));
}

TEST_CASE("from a stream") {
  InstallerRun shop;
  const fs::path bundle = shop.make();
  const Fd fd = open_at(real_sys(), AT_FDCWD, bundle.c_str(), O_RDONLY, 0, "bundle");
  shop.input = fd.get();
  const CommandResult result = shop.run({"-", "--prefix", shop.prefix().string()});
  CHECK(result.code == 0);
  CHECK(release_snapshot(shop.prefix() / "current/.") ==
        snapshot(shop.scratch.path() / "tree-one"));
}

TEST_CASE("without a trusted key nothing is believed, and the message tells how to begin") {
  InstallerRun shop;
  shop.anchors.clear();
  const fs::path bundle = shop.make();
  CommandResult result = shop.install_bundle(bundle);
  CHECK(result.code == 11);
  const std::string fingerprint = shop.signer.key().fingerprint();
  CHECK_THAT(result.err, Contains("--trust " + fingerprint));
  CHECK_THAT(result.err, Contains("nothing was changed"));
  CHECK(!fs::exists(shop.prefix()));
  result = shop.install_bundle(bundle, {"--trust", fingerprint});
  CHECK(result.code == 0);
  CHECK_THAT(result.out, Contains("trusted by --trust"));
}

TEST_CASE("a fingerprint got by another way decides, whatever the installer carries") {
  InstallerRun shop;
  const std::string other = TestSigner::ed25519(9).key().fingerprint();
  CHECK(shop.install_bundle(shop.make(), {"--trust", other}).code == 11);
}

TEST_CASE("the user's file of trusted keys, in its two places") {
  InstallerRun shop;
  shop.anchors.clear();
  const fs::path bundle = shop.make();
  const std::string line = "me " + shop.signer.key().authorized_line() + "\n";
  const fs::path home = shop.scratch.path() / "home/.config/envinstall/allowed_signers";
  write_text(home, line);
  CHECK_THAT(shop.install_bundle(bundle, {"--dry-run"}).out,
             Contains("(me), trusted by " + home.string()));
  shop.variables["XDG_CONFIG_HOME"] = (shop.scratch.path() / "xdg").string();
  CHECK(shop.install_bundle(bundle, {"--dry-run"}).code == 11);
  write_text(shop.scratch.path() / "xdg/envinstall/allowed_signers", line);
  CHECK(shop.install_bundle(bundle, {"--dry-run"}).code == 0);
}

TEST_CASE("option --require-signatures counts different keys") {
  InstallerRun shop;
  const CommandResult result = shop.install_bundle(shop.make(), {"--require-signatures", "2"});
  CHECK(result.code == 11);
  CHECK_THAT(result.err, Contains("too few trusted signatures"));
}

TEST_CASE("command lines that are not understood get a guess") {
  InstallerRun shop;
  const std::tuple<std::vector<std::string>, std::string, std::string> cases[] = {
      {{}, "no bundle is named", "envinstall BUNDLE --prefix DIR"},
      {{"b"}, "no prefix is named", "envinstall b --prefix /opt/dl"},
      {{"b", "--prefx", "p"}, "there is no option --prefx", "did you mean --prefix?"},
      {{"b", "--prefix=p", "--job=3"}, "there is no option --job", "did you mean --jobs?"},
      {{"b", "/opt/dl"}, "there is an argument too many: /opt/dl", "--prefix /opt/dl"},
      {{"b", "--prefix"}, "--prefix needs a value", "--help"},
      {{"b", "--prefix", "p", "--force"}, "there is no option --force", "running an install again"},
      {{"b", "--prefix", "p", "--no-verify"}, "there is no option --no-verify", "--trust"},
      {{"b", "-o", "p"}, "there is no option -o", "--prefix DIR"},
      {{"uninstal", "p"}, "there is no command uninstal", "'envinstall uninstall'"},
      {{"b", "--prefix", "p", "--jobs", "0"}, "--jobs wants a number from 1 to 64", "--jobs 2"},
      {{"b", "--prefix", "p", "--jobs", "many"}, "--jobs wants a number", "--jobs 2"},
      {{"b", "--prefix", "p", "--max-bytes", "ten"}, "--max-bytes wants a number of bytes", "20G"},
      {{"list"}, "no prefix is named", "envinstall list PREFIX"},
      {{"list", "--al"}, "there is no option --al", "'envinstall list --help'"},
      {{"verify"}, "neither a bundle nor a prefix is named", "envinstall verify PREFIX"},
      {{"info"}, "neither a bundle nor a prefix is named", "envinstall info BUNDLE"},
      {{"uninstall"}, "no prefix is named", "envinstall uninstall PREFIX"},
      {{"uninstall", "p", "r", "--all"}, "a release and --all exclude each other", "leave one"},
      {{"nowhere.zst", "--prefix", "p"}, "there is no such bundle", "check the path"}};
  for (const auto& [arguments, what, hint] : cases) {
    const CommandResult result = shop.run(arguments);
    INFO(result.err);
    CHECK(result.code == 2);
    CHECK(result.out.empty());
    CHECK_THAT(result.err, StartsWith("envinstall: error: " + what));
    CHECK_THAT(result.err, Contains("\n  hint:  "));
    CHECK_THAT(result.err, Contains(hint));
  }
}

TEST_CASE("every option is in the help of its command, and the help fits a terminal") {
  InstallerRun shop;
  const std::map<std::string, std::vector<std::string>> options = {
      {"",
       {"--prefix", "--parents", "--dry-run", "--jobs", "--max-bytes", "--allow-downgrade",
        "--wait", "--insecure-prefix", "--json", "--quiet", "--verbose", "--help", "--version",
        "--allowed-signers", "--trust", "--require-signatures"}},
      {"list", {"--json", "--help"}},
      {"info", {"--json", "--allowed-signers", "--trust", "--require-signatures"}},
      {"verify", {"--full", "--jobs", "--json", "--quiet", "--verbose", "--trust"}},
      {"uninstall", {"--all", "--wait", "--json", "--quiet", "--verbose"}}};
  for (const auto& [command, names] : options) {
    std::vector<std::string> arguments;
    if (!command.empty()) arguments.push_back(command);
    arguments.emplace_back("--help");
    const CommandResult result = shop.run(arguments);
    CHECK(result.code == 0);
    CHECK(result.err.empty());
    for (const std::string& name : names) CHECK_THAT(result.out, Contains(name));
    std::istringstream lines(result.out);
    for (std::string line; std::getline(lines, line);) {
      INFO(line);
      CHECK(line.size() <= 100);
    }
  }
  CHECK_THAT(shop.run({"--help"}).out, Contains(shop.signer.key().fingerprint() + " maker"));
  shop.anchors.clear();
  CHECK_THAT(shop.run({"--help"}).out, Contains("This copy carries no trust anchors."));
  CHECK(shop.run({"help", "list"}).out == shop.run({"list", "--help"}).out);
  CHECK(shop.run({"--version"}).out == std::string("envinstall ") + EB_VERSION + "\n");
}

TEST_CASE("sizes on the command line") {
  InstallerRun shop;
  const fs::path bundle = shop.make();
  for (const char* size : {"1k", "1000", "0.5G"}) {
    CHECK(shop.install_bundle(bundle, {"--max-bytes", size}).code ==
          (std::string(size) == "0.5G" ? 2 : 20));
  }
  CHECK(shop.install_bundle(bundle, {"--max-bytes", "20G", "--dry-run"}).code == 0);
  CHECK(shop.install_bundle(bundle, {"--max-bytes", "3MB", "--dry-run"}).code == 0);
}

TEST_CASE("on a terminal: a bar that is taken back, and colour unless NO_COLOR") {
  InstallerRun shop;
  shop.terminal = true;
  const fs::path bundle = shop.make();
  CommandResult result = shop.install_bundle(bundle);
  CHECK_THAT(result.err, Contains("\r") && Contains("\x1b[K"));
  result = shop.run({"nowhere", "--prefix", "p"});
  CHECK_THAT(result.err, StartsWith("envinstall: \x1b[1;31merror:\x1b[0m there is no such bundle"));
  shop.variables["NO_COLOR"] = "1";
  CHECK_THAT(shop.run({"nowhere", "--prefix", "p"}).err, StartsWith("envinstall: error: there"));
}

TEST_CASE("a name that would drive the terminal is shown, not obeyed") {
  InstallerRun shop;
  const CommandResult result = shop.run({"evil\x1b[2Jname", "--prefix", "p"});
  CHECK(result.err.find('\x1b') == std::string::npos);
  CHECK_THAT(result.err, Contains("evil\\x1b[2Jname"));
}

TEST_CASE("a failing disk leaves the active release, and the message says which") {
  InstallerRun shop;
  shop.install_bundle(shop.make("one"));
  const std::string active = shop.current();
  FaultySys faulty;
  faulty.before = [](const SysCall& call) {
    return std::string(call.name) == "openat" && std::string(call.path) == "README.txt" ? ENOSPC
                                                                                        : 0;
  };
  shop.sys = &faulty;
  const CommandResult result = shop.install_bundle(shop.make("two"));
  CHECK(result.code == 20);
  CHECK_THAT(result.err, Contains("why:   No space left on device (ENOSPC)"));
  CHECK_THAT(result.err,
             Contains("nothing was installed; release " + active + " is still the active one"));
  CHECK(shop.current() == active);
}

TEST_CASE("option --parents makes the folders above") {
  InstallerRun shop;
  const fs::path bundle = shop.make();
  const std::string deep = (shop.scratch.path() / "a/b/p").string();
  CHECK(shop.run({bundle.string(), "--prefix", deep}).code == 2);
  CHECK(shop.run({bundle.string(), "--prefix", deep, "--parents", "-q"}).code == 0);
  CHECK(fs::exists(deep + "/current/bin/python"));
}

TEST_CASE("option --prewarm reads the release when all is done, also one that is there already") {
  InstallerRun shop;
  const fs::path bundle = shop.make();
  CHECK_THAT(shop.install_bundle(bundle).err, !Contains("prewarm"));
  const CommandResult again = shop.install_bundle(bundle, {"--prewarm"});
  CHECK(again.code == 0);
  CHECK_THAT(again.err, Contains("prewarm "));
  const CommandResult alone = shop.run({"prewarm", shop.prefix().string(), "--json"});
  CHECK(alone.code == 0);
  CHECK(alone.records().at(0).at("files") == 3);
}

TEST_CASE("option --verbose says more") {
  InstallerRun shop;
  CHECK_THAT(shop.install_bundle(shop.make(), {"--verbose", "-j", "1"}).err,
             Contains("1 job, ") && Contains(" of memory for frames"));
}

}  // namespace
}  // namespace eb
