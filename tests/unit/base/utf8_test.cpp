#include "installer/base/utf8.hpp"

#include <catch2/catch.hpp>

using eb::utf8_sequence_length;

TEST_CASE("the edges of every row of RFC 3629's table") {
  struct Row {
    std::string_view bytes;
    size_t length;
  };
  const Row rows[] = {
      {"\x7f", 1},
      {"\x80", 0},
      {"\xbf", 0},
      {"\xc0\x80", 0},
      {"\xc1\xbf", 0},
      {"\xc2\x80", 2},
      {"\xc2\x7f", 0},
      {"\xc2\xc0", 0},
      {"\xdf\xbf", 2},
      {"\xe0\x9f\xbf", 0},
      {"\xe0\xa0\x80", 3},
      {"\xec\xbf\xbf", 3},
      {"\xed\x9f\xbf", 3},
      {"\xed\xa0\x80", 0},
      {"\xee\x80\x80", 3},
      {"\xef\xbf\xbf", 3},
      {"\xe1\x80\x7f", 0},
      {"\xf0\x8f\xbf\xbf", 0},
      {"\xf0\x90\x80\x80", 4},
      {"\xf3\xbf\xbf\xbf", 4},
      {"\xf4\x8f\xbf\xbf", 4},
      {"\xf4\x90\x80\x80", 0},
      {"\xf1\x80\x80\xc0", 0},
      {"\xf5\x80\x80\x80", 0},
      {"\xff", 0},
      {"\xc2", 0},
      {"\xe1\x80", 0},
      {"\xf1\x80\x80", 0},
      {"", 0},
  };
  for (const Row& row : rows) {
    CAPTURE(row.bytes);
    CHECK(utf8_sequence_length(row.bytes) == row.length);
    CHECK(eb::is_utf8(row.bytes) == (row.length > 0 || row.bytes.empty()));
  }
  CHECK(eb::is_utf8("a\xc3\xa9"));
  CHECK_FALSE(eb::is_utf8("a\xc3\xa9\xc3"));
}
