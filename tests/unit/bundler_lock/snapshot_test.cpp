#include "bundler/lock/snapshot.hpp"

#include <catch2/catch.hpp>

namespace eb {
namespace {

TEST_CASE("times of locks, archives and indexes") {
  CHECK(parse_timestamp("20260905T094512Z") == 1788601512);
  CHECK(format_timestamp(1788601512) == "20260905T094512Z");
  CHECK(parse_release_date("Sat, 05 Sep 2026 09:45:12 UTC") == 1788601512);
  CHECK(parse_release_date("Sat, 05 Sep 2026 09:45:12 +0000\r") == 1788601512);
  CHECK(parse_rfc3339("2026-09-05T09:45:12Z") == 1788601512);
  CHECK(parse_rfc3339("2026-09-05T09:45:12.123456Z") == 1788601512);
  CHECK(parse_rfc3339("2026-09-05 09:45:12+00:00") == 1788601512);
}

TEST_CASE("what is no time is refused") {
  for (const char* text :
       {"", "20260905", "20260905T094512", "20260931T094512Z", "2026x905T094512Z"}) {
    INFO(text);
    CHECK_FALSE(parse_timestamp(text));
  }
  CHECK_FALSE(parse_release_date("Sat, 05 Sep 2026 09:45:12 +0200"));
  CHECK_FALSE(parse_release_date("yesterday UTC"));
  CHECK_FALSE(parse_release_date("Sat, 06 Sep 25 08:54:20 UTC"));
  CHECK_FALSE(parse_timestamp("19691231T235959Z"));
  CHECK(parse_timestamp("19700101T000000Z") == 0);
  CHECK_FALSE(parse_rfc3339("2026-09-05T09:45:12+02:00"));
  CHECK_FALSE(parse_rfc3339("2026-09-05"));
}

TEST_CASE("snapshots a day later come first") {
  CHECK(snapshot_roots("debian", "20260905T094512Z") ==
        std::vector<std::string>{"https://snapshot.debian.org/archive/debian/20260906T094512Z/",
                                 "https://snapshot.debian.org/archive/debian/20260905T094512Z/"});
}

}  // namespace
}  // namespace eb
