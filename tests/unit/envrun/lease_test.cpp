#include "installer/lease/lease.hpp"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "runtime/envrun/cli/subcommand.hpp"
#include "tests/support/temp_dir.hpp"

namespace eb {
namespace {

namespace fs = std::filesystem;

/// A release in a prefix, and envrun in it. What is started is noted instead.
struct Shop {
  test::TempDir dir;
  fs::path prefix = dir.path() / "p";
  fs::path release = prefix / "releases/sample-0123456789abcdef";
  fs::path leases = prefix / ".envinstall/leases";
  std::string during;  ///< the leases at the moment of the start, one a line

  Shop() {
    fs::create_directories(release / "share/envbundle");
    fs::create_directories(release / "bin");
    fs::create_directories(prefix / ".envinstall");
    fs::create_directory_symlink("releases/sample-0123456789abcdef", prefix / "current");
  }
  std::string names() const {
    std::string out;
    if (!fs::exists(leases)) return out;
    for (const auto& entry : fs::directory_iterator(leases)) {
      out += entry.path().filename().string() + "\n";
    }
    return out;
  }
  std::string text() const {
    std::ostringstream out;
    for (const auto& entry : fs::directory_iterator(leases)) {
      out << std::ifstream(entry.path()).rdbuf();
    }
    return out.str();
  }
  int run(const std::vector<std::string>& arguments) {
    std::ostringstream out;
    std::ostringstream err;
    World world{real_sys(), out, err};
    world.executable = (release / "bin/envrun").string();
    world.host_name = "node/7";
    world.variables.set("PATH", "/bin");
    world.execute = world.run = [this](const Program&) {
      during = fs::is_directory(leases) ? text() : "none";
      return 9;
    };
    return run_envrun(arguments, world);
  }
};

TEST_CASE("F134 envrun leases its release while a program runs, where the prefix asks for it") {
  Shop shop;
  CHECK(shop.run({"--", "true"}) == 9);
  CHECK(shop.during == "none");
  CHECK(!fs::exists(shop.leases));
  fs::create_directory(shop.leases);
  CHECK(shop.run({"--", "true"}) == 9);
  CHECK_THAT(shop.during,
             Catch::Matchers::StartsWith("envinstall lease 1\nrelease sample-0123456789abcdef\n"
                                         "what envrun --\nnode node/7\n"));
  CHECK_THAT(shop.during, Catch::Matchers::Contains("\npid " + std::to_string(getpid()) + "\n"));
  CHECK(shop.names().empty());
  // What only prints takes none.
  CHECK(shop.run({"--version"}) == 0);
  CHECK(shop.names().empty());
}

TEST_CASE("F134 a folder of leases that cannot be written stops nobody") {
  Shop shop;
  std::ofstream(shop.leases) << "no folder";
  CHECK(shop.run({"--", "true"}) == 9);
  fs::remove(shop.leases);
  fs::create_directory_symlink(shop.dir.path(), shop.leases);
  CHECK(shop.run({"--", "true"}) == 9);
  CHECK(fs::directory_iterator(shop.dir.path())->path() == shop.prefix);
}

}  // namespace
}  // namespace eb
