// Bodies that are wrong, too long, too short or too slow: F068-F074, F082, F083.
#include <chrono>

#include "tests/fetch/fetch_fixture.hpp"

namespace eb::test {
namespace {

const std::string kContent = make_content(200'000);

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

}  // namespace

TEST_CASE_METHOD(FetchFixture, "F068_hash_mismatch") {
  const std::string other = make_content(kContent.size(), 2);
  HostileServer server(well_behaved(other));
  const Error error = fetch_error(request(kContent, {server.url("/file.whl")}));
  CHECK(error.code() == ExitCode::kDownloadMismatch);
  CHECK(std::string(error.what()) == "the download of file.whl does not match the lock");
  CHECK(error.where() == server.url("/file.whl"));
  CHECK(error.why() == "expected sha256 " + sha256(as_bytes(kContent)).hex() + ", got " +
                           sha256(as_bytes(other)).hex());
  CHECK(contains(all_text(error), "nothing wrong is in the cache"));
  CHECK(checked_store() == 0);
  CHECK(partial_names().empty());
  CHECK(server.requests().size() == 1);  // another try would get the same
}

TEST_CASE_METHOD(FetchFixture, "F068_the_next_place_is_tried") {
  HostileServer wrong(well_behaved(make_content(kContent.size(), 2)));
  HostileServer right(well_behaved(kContent));
  CHECK(fetch_content(request(kContent, {wrong.url("/a"), right.url("/b")})) == kContent);
  CHECK(contains(events.text(), "got " + sha256(as_bytes(make_content(200'000, 2))).hex()));
}

TEST_CASE_METHOD(FetchFixture, "F068_every_place_is_named_with_its_answer") {
  HostileServer wrong(well_behaved(make_content(kContent.size(), 2)));
  HostileServer absent([](const ReceivedRequest&, ServerConnection& connection) {
    connection.reply("404 Not Found", {}, "no");
  });
  const Error error = fetch_error(request(kContent, {wrong.url("/a"), absent.url("/b")}));
  CHECK(error.code() == ExitCode::kDownloadMismatch);
  CHECK(error.where() == "2 places tried");
  CHECK(contains(error.why(), wrong.url("/a") + ": expected sha256 "));
  CHECK(contains(error.why(), "; " + absent.url("/b") + ": answers 404"));
}

TEST_CASE_METHOD(FetchFixture, "F069_endless_data") {
  HostileServer server([](const ReceivedRequest&, ServerConnection& connection) {
    connection.head("200 OK", {"Connection: close"});
    const std::string chunk = make_content(65536);
    while (connection.send(chunk)) {
    }
  });
  const Error error = fetch_error(request(kContent, {server.url("/file.whl")}));
  CHECK(error.code() == ExitCode::kDownloadMismatch);
  CHECK(error.why() == "sends more than the 200000 bytes that the lock names");
  CHECK(partial_names().empty());
  CHECK(server.requests().size() == 1);
}

TEST_CASE_METHOD(FetchFixture, "F069_one_byte_too_long_without_a_length") {
  HostileServer server([](const ReceivedRequest&, ServerConnection& connection) {
    connection.head("200 OK", {"Connection: close"});
    connection.send(kContent + "x");
  });
  const Error error = fetch_error(request(kContent, {server.url("/file.whl")}));
  CHECK(error.code() == ExitCode::kDownloadMismatch);
  CHECK(error.why() == "sends more than the 200000 bytes that the lock names");
}

TEST_CASE_METHOD(FetchFixture, "F070_truncated_without_a_length") {
  HostileServer server([](const ReceivedRequest&, ServerConnection& connection) {
    connection.head("200 OK", {"Connection: close"});
    connection.send(std::string_view(kContent).substr(0, 150'000));
  });
  const Error error = fetch_error(request(kContent, {server.url("/file.whl")}));
  CHECK(error.code() == ExitCode::kDownloadMismatch);
  CHECK(error.why() == "ends after 150000 of 200000 bytes");
  CHECK(server.requests().size() == 3);
}

TEST_CASE_METHOD(FetchFixture, "F070_truncated_without_a_length_then_resumed") {
  HostileServer server([good = well_behaved(kContent)](const ReceivedRequest& received,
                                                       ServerConnection& connection) {
    if (received.number > 0) return good(received, connection);
    connection.head("200 OK", {"Connection: close", "ETag: \"v1\""});
    connection.send(std::string_view(kContent).substr(0, 150'000));
  });
  CHECK(fetch_content(request(kContent, {server.url("/file.whl")})) == kContent);
  REQUIRE(server.requests().size() == 2);
  CHECK(server.requests()[1].header("range") == "bytes=150000-");
}

TEST_CASE_METHOD(FetchFixture, "F071_closed_early_then_resumed") {
  HostileServer server([good = well_behaved(kContent)](const ReceivedRequest& received,
                                                       ServerConnection& connection) {
    if (received.number > 0) return good(received, connection);
    connection.head("200 OK", {"Content-Length: 200000", "ETag: \"v1\""});
    connection.send(std::string_view(kContent).substr(0, 123'456));
  });
  CHECK(fetch_content(request(kContent, {server.url("/file.whl")})) == kContent);
  REQUIRE(server.requests().size() == 2);
  CHECK(server.requests()[0].header("range").empty());
  CHECK(server.requests()[1].header("range") == "bytes=123456-");
  CHECK(server.requests()[1].header("if-range") == "\"v1\"");
  CHECK(contains(events.text(), "trying again in 0.0 s from byte 123456 (attempt 2 of 3)"));
}

TEST_CASE_METHOD(FetchFixture, "F071_always_closed_early_and_a_later_run_goes_on") {
  auto cut = [](const ReceivedRequest&, ServerConnection& connection) {
    connection.head("200 OK", {"Content-Length: 200000", "ETag: \"v1\""});
    connection.send(std::string_view(kContent).substr(0, 100'000));
  };
  std::atomic<bool> is_repaired{false};
  HostileServer server([&, good = well_behaved(kContent)](const ReceivedRequest& received,
                                                          ServerConnection& connection) {
    if (is_repaired) return good(received, connection);
    cut(received, connection);
  });
  const FetchRequest wanted = request(kContent, {server.url("/file.whl")});
  const Error error = fetch_error(wanted);
  CHECK(error.code() == ExitCode::kNetwork);
  CHECK(std::string(error.what()) == "cannot download file.whl");
  CHECK(contains(error.why(), "after 100000 of 200000 bytes"));
  CHECK(contains(all_text(error), "run the same command again to go on"));
  CHECK(server.requests().size() == 3);
  CHECK(partial_content(wanted) == kContent.substr(0, 100'000));

  is_repaired = true;
  CHECK(fetch_content(wanted) == kContent);
  REQUIRE(server.requests().size() == 4);
  CHECK(server.requests()[3].header("range") == "bytes=100000-");
  CHECK(server.requests()[3].header("if-range") == "\"v1\"");
}

TEST_CASE_METHOD(FetchFixture, "F071_progress_buys_new_attempts") {
  // Eight drops and three attempts: each brings more than 1 MiB, so none is the last.
  const std::string large = make_content(10u << 20, 3);
  HostileServer server([&](const ReceivedRequest& received, ServerConnection& connection) {
    const std::string range = received.header("range");
    const size_t from = range.empty() ? 0 : std::stoul(range.substr(6));
    const std::string status = range.empty() ? "200 OK" : "206 Partial Content";
    connection.head(status,
                    {"Content-Length: " + std::to_string(large.size() - from),
                     "Content-Range: bytes " + std::to_string(from) + "-" +
                         std::to_string(large.size() - 1) + "/" + std::to_string(large.size())});
    connection.send(std::string_view(large).substr(from, 1'200'000));
  });
  CHECK(fetch_content(request(large, {server.url("/file.whl")})) == large);
  CHECK(server.requests().size() == 9);
}

TEST_CASE_METHOD(FetchFixture, "F072_content_length_too_small") {
  HostileServer server([](const ReceivedRequest&, ServerConnection& connection) {
    connection.head("200 OK", {"Content-Length: 10"});
    connection.send(kContent);
  });
  const Error error = fetch_error(request(kContent, {server.url("/file.whl")}));
  CHECK(error.code() == ExitCode::kDownloadMismatch);
  CHECK(error.why() == "has a file of 10 bytes, the lock says 200000");
}

TEST_CASE_METHOD(FetchFixture, "F072_content_length_too_large") {
  HostileServer server([](const ReceivedRequest&, ServerConnection& connection) {
    connection.head("200 OK", {"Content-Length: 99999999999"});
    connection.send(kContent);
  });
  const Error error = fetch_error(request(kContent, {server.url("/file.whl")}));
  CHECK(error.code() == ExitCode::kDownloadMismatch);
  CHECK(error.why() == "has a file of 99999999999 bytes, the lock says 200000");
}

TEST_CASE_METHOD(FetchFixture, "F072_content_length_is_no_number") {
  for (const std::string length : {"-1", "12x", "99999999999999999999999", "200000, 3"}) {
    HostileServer server([&](const ReceivedRequest&, ServerConnection& connection) {
      connection.head("200 OK", {"Content-Length: " + length});
      connection.send(kContent);
    });
    const Error error = fetch_error(request(kContent, {server.url("/file.whl")}));
    CHECK(error.code() == ExitCode::kNetwork);
  }
}

TEST_CASE_METHOD(FetchFixture, "F073_chunks_never_end") {
  HostileServer server([](const ReceivedRequest&, ServerConnection& connection) {
    connection.head("200 OK", {"Transfer-Encoding: chunked"});
    const std::string chunk = "1000\r\n" + std::string(0x1000, 'x') + "\r\n";
    while (connection.send(chunk)) {
    }
  });
  const Error error = fetch_error(request(kContent, {server.url("/file.whl")}));
  CHECK(error.code() == ExitCode::kDownloadMismatch);
  CHECK(error.why() == "sends more than the 200000 bytes that the lock names");
}

TEST_CASE_METHOD(FetchFixture, "F073_a_chunk_header_never_ends") {
  options.attempts = 1;
  HostileServer server([](const ReceivedRequest&, ServerConnection& connection) {
    connection.head("200 OK", {"Transfer-Encoding: chunked"});
    connection.send("5;name=");
    while (connection.send(std::string(1000, 'x')) && connection.pause(0.01)) {
    }
  });
  const auto begin = std::chrono::steady_clock::now();
  const Error error = fetch_error(request(kContent, {server.url("/file.whl")}));
  CHECK(error.code() == ExitCode::kNetwork);
  CHECK(seconds_since(begin) < 20);
}

TEST_CASE_METHOD(FetchFixture, "F073_chunks_that_end_early_are_another_file") {
  HostileServer server([](const ReceivedRequest&, ServerConnection& connection) {
    connection.head("200 OK", {"Transfer-Encoding: chunked"});
    connection.send("5\r\nhello\r\n0\r\n\r\n");
  });
  const Error error = fetch_error(request(kContent, {server.url("/file.whl")}));
  CHECK(error.code() == ExitCode::kDownloadMismatch);
  CHECK(error.why() == "ends after 5 of 200000 bytes");
  CHECK(server.requests().size() == 1);
}

TEST_CASE_METHOD(FetchFixture, "F074_slow_body") {
  options.attempts = 1;
  HostileServer server([](const ReceivedRequest&, ServerConnection& connection) {
    connection.head("200 OK", {"Content-Length: 200000"});
    for (size_t i = 0; connection.send(std::string_view(kContent).substr(i, 1)); ++i) {
      if (!connection.pause(0.02)) return;
    }
  });
  const auto begin = std::chrono::steady_clock::now();
  const FetchRequest wanted = request(kContent, {server.url("/file.whl")});
  const Error error = fetch_error(wanted);
  CHECK(error.code() == ExitCode::kNetwork);
  CHECK(contains(error.why(), "Operation too slow. Less than 1024 bytes/sec"));
  CHECK(seconds_since(begin) < 20);
  // What came is right as far as it goes, and is kept.
  const std::string kept = partial_content(wanted);
  CHECK(kept.size() > 10);
  CHECK(kContent.starts_with(kept));
}

TEST_CASE_METHOD(FetchFixture, "F074_slow_headers") {
  options.attempts = 1;
  HostileServer server([](const ReceivedRequest&, ServerConnection& connection) {
    connection.send("HTTP/1.1 200 OK\r\n");
    while (connection.send("X-A: b\r\n") && connection.pause(0.05)) {
    }
  });
  const auto begin = std::chrono::steady_clock::now();
  const Error error = fetch_error(request(kContent, {server.url("/file.whl")}));
  CHECK(error.code() == ExitCode::kNetwork);
  CHECK(contains(error.why(), "too slow"));
  CHECK(seconds_since(begin) < 20);
}

TEST_CASE_METHOD(FetchFixture, "F082_content_encoding_is_not_asked_for_and_named_when_it_comes") {
  const std::string encoded = make_content(kContent.size(), 9);
  HostileServer server([&](const ReceivedRequest&, ServerConnection& connection) {
    connection.reply("200 OK", {"Content-Encoding: gzip"}, encoded);
  });
  const Error error = fetch_error(request(kContent, {server.url("/file.whl")}));
  CHECK(error.code() == ExitCode::kDownloadMismatch);
  CHECK(contains(error.why(), "got " + sha256(as_bytes(encoded)).hex()));
  CHECK(contains(error.why(), "sent with Content-Encoding gzip"));
  REQUIRE(server.requests().size() == 1);
  CHECK(server.requests()[0].header("accept-encoding") == "identity");
}

TEST_CASE_METHOD(FetchFixture, "F082_a_gz_file_labelled_as_encoded_is_taken_as_it_is") {
  HostileServer server([](const ReceivedRequest&, ServerConnection& connection) {
    connection.reply("200 OK", {"Content-Encoding: x-gzip"}, kContent);
  });
  CHECK(fetch_content(request(kContent, {server.url("/file.tar.gz")}, "file.tar.gz")) == kContent);
}

TEST_CASE_METHOD(FetchFixture, "F083_captive_portal") {
  const std::string page = "\n<!DOCTYPE html><html><body>Please log in</body></html>";
  bool with_length = GENERATE(true, false);
  HostileServer server([&](const ReceivedRequest&, ServerConnection& connection) {
    if (with_length) {
      connection.reply("200 OK", {"Content-Type: text/html"}, page);
    } else {
      connection.head("200 OK", {"Content-Type: text/html", "Transfer-Encoding: chunked"});
      char size[16];
      std::snprintf(size, sizeof size, "%zx", page.size());
      connection.send(std::string(size) + "\r\n" + page + "\r\n0\r\n\r\n");
    }
  });
  const Error error = fetch_error(request(kContent, {server.url("/file.whl")}));
  CHECK(error.code() == ExitCode::kDownloadMismatch);
  const std::string size = std::to_string(page.size());
  CHECK(contains(error.why(), with_length ? "has a file of " + size + " bytes"
                                          : "ends after " + size + " of 200000"));
  CHECK(contains(all_text(error), "the first bytes look like HTML"));
  CHECK(checked_store() == 0);
}

TEST_CASE_METHOD(FetchFixture, "an empty file can be fetched") {
  HostileServer server(well_behaved(""));
  CHECK(fetch_content(request("", {server.url("/empty")}, "empty")).empty());
}

}  // namespace eb::test
