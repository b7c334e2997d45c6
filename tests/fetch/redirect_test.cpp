// Where a server may send us, and where not: F075-F078.
#include "bundler/fetch/exchange.hpp"
#include "tests/fetch/fetch_fixture.hpp"

namespace eb::test {
namespace {

const std::string kContent = make_content(50'000);

HostileServer::Script redirect_to(std::string location) {
  return [location = std::move(location)](const ReceivedRequest&, ServerConnection& connection) {
    connection.reply("302 Found", {"Location: " + location}, "moved");
  };
}

struct IgnoringSink final : BodySink {
  std::string on_head(const ResponseHead&) override { return {}; }
  std::string on_body(Bytes) override { return {}; }
};

}  // namespace

TEST_CASE_METHOD(FetchFixture, "F075_redirect_from_https_to_http") {
  const TestIdentity authority({.subject = "test authority", .is_authority = true});
  const TestIdentity identity({}, &authority);
  authority.write_certificate(directory.path() / "ca.pem");
  options.ca_file = directory.path() / "ca.pem";
  HostileServer plain(well_behaved(kContent));
  HostileServer secure(redirect_to(plain.url("/file.whl")), {.identity = &identity});
  const Error error = fetch_error(request(kContent, {secure.url("/file.whl")}));
  CHECK(error.code() == ExitCode::kNetwork);
  CHECK(error.why() ==
        "redirects from https to http (" + plain.url("/file.whl") + "), which is refused");
  CHECK(plain.requests().empty());
  CHECK(secure.requests().size() == 1);

  const Error document =
      thrown_error([&] { fetch_document(secure.url("/simple/"), {}, 1000, options); });
  CHECK(document.code() == ExitCode::kNetwork);
  CHECK(contains(document.why(), "redirects from https to http"));
}

TEST_CASE_METHOD(FetchFixture, "F075_redirect_from_http_to_https_is_followed") {
  const TestIdentity authority({.subject = "test authority", .is_authority = true});
  const TestIdentity identity({}, &authority);
  authority.write_certificate(directory.path() / "ca.pem");
  options.ca_file = directory.path() / "ca.pem";
  HostileServer secure(well_behaved(kContent), {.identity = &identity});
  HostileServer plain(redirect_to(secure.url("/file.whl")));
  CHECK(fetch_content(request(kContent, {plain.url("/file.whl")})) == kContent);
}

TEST_CASE_METHOD(FetchFixture, "F076_redirect_loop") {
  HostileServer server(redirect_to("/again"));
  const Error error = fetch_error(request(kContent, {server.url("/file.whl")}));
  CHECK(error.code() == ExitCode::kNetwork);
  CHECK(contains(error.why(), "redirects more than 10 times"));
  CHECK(server.requests().size() == 11);
}

TEST_CASE_METHOD(FetchFixture, "F076_ten_redirects_are_followed") {
  HostileServer server([good = well_behaved(kContent)](const ReceivedRequest& received,
                                                       ServerConnection& connection) {
    const int hop = std::stoi(received.target.substr(1));
    if (hop == 10) return good(received, connection);
    redirect_to("/" + std::to_string(hop + 1))(received, connection);
  });
  CHECK(fetch_content(request(kContent, {server.url("/0")})) == kContent);
  CHECK(server.requests().size() == 11);
}

TEST_CASE_METHOD(FetchFixture, "F076_every_kind_of_redirect_is_known") {
  const std::string status = GENERATE("301 Moved Permanently", "302 Found", "303 See Other",
                                      "307 Temporary Redirect", "308 Permanent Redirect");
  HostileServer server([&, good = well_behaved(kContent)](const ReceivedRequest& received,
                                                          ServerConnection& connection) {
    if (received.target == "/x/there") return good(received, connection);
    connection.reply(status, {"Location: there"}, "");
  });
  CHECK(fetch_content(request(kContent, {server.url("/x/here?token=1")})) == kContent);
}

TEST_CASE_METHOD(FetchFixture, "F077_redirect_to_other_schemes") {
  write_file(directory.path() / "secret", kContent);
  const std::string file_url = "file://" + (directory.path() / "secret").string();
  const std::vector<std::pair<std::string, std::string>> cases = {
      {file_url, "file"},
      {"data:text/plain,hello", "data"},
      {"ftp://127.0.0.1/file.whl", "ftp"},
      {"gopher://127.0.0.1/1", "gopher"},
      {"dict://127.0.0.1/x", "dict"},
  };
  const auto& [location, scheme] = cases[GENERATE(range(size_t{0}, size_t{5}))];
  HostileServer server(redirect_to(location));
  const Error error = fetch_error(request(kContent, {server.url("/file.whl")}));
  CHECK(error.code() == ExitCode::kNetwork);
  CHECK((contains(error.why(), "redirects to a " + scheme + ": address, which is refused") ||
         contains(error.why(), "redirects to what is no address")));
}

TEST_CASE_METHOD(FetchFixture, "F077_redirect_to_this_machine") {
  options.allow_loopback_redirects = false;
  HostileServer victim(well_behaved(kContent));
  const std::string port = std::to_string(victim.port());
  const std::string host =
      GENERATE("127.0.0.1", "localhost", "LOCALHOST", "localhost.", "[::1]", "0x7f.1", "2130706433",
               "0177.0.0.1", "127.1", "0.0.0.0", "[::ffff:127.0.0.1]", "a.localhost", "[::]");
  HostileServer server(redirect_to("http://" + host + ":" + port + "/file.whl"));
  const Error error = fetch_error(request(kContent, {server.url("/file.whl")}));
  CHECK(error.code() == ExitCode::kNetwork);
  CHECK(contains(error.why(), "this machine itself, which is refused"));
  CHECK(victim.requests().empty());
  CHECK(server.requests().size() == 1);
}

TEST_CASE_METHOD(FetchFixture, "F077_redirect_to_link_local") {
  const std::string host = GENERATE("169.254.169.254", "[fe80::1]", "[::ffff:169.254.169.254]");
  HostileServer server(redirect_to("http://" + host + "/latest/meta-data"));
  const Error error = fetch_error(request(kContent, {server.url("/file.whl")}));
  CHECK(error.code() == ExitCode::kNetwork);
  CHECK(contains(error.why(), "a link-local address, which is refused"));
}

TEST_CASE_METHOD(FetchFixture, "F077_a_redirect_to_a_name_of_this_machine") {
  // What a name resolves to is seen when the socket is made. An address shows the same path.
  HostileServer server(well_behaved(kContent));
  IgnoringSink sink;
  Exchange exchange;
  for (const bool may : {false, true}) {
    ExchangeRequest wanted;
    wanted.url = server.url("/file.whl");
    wanted.is_redirected = true;
    wanted.may_reach_loopback = may;
    exchange.prepare(wanted, options, sink);
    exchange.finish(curl_easy_perform(exchange.handle()));
    CHECK(exchange.refusal() ==
          (may ? "" : "redirects to a name of this machine itself, which is refused"));
    CHECK(server.requests().size() == (may ? 1 : 0));
  }
}

TEST_CASE_METHOD(FetchFixture, "F078_control_characters_in_location") {
  HostileServer victim(well_behaved(kContent));
  const std::string good = victim.url("/file.whl");
  const std::string bad =
      GENERATE("\rX-Injected: 1", "\x01", "\x7f", "%0d%0aX-Injected:%201", "%00", "\tx", "%7F");
  HostileServer server(redirect_to(good + bad + "x"));
  const Error error = fetch_error(request(kContent, {server.url("/file.whl")}));
  CHECK(error.code() == ExitCode::kNetwork);
  CHECK(contains(error.why(), "control characters"));
  CHECK(victim.requests().empty());
}

TEST_CASE_METHOD(FetchFixture, "F078_control_characters_in_other_headers") {
  HostileServer server([](const ReceivedRequest&, ServerConnection& connection) {
    connection.reply("200 OK", {"X-Note: \x1b[2Jcleared"}, kContent);
  });
  const Error error = fetch_error(request(kContent, {server.url("/file.whl")}));
  CHECK(error.code() == ExitCode::kNetwork);
  CHECK(error.why() == "sends control characters in a header");
}

TEST_CASE_METHOD(FetchFixture, "F078_nul_in_a_header") {
  HostileServer server([](const ReceivedRequest&, ServerConnection& connection) {
    connection.reply("200 OK", {std::string("X-Note: a\0b", 11)}, kContent);
  });
  CHECK(fetch_error(request(kContent, {server.url("/file.whl")})).code() == ExitCode::kNetwork);
}

TEST_CASE_METHOD(FetchFixture, "F078_two_locations_or_none") {
  HostileServer two([](const ReceivedRequest&, ServerConnection& connection) {
    connection.reply("302 Found", {"Location: /a", "Location: /b"}, "");
  });
  CHECK(fetch_error(request(kContent, {two.url("/file.whl")})).why() ==
        "redirects to two places at once");
  HostileServer none([](const ReceivedRequest&, ServerConnection& connection) {
    connection.reply("302 Found", {}, "");
  });
  CHECK(fetch_error(request(kContent, {none.url("/file.whl")})).why() ==
        "redirects without saying where to");
}

TEST_CASE_METHOD(FetchFixture, "a refused redirect leads to the next place") {
  HostileServer bad(redirect_to("file:///etc/passwd"));
  HostileServer good(well_behaved(kContent));
  CHECK(fetch_content(request(kContent, {bad.url("/a"), good.url("/b")})) == kContent);
}

TEST_CASE_METHOD(FetchFixture, "a document's final address is the one after redirects") {
  HostileServer server([](const ReceivedRequest& received, ServerConnection& connection) {
    if (received.target == "/simple/torch/") {
      return (void)connection.reply("200 OK", {"Content-Type: text/html"}, "page");
    }
    redirect_to("/simple/torch/")(received, connection);
  });
  const HttpDocument page = fetch_document(server.url("/simple/Torch"), {}, 1000, options);
  CHECK(page.status == 200);
  CHECK(page.body == "page");
  CHECK(page.content_type == "text/html");
  CHECK(page.final_url == server.url("/simple/torch/"));
}

}  // namespace eb::test
