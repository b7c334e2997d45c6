#include "installer/install/module_files.hpp"

#include "installer/install/module_text.hpp"
#include "installer/install/rollback.hpp"
#include "installer/install/uninstall.hpp"
#include "workshop.hpp"

namespace eb {
namespace {

using namespace test;

std::string value(const fs::path& file, const std::string& key) {
  return module_value(read_text(file), key).value_or("(none)");
}

std::set<std::string> files_below(const fs::path& folder) {
  std::set<std::string> out;
  if (!fs::exists(folder)) return out;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (!entry.is_directory()) out.insert(entry.path().lexically_relative(folder).string());
  }
  return out;
}

void uninstall_one(Workshop& shop, std::optional<std::string> release, bool all = false) {
  const UninstallOptions options{.release = std::move(release), .all = all, .wait_seconds = 5};
  uninstall(real_sys(), open_prefix(real_sys(), shop.options.prefix), options, shop.host,
            shop.silence, shop.stop);
}

TEST_CASE("values of a module file are filled in, in either language") {
  const std::string tcl =
      "#%Module1.0\n# made for envinstall\nset below \"\"\nset x 1\n"
      "set conflicts \"cuda\"\n puts \"set below\"\n";
  CHECK(fill_module_text(tcl, {.below = "/releases/r-1", .conflicts = "a b"}) ==
        "#%Module1.0\n# made for envinstall\nset below \"/releases/r-1\"\nset x 1\n"
        "set conflicts \"a b\"\n puts \"set below\"\n");
  const std::string lua = "-- made for envinstall\nlocal above = \"3\"\nlocal below = \"x\"\n";
  CHECK(fill_module_text(lua, {.above = 4, .below = "", .conflicts = {}}) ==
        "-- made for envinstall\nlocal above = \"4\"\nlocal below = \"\"\n");
  CHECK(module_value(lua, "below") == "x");
  CHECK(module_value(lua, "conflicts") == std::nullopt);
  CHECK(module_value("set below \"no end\n", "below") == std::nullopt);
  CHECK(module_value("", "below") == std::nullopt);
  CHECK(is_module_text(lua));
  CHECK_FALSE(is_module_text("#%Module1.0\n"));
  CHECK_FALSE(is_module_text(std::string(600, '\n') + "made for envinstall"));
}

TEST_CASE("a list of conflicts") {
  CHECK(parse_conflicts("cuda,conda") == "cuda conda");
  CHECK(parse_conflicts(" cuda/12.8  ,, lib+x_1 ") == "cuda/12.8 lib+x_1");
  CHECK(parse_conflicts("none").empty());
  CHECK(parse_conflicts("").empty());
  for (const char* bad : {"a\"b", "$x", "[exec]", "a,-f", "a\nb", "a;b"}) {
    const auto error = thrown_error([&] { parse_conflicts(bad); });
    CHECK(error.code() == ExitCode::kUsage);
  }
}

TEST_CASE("every release that was active has module files, told where it is") {
  Workshop shop;
  const fs::path modules = shop.prefix() / "modulefiles";
  const std::string first = shop.install_file(shop.make("one")).release;
  CHECK(value(modules / "sample/one", "below") == "/releases/" + first);
  CHECK(value(modules / "sample/one.lua", "below") == "/releases/" + first);
  CHECK(fs::read_symlink(modules / "sample/.modulerc") == "../../current/share/envbundle/modulerc");
  CHECK(read_text(modules / "sample/.modulerc").find("sample/one default") != std::string::npos);

  const std::string second = shop.install_file(shop.make("two")).release;
  CHECK(files_below(modules) == std::set<std::string>{"sample/.modulerc", "sample/one",
                                                      "sample/one.lua", "sample/two",
                                                      "sample/two.lua"});
  CHECK(value(modules / "sample/one", "below") == "/releases/" + first);
  CHECK(value(modules / "sample/two", "below") == "/releases/" + second);
  CHECK(read_text(modules / "sample/.modulerc").find("sample/two default") != std::string::npos);
  // What the release itself holds is signed.
  CHECK(value(shop.release(second) / "modulefiles/sample/two", "below").empty());

  uninstall_one(shop, first);
  CHECK(files_below(modules) ==
        std::set<std::string>{"sample/.modulerc", "sample/two", "sample/two.lua"});
  uninstall_one(shop, second);
  CHECK_FALSE(fs::exists(modules));
  CHECK_FALSE(fs::exists(shop.prefix() / ".envinstall"));
}

TEST_CASE("a release that was never activated has no module files") {
  Workshop shop;
  const fs::path bundle = shop.make("one");
  shop.options.before_activation = [](const Prefix&, const std::string&) {
    throw Error(ExitCode::kSmokeTest, "no");
  };
  CHECK(thrown_error([&] { shop.install_file(bundle); }).code() == ExitCode::kSmokeTest);
  shop.options.before_activation = {};
  CHECK_FALSE(fs::exists(shop.prefix() / "modulefiles"));
  shop.install_file(shop.make("two"));
  CHECK_FALSE(fs::exists(shop.prefix() / "modulefiles/sample/one"));
}

TEST_CASE("a rebuilt version takes the place, and gives it back") {
  Workshop shop;
  const fs::path modules = shop.prefix() / "modulefiles";
  const fs::path bundle = shop.make("one");
  const std::string first = shop.install_file(bundle).release;
  const std::string second = shop.install_file(shop.make("one", {{"counter", "2"}})).release;
  REQUIRE(first != second);
  CHECK(value(modules / "sample/one", "below") == "/releases/" + second);
  rollback(real_sys(), open_prefix(real_sys(), shop.options.prefix), first, shop.host, shop.silence,
           shop.stop);
  CHECK(value(modules / "sample/one", "below") == "/releases/" + first);
  uninstall_one(shop, second);
  CHECK(value(modules / "sample/one", "below") == "/releases/" + first);
}

TEST_CASE("files of others are left alone, and mended ones mended") {
  Workshop shop;
  const fs::path bundle = shop.make("one");
  shop.install_file(bundle);
  const fs::path sample = shop.prefix() / "modulefiles/sample";
  write_text(sample / "one", "#%Module1.0\n# somebody's\n");
  write_text(sample / "site.lua", "-- the site's\n");
  write_text(shop.prefix() / "modulefiles/site/1", "#%Module1.0\n");
  fs::remove(sample / "one.lua");
  EventLog log;
  shop.install_file(bundle, real_sys(), log);
  CHECK(read_text(sample / "one") == "#%Module1.0\n# somebody's\n");
  CHECK(fs::exists(sample / "one.lua"));
  REQUIRE(log.warnings.size() == 1);
  CHECK(log.warnings[0].find("sample/one is not envinstall's") != std::string::npos);
  uninstall_one(shop, std::nullopt, true);
  CHECK(files_below(shop.prefix()) == std::set<std::string>{"modulefiles/sample/one",
                                                            "modulefiles/sample/site.lua",
                                                            "modulefiles/site/1"});
}

TEST_CASE("F130 what killed runs had not yet renamed goes when it is an hour old") {
  Workshop shop;
  const fs::path bundle = shop.make("one");
  shop.install_file(bundle);
  const fs::path forgotten[] = {
      shop.prefix() / "modulefiles/sample/.envinstall-0123456789abcdef~",
      shop.prefix() / ".envinstall/.modules.0123456789abcdef",
  };
  const fs::path others = shop.prefix() / "modulefiles/sample/.site~";
  for (const fs::path& file : forgotten) write_text(file, "#%Module1.0\n");
  write_text(others, "");
  shop.install_file(bundle);
  for (const fs::path& file : forgotten) CHECK(fs::exists(file));
  shop.host.now += 2 * 3600;
  shop.install_file(bundle);
  for (const fs::path& file : forgotten) CHECK_FALSE(fs::exists(file));
  CHECK(fs::exists(others));
}

TEST_CASE("a link in the place of the folder is not followed") {
  Workshop shop;
  shop.install_file(shop.make("one"));
  fs::remove_all(shop.prefix() / "modulefiles");
  fs::create_directories(shop.scratch.path() / "elsewhere");
  fs::create_symlink(shop.scratch.path() / "elsewhere", shop.prefix() / "modulefiles");
  EventLog log;
  shop.install_file(shop.make("two"), real_sys(), log);
  CHECK(fs::is_empty(shop.scratch.path() / "elsewhere"));
  CHECK(log.warnings.size() == 1);
}

TEST_CASE("a choice of conflicts is kept, and holds for all releases") {
  Workshop shop;
  const fs::path modules = shop.prefix() / "modulefiles";
  shop.install_file(shop.make("one"));
  CHECK(value(modules / "sample/one", "conflicts") == "cuda");
  shop.options.modules.conflicts = "conda,gcc";
  shop.install_file(shop.make("two"));
  CHECK(value(modules / "sample/one", "conflicts") == "conda gcc");
  CHECK(value(modules / "sample/two", "conflicts") == "conda gcc");
  shop.options.modules.conflicts.reset();
  shop.install_file(shop.make("three"));
  CHECK(value(modules / "sample/three", "conflicts") == "conda gcc");
  shop.options.modules.conflicts = "none";
  shop.install_file(shop.make("three"));
  CHECK(value(modules / "sample/one", "conflicts").empty());
  shop.options.modules.conflicts = "default";
  shop.install_file(shop.make("three"));
  CHECK(value(modules / "sample/one", "conflicts") == "cuda");
}

TEST_CASE("no .modulerc below a path with a blank, which Lmod could not read") {
  Workshop shop;
  shop.options.prefix = (shop.scratch.path() / "a blank").string();
  shop.install_file(shop.make("one"));
  CHECK(files_below(shop.scratch.path() / "a blank/modulefiles") ==
        std::set<std::string>{"sample/one", "sample/one.lua"});
}

TEST_CASE("EasyBuild's layout") {
  Workshop shop;
  const fs::path root = shop.scratch.path() / "root";
  const fs::path modules = root / "modules/all/sample";
  fs::create_directories(root);
  const fs::path bundle = shop.make("one");
  const auto index = [&] {
    const auto source = open_bundle_file(real_sys(), bundle.string());
    return shop.open(*source).index();
  }();
  CHECK(module_name(index) == "sample/one");
  shop.options.prefix = easybuild_prefix(real_sys(), root.string(), index);
  CHECK(shop.options.prefix == (root / "software/sample/one").string());
  shop.options.create_parents = true;
  shop.options.modules.easybuild = true;
  shop.install_file(bundle);
  CHECK(files_below(modules) == std::set<std::string>{"one", "one.lua"});
  CHECK(value(modules / "one", "above") == "4");
  CHECK(value(modules / "one", "below") == "/software/sample/one");
  CHECK(value(modules / "one", "layout") == "eb");
  // Again is nothing, and the layout is remembered.
  const auto before = snapshot(root);
  shop.options.modules.easybuild = false;
  shop.install_file(bundle);
  CHECK(snapshot(root) == before);
  CHECK(easybuild_prefix(real_sys(), root.string(), index) == shop.options.prefix);

  write_text(modules / "two.lua", "-- EasyBuild's own\n");
  uninstall_one(shop, std::nullopt);
  CHECK(files_below(root) == std::set<std::string>{"modules/all/sample/two.lua"});
  // A module of another in the place of ours is found before anything is written.
  write_text(modules / "one.lua", "-- EasyBuild's own\n");
  const auto foreign = thrown_error([&] { easybuild_prefix(real_sys(), root.string(), index); });
  CHECK(foreign.code() == ExitCode::kUsage);
  CHECK(foreign.where() == (modules / "one.lua").string());
  fs::remove(modules / "one.lua");
  fs::rename(root / "software", root / "elsewhere");
  fs::create_symlink("elsewhere", root / "software");
  CHECK(thrown_error([&] { easybuild_prefix(real_sys(), root.string(), index); }).code() ==
        ExitCode::kUsage);
}

TEST_CASE("a bundle without module files") {
  Workshop shop;
  const fs::path tree = shop.scratch.path() / "plain";
  write_text(tree / "bin/x", "x", true);
  const fs::path bundle = shop.pack(tree);
  const auto source = open_bundle_file(real_sys(), bundle.string());
  const auto index = shop.open(*source).index();
  CHECK(module_name(index) == std::nullopt);
  CHECK(thrown_error([&] { easybuild_prefix(real_sys(), "/r", index); }).code() ==
        ExitCode::kUsage);
  shop.install_file(bundle);
  CHECK_FALSE(fs::exists(shop.prefix() / "modulefiles"));
}

}  // namespace
}  // namespace eb
