#include "bundler/manifest/python_version.hpp"

#include <catch2/catch.hpp>

namespace eb {
namespace {

PythonVersion version(const char* text) {
  const auto out = PythonVersion::parse(text);
  INFO(text);
  REQUIRE(out);
  return *out;
}

TEST_CASE("versions are ordered as PEP 440 says") {
  // The specification's own sequence, and local versions.
  const char* const ordered[] = {"0.9",           "1.dev0",
                                 "1.0.dev456",    "1.0a1",
                                 "1.0a2.dev456",  "1.0a12.dev456",
                                 "1.0a12",        "1.0b1.dev456",
                                 "1.0b2",         "1.0b2.post345.dev456",
                                 "1.0b2.post345", "1.0rc1.dev456",
                                 "1.0rc1",        "1.0",
                                 "1.0+abc.5",     "1.0+abc.7",
                                 "1.0+5",         "1.0.post456.dev34",
                                 "1.0.post456",   "1.0.15",
                                 "1.1.dev1",      "1!0.1"};
  for (size_t i = 0; i < std::size(ordered); ++i) {
    for (size_t j = 0; j < std::size(ordered); ++j) {
      INFO(ordered[i] << " and " << ordered[j]);
      const bool less = version(ordered[i]) < version(ordered[j]);
      // 1.dev0 and 1.0.dev456 differ only in the number.
      CHECK(less == (i < j));
    }
  }
}

TEST_CASE("spellings of one version are equal") {
  const auto [a, b] = GENERATE(table<const char*, const char*>({
      {"2.8", "2.8.0"},
      {"v1.0", "1.0"},
      {"1.0-alpha.1", "1.0a1"},
      {"1.0C1", "1.0rc1"},
      {"1.0-1", "1.0.post1"},
      {"1.0-r4", "1.0.post4"},
      {"1.0.dev", "1.0dev0"},
      {"1.0+Ubuntu-1", "1.0+ubuntu.1"},
      {" 1.0 ", "1.0"},
  }));
  CHECK(version(a) == version(b));
}

TEST_CASE("what is no version is refused") {
  const auto text = GENERATE("", "abc", "1..2", "1.", "1.0+", "1.0+a..b", "1.0 2", "1.0-", "1.0_x",
                             "99999999999999999999", "1.0+a!b");
  INFO(text);
  CHECK_FALSE(PythonVersion::parse(text));
}

TEST_CASE("specifiers hold or not") {
  const auto [specifier, candidate, holds] = GENERATE(table<const char*, const char*, bool>({
      {"==2.8.0", "2.8.0+cu128", true},
      {"==2.8.0+cu128", "2.8.0", false},
      {"==2.8", "2.8.0", true},
      {"==2.8.*", "2.8.1", true},
      {"==2.8.*", "2.80", false},
      {"!=2.8.*", "2.9", true},
      {"~=2.2", "2.9", true},
      {"~=2.2", "3.0", false},
      {"~=2.2.1", "2.3", false},
      {">=1,<2", "1.9.9", true},
      {">=1,<2", "2.0", false},
      {"<3.1", "3.1rc1", false},
      {"<3.1", "3.0.9", true},
      {">3.1", "3.1.post1", false},
      {">3.1", "3.1+local", false},
      {">3.1", "3.1.1", true},
      {"<=3.11.0a6", "3.11.2", false},
      {"===1.0", "1.0", true},
      {"", "7", true},
  }));
  INFO(specifier << " and " << candidate);
  REQUIRE(VersionSpecifier::parse(specifier));
  CHECK(VersionSpecifier::parse(specifier)->contains(version(candidate)) == holds);
}

TEST_CASE("what is no specifier is refused") {
  const auto text = GENERATE("2.8", "=2.8", "==", ">=1,,<2", "~=2", ">2.*", "==2.8.*.*");
  INFO(text);
  CHECK_FALSE(VersionSpecifier::parse(text));
}

TEST_CASE("only a single == has an exact version") {
  CHECK(VersionSpecifier::parse("==2.8.0")->exact() == version("2.8"));
  CHECK_FALSE(VersionSpecifier::parse("==2.8.*")->exact());
  CHECK_FALSE(VersionSpecifier::parse(">=2.8")->exact());
  CHECK_FALSE(VersionSpecifier::parse("==2.8,!=2.9")->exact());
}

}  // namespace
}  // namespace eb
