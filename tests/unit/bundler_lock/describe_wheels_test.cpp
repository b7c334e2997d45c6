#include "bundler/lock/describe_wheels.hpp"

#include <catch2/catch.hpp>

namespace eb {
namespace {

NamedMetadata package(const std::string& name, const std::vector<std::string>& requires_dist) {
  std::string text;
  for (const auto& line : requires_dist) text += "Requires-Dist: " + line + "\n";
  return {name, CoreMetadata(text)};
}

TEST_CASE("who asks for whom, extras and markers included") {
  const MarkerEnvironment target = target_environment("linux-x86_64", "3.11.2");
  const std::vector<NamedMetadata> packages = {
      package("torch", {"Triton==3.4.0; platform_machine == 'x86_64'", "wine; os_name == 'nt'",
                        "optree>=0.13; extra == 'optree'", "not a requirement !"}),
      package("triton", {}),
      package("server", {"client[fast,all]>=1", "server[more]; extra == 'x'"}),
      package("client", {"speed; extra == 'fast'", "client[deep]; extra == 'all'",
                         "deep; extra == 'deep'", "never; extra == 'never'"}),
      package("speed", {}),
      package("deep", {"absent>1"}),
      package("stray", {}),
  };
  std::vector<std::string> missing;
  const auto askers =
      find_askers(packages, {"torch==2.8.0", "server", "wine; os_name == 'nt'"}, target, &missing);
  using Names = std::vector<std::string>;
  CHECK(askers[0] == Names{"manifest"});
  CHECK(askers[1] == Names{"torch"});
  CHECK(askers[2] == Names{"manifest"});
  CHECK(askers[3] == Names{"server"});
  CHECK(askers[4] == Names{"client"});
  CHECK(askers[5] == Names{"client"});  // by way of an extra that asks for another extra
  CHECK(askers[6].empty());
  CHECK(missing == Names{"deep asks for absent"});
}

TEST_CASE("packages that ask for each other end") {
  const auto askers = find_askers({package("a", {"b[x]"}), package("b", {"a[y]"})}, {"a"},
                                  target_environment("linux-x86_64", "3.11.2"), nullptr);
  CHECK(askers[0] == std::vector<std::string>{"b", "manifest"});
  CHECK(askers[1] == std::vector<std::string>{"a"});
}

}  // namespace
}  // namespace eb
