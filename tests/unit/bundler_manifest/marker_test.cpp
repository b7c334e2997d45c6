#include "bundler/manifest/marker.hpp"

#include <catch2/catch.hpp>

namespace eb {
namespace {

TEST_CASE("markers hold for the target or not") {
  const MarkerEnvironment target = target_environment("linux-x86_64", "3.11.2");
  const auto [text, expected] = GENERATE(table<const char*, bool>({
      {"python_version >= '3.9'", true},
      {"python_version < '3.9'", false},
      {"python_version > \"3.2\" and python_version < \"3.10\"", false},
      {"'3.9' < python_version", true},
      {"'3.12' <= python_version", false},
      {"python_version == '3.*'", true},
      {"python_version ~= '3.8'", true},
      {"python_full_version < '3.11.3'", true},
      {"python_full_version <= '3.11.0a6'", false},
      {"python_version in '3.10, 3.11'", true},
      {"python_version not in '3.10, 3.11'", false},
      {"implementation_version >= '3.11'", true},
      {"sys_platform == 'linux'", true},
      {"sys_platform != 'win32'", true},
      {"'linux' in sys_platform", true},
      {"'win' in sys_platform", false},
      {"sys_platform not in 'darwin win32'", true},
      {"sys_platform >= 'linux'", true},  // means == on a String field
      {"sys_platform > 'a'", false},      // never holds on a String field
      {"platform_system == 'Linux' and platform_machine == 'x86_64'", true},
      {"platform_machine == 'aarch64' or platform_machine == 'x86_64'", true},
      {"platform_machine == 'aarch64' and (os_name == 'nt' or os_name == 'posix')", false},
      // "and" binds tighter than "or".
      {"os_name == 'posix' or os_name == 'nt' and os_name == 'java'", true},
      {"(os_name == 'posix' or os_name == 'nt') and os_name == 'java'", false},
      {"platform_python_implementation != 'PyPy'", true},
      {"python_implementation == 'CPython'", true},
      {"implementation_name == \"cpython\"", true},
      {"platform_release == ''", true},
      {"extra == 'test'", false},
      {"extra != 'test'", true},
      {"'test' in extras", false},
      {"'test' not in extras", true},
      {"no_such_field == 'x'", false},
      {"no_such_field != 'x'", false},
      {"os_name == 'posix' or no_such_field == 'x'", false},
  }));
  INFO(text);
  const auto marker = Marker::parse(text);
  REQUIRE(marker);
  CHECK(marker->holds(target) == expected);
}

TEST_CASE("extras are compared by their normalised names") {
  const MarkerEnvironment target = target_environment("linux-x86_64", "3.11.2");
  const auto marker = Marker::parse("python_version >= '3' and extra == 'S3_Client'");
  REQUIRE(marker);
  CHECK(marker->holds(target, "s3-client"));
  CHECK_FALSE(marker->holds(target, "s3"));
  CHECK_FALSE(marker->holds(target));
}

TEST_CASE("sets of extras and groups") {
  MarkerEnvironment target = target_environment("linux-aarch64", "3.12");
  target.extras = {"cuda"};
  target.dependency_groups = {"dev"};
  CHECK(Marker::parse("'CUDA' in extras")->holds(target));
  CHECK(Marker::parse("'dev' in dependency_groups and 'x' not in extras")->holds(target));
  CHECK(Marker::parse("platform_machine == 'aarch64'")->holds(target));
  CHECK(Marker::parse("python_version == '3.12'")->holds(target));
}

TEST_CASE("what is no marker is refused") {
  const auto text =
      GENERATE("", "python_version", "python_version >=", "== '3'", "python_version >= 3.9",
               "(os_name == 'nt'", "os_name == 'nt')", "os_name == 'nt' and", "'a' == 'b'",
               "os_name == sys_platform", "os_name = 'nt'", "os_name == 'nt", "1 < '2' < 3",
               "os_name == 'a' == 'b'", "os_name not 'nt'");
  INFO(text);
  CHECK_FALSE(Marker::parse(text));
}

TEST_CASE("parentheses without end do not use up the stack") {
  CHECK_FALSE(Marker::parse(std::string(1000000, '(')));
}

}  // namespace
}  // namespace eb
