// Resuming from servers that ignore or falsify ranges: F079-F081.
#include "tests/fetch/fetch_fixture.hpp"

namespace eb::test {
namespace {

const std::string kContent = make_content(300'000);
constexpr size_t kKept = 120'000;

std::string range_header(size_t first, size_t last, size_t total) {
  return "Content-Range: bytes " + std::to_string(first) + "-" + std::to_string(last) + "/" +
         std::to_string(total);
}

// Answers requests for a range as `lie` says and all others well.
HostileServer::Script lie_about_ranges(HostileServer::Script lie, std::string etag = "\"v1\"") {
  return [lie = std::move(lie), good = well_behaved(kContent, std::move(etag))](
             const ReceivedRequest& received, ServerConnection& connection) {
    (received.header("range").empty() ? good : lie)(received, connection);
  };
}

}  // namespace

TEST_CASE_METHOD(FetchFixture, "F079_range_ignored") {
  HostileServer server([](const ReceivedRequest&, ServerConnection& connection) {
    connection.reply("200 OK", {}, kContent);
  });
  const FetchRequest wanted = request(kContent, {server.url("/file.whl")});
  leave_partial(wanted, kContent.substr(0, kKept));
  CHECK(fetch_content(wanted) == kContent);
  REQUIRE(server.requests().size() == 1);
  CHECK(server.requests()[0].header("range") == "bytes=120000-");
  CHECK(contains(events.text(), "sends the file from its beginning"));
}

TEST_CASE_METHOD(FetchFixture, "F080_lying_ranges_are_thrown_away") {
  struct Lie {
    const char* name;
    std::vector<std::string> headers;
    const char* note;
  };
  const Lie lie = GENERATE(values<Lie>({
      {"another offset",
       {range_header(kKept - 1, 299'999, 300'000)},
       "sends bytes from 119999 on, asked for those from 120000 on"},
      {"from the beginning",
       {range_header(0, 299'999, 300'000)},
       "sends bytes from 0 on, asked for those from 120000 on"},
      {"another total",
       {range_header(kKept, 300'000, 300'001)},
       "continues a file of another size"},
      {"past the end", {range_header(kKept, 300'005, 300'000)}, "continues a file of another size"},
      {"no Content-Range", {}, "answers 206 without saying which bytes it sends"},
      {"no numbers", {"Content-Range: bytes a-b/c"}, "without saying which bytes"},
      {"backwards", {"Content-Range: bytes 120000-5/300000"}, "without saying which bytes"},
      {"another unit", {"Content-Range: lines 120000-299999/300000"}, "without saying which"},
  }));
  INFO(lie.name);
  HostileServer server(lie_about_ranges([&](const ReceivedRequest&, ServerConnection& connection) {
    connection.reply("206 Partial Content", lie.headers, kContent.substr(kKept));
  }));
  const FetchRequest wanted = request(kContent, {server.url("/file.whl")});
  leave_partial(wanted, kContent.substr(0, kKept));
  CHECK(fetch_content(wanted) == kContent);
  CHECK(server.requests().size() == 2);
  CHECK(contains(events.text(), lie.note));
  CHECK(contains(events.text(), "starting over with the whole file"));
}

TEST_CASE_METHOD(FetchFixture, "F080_right_range_with_wrong_bytes") {
  HostileServer server(lie_about_ranges([](const ReceivedRequest&, ServerConnection& connection) {
    connection.reply("206 Partial Content", {range_header(kKept, 299'999, 300'000)},
                     make_content(300'000 - kKept, 7));
  }));
  const FetchRequest wanted = request(kContent, {server.url("/file.whl")});
  leave_partial(wanted, kContent.substr(0, kKept));
  CHECK(fetch_content(wanted) == kContent);
  CHECK(contains(events.text(), "the parts do not fit together"));
  CHECK(server.requests().size() == 2);
}

TEST_CASE_METHOD(FetchFixture, "F080_endless_bytes_after_a_right_range") {
  HostileServer server(lie_about_ranges([](const ReceivedRequest&, ServerConnection& connection) {
    connection.head("206 Partial Content",
                    {range_header(kKept, 299'999, 300'000), "Connection: close"});
    while (connection.send(kContent)) {
    }
  }));
  const FetchRequest wanted = request(kContent, {server.url("/file.whl")});
  leave_partial(wanted, kContent.substr(0, kKept));
  const Error error = fetch_error(wanted);
  CHECK(error.code() == ExitCode::kDownloadMismatch);
  CHECK(contains(error.why(), "sends more than the 300000 bytes that the lock names"));
}

TEST_CASE_METHOD(FetchFixture, "F080_206_to_a_request_for_everything") {
  HostileServer server([](const ReceivedRequest&, ServerConnection& connection) {
    connection.reply("206 Partial Content", {range_header(0, 299'999, 300'000)}, kContent);
  });
  const Error error = fetch_error(request(kContent, {server.url("/file.whl")}));
  CHECK(error.code() == ExitCode::kNetwork);
  CHECK(error.why() == "answers 206 though the whole file was asked for");
  CHECK(server.requests().size() == 2);
}

TEST_CASE_METHOD(FetchFixture, "F080_no_such_range") {
  HostileServer server(lie_about_ranges([](const ReceivedRequest&, ServerConnection& connection) {
    connection.reply("416 Range Not Satisfiable", {"Content-Range: bytes */5"}, "");
  }));
  const FetchRequest wanted = request(kContent, {server.url("/file.whl")});
  leave_partial(wanted, kContent.substr(0, kKept));
  CHECK(fetch_content(wanted) == kContent);
  CHECK(server.requests().size() == 2);
}

TEST_CASE_METHOD(FetchFixture, "F081_etag_changed_and_the_server_says_so_with_200") {
  std::atomic<bool> is_second{false};
  HostileServer server([&](const ReceivedRequest& received, ServerConnection& connection) {
    if (is_second.exchange(true)) return well_behaved(kContent, "\"v2\"")(received, connection);
    connection.head("200 OK", {"Content-Length: 300000", "ETag: \"v1\""});
    connection.send(make_content(kKept, 8));  // of an older file
  });
  CHECK(fetch_content(request(kContent, {server.url("/file.whl")})) == kContent);
  REQUIRE(server.requests().size() == 2);
  CHECK(server.requests()[1].header("if-range") == "\"v1\"");
}

TEST_CASE_METHOD(FetchFixture, "F081_etag_changed_and_the_server_continues_all_the_same") {
  const std::string old_etag = GENERATE("\"v1\"", "W/\"v1\"");
  HostileServer server([&](const ReceivedRequest& received, ServerConnection& connection) {
    if (received.number == 0) {
      connection.head("200 OK", {"Content-Length: 300000", "ETag: " + old_etag});
      connection.send(make_content(kKept, 8));
    } else if (!received.header("range").empty()) {
      connection.reply("206 Partial Content",
                       {range_header(kKept, 299'999, 300'000), "ETag: \"v2\""},
                       kContent.substr(kKept));
    } else {
      connection.reply("200 OK", {"ETag: \"v2\""}, kContent);
    }
  });
  CHECK(fetch_content(request(kContent, {server.url("/file.whl")})) == kContent);
  REQUIRE(server.requests().size() == 3);
  // A weak validator may not stand in If-Range.
  CHECK(server.requests()[1].header("if-range") == (old_etag[0] == 'W' ? "" : old_etag));
  CHECK(contains(events.text(), "its ETag changed"));
}

TEST_CASE_METHOD(FetchFixture, "a partial file is resumed at another place without its ETag") {
  HostileServer first([](const ReceivedRequest&, ServerConnection& connection) {
    connection.head("200 OK", {"Content-Length: 300000", "ETag: \"first\""});
    connection.send(std::string_view(kContent).substr(0, kKept));
  });
  HostileServer second(well_behaved(kContent, "\"second\""));
  CHECK(fetch_content(request(kContent, {first.url("/a"), second.url("/b")})) == kContent);
  REQUIRE(second.requests().size() == 1);
  CHECK(second.requests()[0].header("range") == "bytes=120000-");
  CHECK(second.requests()[0].header("if-range").empty());
}

TEST_CASE_METHOD(FetchFixture, "a whole partial file needs no network") {
  const FetchRequest wanted = request(kContent, {});
  leave_partial(wanted, kContent);
  CHECK(fetch_content(wanted) == kContent);
}

TEST_CASE_METHOD(FetchFixture, "a wrong or too long partial file is thrown away") {
  HostileServer server(well_behaved(kContent));
  const FetchRequest wanted = request(kContent, {server.url("/file.whl")});
  leave_partial(wanted, GENERATE(make_content(300'000, 5), kContent + "x"));
  CHECK(fetch_content(wanted) == kContent);
  REQUIRE(server.requests().size() == 1);
  CHECK(server.requests()[0].header("range").empty());
}

TEST_CASE_METHOD(FetchFixture,
                 "another answer of another size leaves the partial file for others") {
  HostileServer portal([](const ReceivedRequest&, ServerConnection& connection) {
    connection.reply("200 OK", {}, "<html>log in</html>");
  });
  HostileServer good(well_behaved(kContent));
  const FetchRequest wanted = request(kContent, {portal.url("/a"), good.url("/b")});
  leave_partial(wanted, kContent.substr(0, kKept));
  CHECK(fetch_content(wanted) == kContent);
  REQUIRE(good.requests().size() == 1);
  CHECK(good.requests()[0].header("range") == "bytes=120000-");
}

}  // namespace eb::test
