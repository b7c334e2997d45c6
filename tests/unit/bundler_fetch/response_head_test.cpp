#include <catch2/catch.hpp>

#include "bundler/fetch/exchange.hpp"
#include "bundler/fetch/transfer.hpp"

namespace eb {
namespace {

ResponseHead parsed(const std::vector<std::string>& lines) {
  ResponseHead head;
  for (const std::string& line : lines) CHECK(take_header_line(line + "\r\n", head).empty());
  return head;
}

}  // namespace

TEST_CASE("take_header_line: a usual answer") {
  const ResponseHead head =
      parsed({"HTTP/1.1 206 Partial Content", "ETag: \"abc\"", "content-length:  100 ",
              "Content-Range: bytes 5-104/200", "Content-Type: text/html; charset=utf-8",
              "CONTENT-ENCODING: gzip", "Transfer-Encoding: chunked", ""});
  CHECK(head.status == 206);
  CHECK(head.etag == "\"abc\"");
  CHECK(head.content_length == 100);
  CHECK(head.has_range);
  CHECK(head.range_first == 5);
  CHECK(head.range_last == 104);
  CHECK(head.range_total == 200);
  CHECK(head.content_type == "text/html; charset=utf-8");
  CHECK(head.content_encoding == "gzip");
  CHECK(head.is_chunked);
}

TEST_CASE("take_header_line: a status line begins anew") {
  const ResponseHead head = parsed({"HTTP/1.1 103 Early Hints", "ETag: \"early\"", "",
                                    "HTTP/1.1 200 OK", "Content-Encoding: identity"});
  CHECK(head.status == 200);
  CHECK(head.etag.empty());
  CHECK(head.content_encoding.empty());
}

TEST_CASE("take_header_line: ranges that mean nothing") {
  for (const char* value :
       {"bytes */200", "bytes 5-4/200", "bytes -5-4/200", "bytes 5/200", "items 1-2/3", "bytes",
        "bytes 1-2", "bytes 1-99999999999999999999/5", "bytes a-b/c", ""}) {
    INFO(value);
    CHECK_FALSE(parsed({"HTTP/1.1 206 x", std::string("Content-Range: ") + value}).has_range);
  }
  const ResponseHead open_end = parsed({"HTTP/1.1 206 x", "Content-Range: bytes 1-2/*"});
  CHECK(open_end.has_range);
  CHECK_FALSE(open_end.range_total);
}

TEST_CASE("take_header_line: what must not be believed") {
  for (const char* line : {"X: a\rb", "X: \x1b[2J", "X: a\x7f", "Content-Length: -1",
                           "Content-Length: 1e9", "Content-Length:", "Content-Length: 1, 2"}) {
    ResponseHead head;
    INFO(line);
    CHECK_FALSE(take_header_line(line, head).empty());
  }
  ResponseHead head;
  CHECK(take_header_line("Content-Length: 5", head).empty());
  CHECK(take_header_line("Content-Length: 5", head).empty());
  CHECK_FALSE(take_header_line("Content-Length: 6", head).empty());
}

TEST_CASE("looks_like_html") {
  for (const char* text : {"<!DOCTYPE html>", "<!doctype HTML PUBLIC", "\r\n  <html lang=en>",
                           "\xEF\xBB\xBF<head>", "<body>", "<!-- portal -->"}) {
    CHECK(looks_like_html(text, ""));
  }
  CHECK(looks_like_html("<script>", "text/html"));
  for (const char* text : {"", "PK\x03\x04", "!<arch>\n", "{\"a\": 1}", "html", "<?xml?>"}) {
    CHECK_FALSE(looks_like_html(text, ""));
  }
}

}  // namespace eb
