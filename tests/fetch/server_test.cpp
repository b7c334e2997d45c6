// Answers that are no files, or too much of something: F085, F086, F088; gone files; many files.
#include <zlib.h>

#include <atomic>
#include <chrono>
#include <set>

#include "tests/fetch/fetch_fixture.hpp"

namespace eb::test {
namespace {

const std::string kContent = make_content(100'000);

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

HostileServer::Script always(std::string status, std::vector<std::string> headers = {}) {
  return [=](const ReceivedRequest&, ServerConnection& connection) {
    connection.reply(status, headers, "no");
  };
}

// First `times` answers are `bad`, then the file comes.
HostileServer::Script at_first(size_t times, HostileServer::Script bad) {
  return [times, bad = std::move(bad), good = well_behaved(kContent)](
             const ReceivedRequest& received, ServerConnection& connection) {
    (received.number < times ? bad : good)(received, connection);
  };
}

std::string gzip(const std::string& text) {
  z_stream stream{};
  deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  std::string out(compressBound(text.size()) + 32, '\0');
  std::string in = text;
  stream.next_in = reinterpret_cast<Bytef*>(in.data());
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

}  // namespace

TEST_CASE_METHOD(FetchFixture, "F085_retry_after_is_capped") {
  const std::string status = GENERATE("429 Too Many Requests", "503 Service Unavailable");
  const std::string wish = GENERATE("1000000000", "Fri, 31 Dec 9999 23:59:59 GMT",
                                    "99999999999999999999999999", "-5", "soon");
  HostileServer server(at_first(2, always(status, {"Retry-After: " + wish})));
  const auto begin = std::chrono::steady_clock::now();
  CHECK(fetch_content(request(kContent, {server.url("/file.whl")})) == kContent);
  CHECK(seconds_since(begin) < 5);
  CHECK(server.requests().size() == 3);
}

TEST_CASE_METHOD(FetchFixture, "F085_retry_after_is_obeyed_below_the_cap") {
  options.max_backoff_seconds = 30;
  HostileServer server(at_first(1, always("503 Service Unavailable", {"Retry-After: 1"})));
  const auto begin = std::chrono::steady_clock::now();
  CHECK(fetch_content(request(kContent, {server.url("/file.whl")})) == kContent);
  CHECK(seconds_since(begin) >= 1);
  CHECK(seconds_since(begin) < 10);
}

TEST_CASE_METHOD(FetchFixture, "F085_always_429") {
  HostileServer server(always("429 Too Many Requests", {"Retry-After: 1000000000"}));
  const Error error = fetch_error(request(kContent, {server.url("/file.whl")}));
  CHECK(error.code() == ExitCode::kNetwork);
  CHECK(std::string(error.what()) == "cannot download file.whl");
  CHECK(error.why() == "answers 429");
  CHECK(server.requests().size() == 3);
}

TEST_CASE_METHOD(FetchFixture, "F086_header_bomb") {
  HostileServer server([](const ReceivedRequest&, ServerConnection& connection) {
    connection.send("HTTP/1.1 200 OK\r\n");
    const std::string line = "X-Filling: " + std::string(1000, 'x') + "\r\n";
    while (connection.send(line)) {
    }
  });
  const Error error = fetch_error(request(kContent, {server.url("/file.whl")}));
  CHECK(error.code() == ExitCode::kNetwork);
  CHECK(error.why() == "sends more than 64 KiB of headers");
  CHECK(server.requests().size() == 1);
}

TEST_CASE_METHOD(FetchFixture, "F086_one_endless_header_line") {
  HostileServer server([](const ReceivedRequest&, ServerConnection& connection) {
    connection.send("HTTP/1.1 200 OK\r\nX-Filling: ");
    const std::string filling(65536, 'x');
    while (connection.send(filling)) {
    }
  });
  const Error error = fetch_error(request(kContent, {server.url("/file.whl")}));
  CHECK(error.code() == ExitCode::kNetwork);
  CHECK(error.why() == "sends a header line that is too long");
  CHECK(server.sent_bytes() < (16u << 20));
}

TEST_CASE_METHOD(FetchFixture, "F086_endless_interim_responses") {
  HostileServer server([](const ReceivedRequest&, ServerConnection& connection) {
    while (connection.send("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")) {
    }
  });
  const Error error = fetch_error(request(kContent, {server.url("/file.whl")}));
  CHECK(error.code() == ExitCode::kNetwork);
  CHECK(error.why() == "sends more than 64 KiB of headers");
}

TEST_CASE_METHOD(FetchFixture, "F086_endless_trailers") {
  HostileServer server([](const ReceivedRequest&, ServerConnection& connection) {
    connection.head("200 OK", {"Transfer-Encoding: chunked", "Trailer: X-T"});
    connection.send("5\r\nhello\r\n0\r\n");
    while (connection.send("X-T: " + std::string(500, 't') + "\r\n")) {
    }
  });
  const Error error = fetch_error(request(kContent, {server.url("/file.whl")}));
  CHECK(error.code() == ExitCode::kNetwork);
  CHECK(error.why() == "sends more than 64 KiB of headers");
}

TEST_CASE_METHOD(FetchFixture, "an endless body of an error is not read") {
  HostileServer server([](const ReceivedRequest&, ServerConnection& connection) {
    connection.head("403 Forbidden", {"Connection: close"});
    while (connection.send(std::string(65536, 'x'))) {
    }
  });
  const Error error = fetch_error(request(kContent, {server.url("/file.whl")}));
  CHECK(error.code() == ExitCode::kNetwork);
  CHECK(error.why() == "answers 403");
  CHECK(server.sent_bytes() < (32u << 20));
}

TEST_CASE_METHOD(FetchFixture, "what is not HTTP is refused") {
  const std::string answer = GENERATE("SSH-2.0-OpenSSH_9.2\r\n", "", "<html>hello</html>",
                                      "HTTP/9.9 999 What\r\n\r\n", "HTTP/1.1\r\n\r\n");
  HostileServer server(
      [&](const ReceivedRequest&, ServerConnection& connection) { connection.send(answer); });
  CHECK(fetch_error(request(kContent, {server.url("/file.whl")})).code() == ExitCode::kNetwork);
}

TEST_CASE_METHOD(FetchFixture, "gone from the archive") {
  HostileServer first(always("404 Not Found"));
  HostileServer second(always("410 Gone"));
  const Error deb = fetch_error(
      request(kContent, {first.url("/pool/a.deb"), second.url("/a.deb")}, "a_1.0_amd64.deb"));
  CHECK(deb.code() == ExitCode::kNetwork);
  CHECK(std::string(deb.what()) == "a_1.0_amd64.deb is gone from the archive");
  CHECK(deb.where() == "2 places tried");
  CHECK(deb.why() ==
        first.url("/pool/a.deb") + ": answers 404; " + second.url("/a.deb") + ": answers 410");
  CHECK(contains(all_text(deb), "add the snapshot archive to the sources, or renew the lock"));
  CHECK(first.requests().size() == 1);  // no retry: it would be answered the same

  const Error wheel = fetch_error(request(kContent, {first.url("/a"), second.url("/b")}));
  CHECK(std::string(wheel.what()) == "file.whl is gone from every place known for it");
}

TEST_CASE_METHOD(FetchFixture, "a failing server is tried again with growing pauses") {
  HostileServer server(at_first(2, always("500 Internal Server Error")));
  CHECK(fetch_content(request(kContent, {server.url("/file.whl")})) == kContent);
  CHECK(server.requests().size() == 3);
  CHECK(events.count("trying again") == 2);
}

TEST_CASE_METHOD(FetchFixture, "nothing listens") {
  int port = 0;
  { port = HostileServer(always("200 OK")).port(); }
  const std::string url = "http://127.0.0.1:" + std::to_string(port) + "/file.whl";
  const Error error = fetch_error(request(kContent, {url}));
  CHECK(error.code() == ExitCode::kNetwork);
  CHECK(error.where() == url);
  CHECK(contains(error.why(), "Failed to connect to 127.0.0.1 port " + std::to_string(port)));
  CHECK(events.count("trying again") == 2);
}

TEST_CASE_METHOD(FetchFixture, "a dead server is not tried three times for each of many files") {
  int port = 0;
  { port = HostileServer(always("200 OK")).port(); }
  const std::string dead = "http://127.0.0.1:" + std::to_string(port);
  HostileServer alive([](const ReceivedRequest& received, ServerConnection& connection) {
    const unsigned seed = static_cast<unsigned>(std::stoul(received.target.substr(1)));
    well_behaved(make_content(1000, seed))(received, connection);
  });
  std::vector<FetchRequest> requests;
  for (unsigned seed = 0; seed < 60; ++seed) {
    const std::string path = "/" + std::to_string(seed);
    requests.push_back(
        request(make_content(1000, seed), {dead + path, alive.url(path)}, std::to_string(seed)));
  }
  CHECK(fetch(requests).size() == 60);
  CHECK(checked_store() == 60);
  // 4 connections × 4 active files each may be under way before the first one has given up.
  CHECK(events.count("trying again") <= 16 * 2);
}

TEST_CASE_METHOD(FetchFixture, "many files over few connections") {
  options.connections = 3;
  // Requests that wait for their answer. The server's count of open connections would not do: the
  // client has a whole answer, and may connect anew, before the server's thread has closed.
  std::atomic<int> waiting{0};
  std::atomic<int> most_waiting{0};
  HostileServer server([&](const ReceivedRequest& received, ServerConnection& connection) {
    const unsigned seed = static_cast<unsigned>(std::stoul(received.target.substr(1)));
    const int now = ++waiting;
    int most = most_waiting;
    while (now > most && !most_waiting.compare_exchange_weak(most, now)) {
    }
    connection.pause(0.01);
    --waiting;
    well_behaved(make_content(5000 + seed * 100, seed))(received, connection);
  });
  std::vector<FetchRequest> requests;
  uint64_t total = 0;
  for (unsigned seed = 0; seed < 80; ++seed) {
    const std::string content = make_content(5000 + seed * 100, seed);
    total += content.size();
    requests.push_back(
        request(content, {server.url("/" + std::to_string(seed))}, std::to_string(seed)));
  }
  requests.push_back(requests[7]);  // the same file twice
  const std::vector<FetchResult> results = fetch(requests);
  REQUIRE(results.size() == 81);
  for (size_t i = 0; i < results.size(); ++i) {
    CHECK(results[i].digest == requests[i].digest);
    CHECK_FALSE(results[i].was_cached);
  }
  CHECK(checked_store() == 80);
  CHECK(server.requests().size() == 80);
  CHECK(most_waiting <= 3);
  CHECK(most_waiting >= 2);
  CHECK(events.phases() == std::vector<std::string>{"start fetch", "finish fetch"});
  CHECK(events.phase_total() == total);
  CHECK(events.last_done() == total);

  RecordingSink second;
  const std::vector<FetchResult> again = fetch_all(requests, cache, options, second);
  CHECK(again[80].was_cached);
  CHECK(again[80].path == cache.path_of(requests[7].digest));
  CHECK(second.phases() == std::vector<std::string>{"start check cache", "finish check cache"});
  CHECK(server.requests().size() == 80);
}

TEST_CASE_METHOD(FetchFixture, "a file is heard of as soon as it is there, before others come") {
  const std::string late_content = make_content(50'000, 2);
  std::atomic<bool> first_is_there = false;
  // The second file comes only after the first was heard of, or not at all.
  HostileServer server([&](const ReceivedRequest& received, ServerConnection& connection) {
    const bool is_late = contains(received.target, "late");
    for (int i = 0; is_late && !first_is_there && i < 1000; ++i) connection.pause(0.01);
    if (is_late && !first_is_there) return;
    well_behaved(is_late ? late_content : kContent)(received, connection);
  });
  const FetchRequest first = request(kContent, {server.url("/first.whl")});
  const FetchRequest late = request(late_content, {server.url("/late.whl")});
  std::vector<FetchResult> heard;
  const FetchHooks hooks{.obtained = [&](const FetchResult& result) {
    CHECK(sha256(as_bytes(read_file(result.path))) == result.digest);
    heard.push_back(result);
    first_is_there = true;
  }};
  fetch_all({late, first, first}, cache, options, events, hooks);
  REQUIRE(heard.size() == 2);
  CHECK(heard[0].digest == first.digest);
  CHECK_FALSE(heard[0].was_cached);
  CHECK(heard[1].digest == late.digest);

  heard.clear();
  fetch_all({first, late}, cache, options, events, hooks);
  REQUIRE(heard.size() == 2);
  CHECK(heard[0].was_cached);
  CHECK(heard[1].was_cached);
}

TEST_CASE_METHOD(FetchFixture, "a fetch that is stopped returns, and what came stays") {
  std::stop_source stop;
  // Half a file, and then nothing more.
  HostileServer server([&](const ReceivedRequest&, ServerConnection& connection) {
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(kContent.size()) +
                    "\r\n\r\n" + kContent.substr(0, 60'000));
    connection.pause(0.3);
    stop.request_stop();
    connection.pause(30);
  });
  options.low_speed_seconds = 60;
  const FetchRequest wanted = request(kContent, {server.url("/file.whl")});
  const auto results = fetch_all({wanted}, cache, options, events, {.stop = stop.get_token()});
  REQUIRE(results.size() == 1);
  CHECK(results[0].path.empty());
  CHECK(read_file(cache.partial_path(wanted.digest)) == kContent.substr(0, 60'000));
  CHECK(events.count("trying again") == 0);

  CHECK(fetch_all({wanted}, cache, options, events, {.stop = stop.get_token()})[0].path.empty());
  CHECK(server.requests().size() == 1);
}

TEST_CASE_METHOD(FetchFixture, "no connections means one, no attempts means one") {
  options.connections = 0;
  options.attempts = 0;
  HostileServer server(well_behaved(kContent));
  CHECK(fetch_content(request(kContent, {server.url("/file.whl")})) == kContent);
}

TEST_CASE_METHOD(FetchFixture, "all failures are collected") {
  HostileServer absent(always("404 Not Found"));
  HostileServer wrong(well_behaved(make_content(100'000, 2)));
  HostileServer good(well_behaved(kContent));
  const std::string second = make_content(100'000, 4);
  const std::string third = make_content(100'000, 5);
  const Error error = thrown_error([&] {
    fetch({request(second, {absent.url("/a")}, "second.whl"),
           request(kContent, {good.url("/b")}, "first.whl"),
           request(third, {wrong.url("/c")}, "third.whl")});
  });
  CHECK(error.code() == ExitCode::kDownloadMismatch);
  CHECK(std::string(error.what()) == "2 of 3 files could not be obtained");
  REQUIRE(error.hints().size() >= 2);
  CHECK(error.hints()[0] == "second.whl: " + absent.url("/a") + ": answers 404");
  CHECK(error.hints()[1].starts_with("third.whl: " + wrong.url("/c") + ": expected sha256 "));
  CHECK(checked_store() == 1);  // what could be obtained is there
}

TEST_CASE_METHOD(FetchFixture, "no place and not in the cache") {
  const Error error = fetch_error(request(kContent, {}));
  CHECK(error.code() == ExitCode::kNetwork);
  CHECK(std::string(error.what()) ==
        "file.whl is not in the cache and no place to fetch it from is known");
}

TEST_CASE_METHOD(FetchFixture, "one digest with two sizes") {
  FetchRequest other = request(kContent, {}, "other.whl");
  other.size_bytes = 5;
  const Error error = thrown_error([&] { fetch({request(kContent, {}), other}); });
  CHECK(error.code() == ExitCode::kInvalidLock);
  CHECK(error.where() == "file.whl and other.whl");
}

TEST_CASE_METHOD(FetchFixture, "F088_document_too_large") {
  const bool announced = GENERATE(true, false);
  HostileServer server([&](const ReceivedRequest&, ServerConnection& connection) {
    if (announced) {
      connection.head("200 OK", {"Content-Length: 999999999"});
    } else {
      connection.head("200 OK", {"Connection: close"});
    }
    while (connection.send("[[[[[[[[")) {
    }
  });
  const Error error =
      thrown_error([&] { fetch_document(server.url("/simple/x/"), {}, 100'000, options); });
  CHECK(error.code() == ExitCode::kNetwork);
  CHECK(std::string(error.what()) == "cannot fetch a document");
  CHECK(error.where() == server.url("/simple/x/"));
  CHECK(error.why() == "sends more than the 100000 bytes that make sense here");
}

TEST_CASE_METHOD(FetchFixture, "F088_document_that_unpacks_to_too_much") {
  const std::string bomb = gzip(std::string(5u << 20, ' '));
  HostileServer server([&](const ReceivedRequest&, ServerConnection& connection) {
    connection.reply("200 OK", {"Content-Encoding: gzip"}, bomb);
  });
  REQUIRE(bomb.size() < 10'000);
  const Error error =
      thrown_error([&] { fetch_document(server.url("/simple/x/"), {}, 100'000, options); });
  CHECK(error.why() == "sends more than the 100000 bytes that make sense here");
}

TEST_CASE_METHOD(FetchFixture, "a document may come compressed") {
  HostileServer server([](const ReceivedRequest&, ServerConnection& connection) {
    connection.reply("200 OK", {"Content-Encoding: gzip"}, gzip("{\"files\": []}"));
  });
  const HttpDocument document =
      fetch_document(server.url("/simple/x/"), {"Accept: application/json"}, 1000, options);
  CHECK(document.body == "{\"files\": []}");
  REQUIRE(server.requests().size() == 1);
  CHECK(server.requests()[0].header("accept-encoding") == "gzip");
  CHECK(server.requests()[0].header("accept") == "application/json");
}

TEST_CASE_METHOD(FetchFixture, "a part of a document comes as it is") {
  HostileServer server(well_behaved(kContent));
  const HttpDocument part =
      fetch_document(server.url("/file.whl"), {"Range: bytes=99990-"}, 1000, options);
  CHECK(part.status == 206);
  CHECK(part.body == kContent.substr(99'990));
  CHECK(part.whole_bytes == 100'000);
  CHECK(server.requests().at(0).header("accept-encoding") == "identity");
}

TEST_CASE_METHOD(FetchFixture, "a document's answer below 500 is the caller's to judge") {
  HostileServer absent(always("404 Not Found"));
  CHECK(fetch_document(absent.url("/simple/x/"), {}, 1000, options).status == 404);
  HostileServer failing(always("503 Service Unavailable"));
  const Error error =
      thrown_error([&] { fetch_document(failing.url("/simple/x/"), {}, 1000, options); });
  CHECK(error.code() == ExitCode::kNetwork);
  CHECK(error.why() == "answers 503");
  CHECK(contains(all_text(error), "tried 3 times"));
  CHECK(failing.requests().size() == 3);
}

TEST_CASE_METHOD(FetchFixture, "a document from a file") {
  write_file(directory.path() / "a b.json", "{}");
  const std::string plain = (directory.path() / "a b.json").string();
  const std::string url = "file://" + (directory.path() / "a%20b.json").string();
  CHECK(fetch_document(plain, {}, 1000, options).body == "{}");
  CHECK(fetch_document(url, {}, 1000, options).body == "{}");
  CHECK(fetch_document(url, {}, 1000, options).status == 200);
  CHECK(fetch_document(plain + "x", {}, 1000, options).status == 404);
  CHECK(thrown_error([&] { fetch_document(plain, {}, 1, options); }).code() == ExitCode::kIo);
}

TEST_CASE("F089_weak_digests_cannot_be_named") {
  for (const size_t digits : {32u, 40u, 56u, 63u, 65u, 96u, 128u}) {
    const Error error = thrown_error([&] { Sha256::from_hex(std::string(digits, 'a')); });
    CHECK(error.code() == ExitCode::kInvalidLock);
  }
}

}  // namespace eb::test
