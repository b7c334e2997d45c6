#include "bundler/manifest/toml_value.hpp"

#include <catch2/catch.hpp>

#include "tests/support/thrown_error.hpp"

namespace eb {
namespace {

std::string dotted(size_t parts) {
  std::string out = "a";
  for (size_t i = 1; i < parts; ++i) out += i % 2 == 0 ? ".a" : " . \"a\"";
  return out;
}

TEST_CASE("a key of more parts than any format has does not overflow the stack") {
  for (const size_t parts : {17u, 500'000u}) {
    const std::string key = dotted(parts);
    for (const std::string& text : {key + " = 1", "\n[" + key + "]", "[[" + key + "]]",
                                    "x = { y = \"\"\"z\"\"\"\"\", " + key + " = 1 }"}) {
      CAPTURE(parts, text.substr(0, 20));
      const Error error = test::thrown_error([&] { parse_toml(text, "f.toml"); });
      CHECK(error.code() == ExitCode::kInvalidLock);
      CHECK(error.where() == (text.front() == '\n' ? "f.toml, line 2" : "f.toml, line 1"));
      CHECK(error.why() == "a key has more than 16 parts");
    }
  }
}

TEST_CASE("dots elsewhere, and keys of as many parts as are allowed, are no such keys") {
  const std::string dots(100, '.');
  const std::string text = dotted(16) + " = [1.5, 2.5, 07:32:00.5] # " + dots + "\nb = \"" + dots +
                           "\\\"" + dots + "\"\nc = '" + dots + "'\nd = \"\"\"\n" + dots + "\n\"" +
                           dots + "\"\"\"\ne = '''" + dots + "'" + dots + "'''\n\"" + dots +
                           "\" = 1\n['x" + dots + "'.x]\n";
  const TomlValue value = parse_toml(text, "f.toml");
  CHECK(value.fields.size() == 7);
  REQUIRE(value.find("b") != nullptr);
  CHECK(value.find("b")->text == dots + "\"" + dots);
}

TEST_CASE("what the parser takes for impossible is refused with its place") {
  using namespace std::string_literals;
  for (const std::string& text :
       {"[[[[a]]\n"s, "a = [1979-05-27T\0]\n"s, "a = [1, \u00e9]\n"s, "a = \u040b7"s}) {
    CAPTURE(text);
    const Error error = test::thrown_error([&] { parse_toml(text, "f.toml"); });
    CHECK(error.code() == ExitCode::kInvalidLock);
    CHECK(error.where().starts_with("f.toml, line 1, column "));
  }
}

TEST_CASE("letters of every script stand where blanks may be left out") {
  const TomlValue value = parse_toml("a = \"\"\"x\\\n \u00e9\\\n\u040b\"\"\" # \u00e9\n", "f.toml");
  REQUIRE(value.find("a") != nullptr);
  CHECK(value.find("a")->text == "x\u00e9\u040b");
}

TEST_CASE("a string without an end is the parser's to refuse") {
  for (const char* text : {"a = \"x", "a = 'x\nb = 1", "a = \"\"\"x", "a = \"\\", "\"", "'''"}) {
    CAPTURE(text);
    CHECK(test::thrown_error([&] { parse_toml(text, "f.toml"); }).code() == ExitCode::kInvalidLock);
  }
}

}  // namespace
}  // namespace eb
