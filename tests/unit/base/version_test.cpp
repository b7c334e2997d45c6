#include "installer/base/version.hpp"

#include <catch2/catch.hpp>

using eb::DottedVersion;

TEST_CASE("what is a dotted version") {
  for (const char* text : {"0", "1", "2.36", "525.60.13", "0.0.0", "2147483647.1", "01.2"}) {
    CAPTURE(text);
    CHECK(DottedVersion::parse(text));
  }
  for (const char* text : {"", ".", "1.", ".1", "1..2", "1.a", "a", "-1", "1.-2", "+1", "1 ", " 1",
                           "2147483648", "1.2-rc1"}) {
    CAPTURE(text);
    CHECK_FALSE(DottedVersion::parse(text));
  }
  CHECK(DottedVersion::parse("525.060.13")->str() == "525.60.13");
}

TEST_CASE("versions compare number by number") {
  const auto v = [](const char* text) { return *DottedVersion::parse(text); };
  CHECK(v("2.9") < v("2.10"));
  CHECK(v("525.60.13") < v("525.105"));
  CHECK(v("525.60") < v("525.60.13"));
  CHECK(v("1.0") == v("1"));
  CHECK(v("1") == v("1.0.0"));
  CHECK(v("1.0.1") > v("1"));
}

TEST_CASE("the version at the start of a text") {
  CHECK(DottedVersion::parse_prefix("5.10.0-28-amd64")->str() == "5.10.0");
  CHECK(DottedVersion::parse_prefix("6.1.")->str() == "6.1");
  CHECK(DottedVersion::parse_prefix("4.18.0_x")->str() == "4.18.0");
  CHECK_FALSE(DottedVersion::parse_prefix("v1.2"));
  CHECK_FALSE(DottedVersion::parse_prefix(""));
  CHECK_FALSE(DottedVersion::parse_prefix("..."));
  CHECK_FALSE(DottedVersion::parse_prefix("1..2"));
}
