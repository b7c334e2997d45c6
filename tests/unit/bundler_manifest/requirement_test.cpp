#include "bundler/manifest/requirement.hpp"

#include <catch2/catch.hpp>

namespace eb {
namespace {

TEST_CASE("requirements are taken apart") {
  const auto r = parse_requirement("Jupyter_Server[Test, ws] (>=2.4,<3) ; python_version > '3.8'");
  REQUIRE(r);
  CHECK(r->name == "jupyter-server");
  CHECK(r->extras == std::vector<std::string>{"test", "ws"});
  CHECK(r->specifier.contains(*PythonVersion::parse("2.9")));
  CHECK_FALSE(r->specifier.contains(*PythonVersion::parse("3.0")));
  REQUIRE(r->marker);
  CHECK(r->applies(target_environment("linux-x86_64", "3.11.2")));
  CHECK_FALSE(r->applies(target_environment("linux-x86_64", "3.8.1")));
}

TEST_CASE("short forms") {
  CHECK(parse_requirement("torch==2.8.0")->specifier.exact() == PythonVersion::parse("2.8.0"));
  CHECK(parse_requirement("numpy")->specifier.empty());
  CHECK(parse_requirement("a[]")->extras.empty());
  CHECK(parse_requirement("a>1;os_name=='posix'")->marker);
  const auto url = parse_requirement("a @ https://example.com/a;b.whl ; os_name == 'nt'");
  REQUIRE(url);
  CHECK(url->url == "https://example.com/a;b.whl");
  CHECK(url->marker);
}

TEST_CASE("what is no requirement is refused with a reason") {
  const auto [text, why] = GENERATE(table<const char*, const char*>({
      {"", "it does not begin with a project's name"},
      {"-torch", "it does not begin with a project's name"},
      {"==2", "it does not begin with a project's name"},
      {"torch 2.8", "'2.8' is no version specifier"},
      {"torch==2.8=", "'==2.8=' is no version specifier"},
      {"torch[a", "the extras do not end in ]"},
      {"torch[a b]", "the extras do not end in ]"},
      {"torch[-]", "the extras are not names"},
      {"torch (>=1", "the parenthesis is not closed"},
      {"torch @ ", "no URL follows @"},
      {"torch; os", "'os' is no environment marker"},
  }));
  INFO(text);
  std::string problem;
  CHECK_FALSE(parse_requirement(text, &problem));
  CHECK(problem == why);
}

}  // namespace
}  // namespace eb
