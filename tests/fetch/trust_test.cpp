// Whom to believe and what to tell whom: TLS (F084), proxies (F087), .netrc, credentials in
// messages.
#include <openssl/ssl.h>

#include "tests/fetch/fetch_fixture.hpp"

namespace eb::test {
namespace {

const std::string kContent = make_content(60'000);

// An authority whose certificate lies in the fixture's folder.
struct Authority {
  explicit Authority(const FetchFixture& fixture)
      : identity({.subject = "test authority", .is_authority = true}),
        file(fixture.directory.path() / "ca.pem") {
    identity.write_certificate(file);
  }
  TestIdentity identity;
  std::string file;
};

}  // namespace

TEST_CASE_METHOD(FetchFixture, "F084_a_certificate_of_the_named_authority_is_accepted") {
  const Authority authority(*this);
  const TestIdentity identity({}, &authority.identity);
  HostileServer server(well_behaved(kContent), {.identity = &identity});
  const std::string way = GENERATE("option", "SSL_CERT_FILE", "CURL_CA_BUNDLE");
  std::unique_ptr<ScopedVariable> variable;
  if (way == "option") {
    options.ca_file = authority.file;
  } else {
    variable = std::make_unique<ScopedVariable>(way.c_str(), authority.file.c_str());
  }
  CHECK(fetch_content(request(kContent, {server.url("/file.whl")})) == kContent);
  CHECK(fetch_document(server.url("/simple/"), {}, 100'000, options).body == kContent);
}

TEST_CASE_METHOD(FetchFixture, "F084_bad_certificates") {
  const Authority authority(*this);
  const TestIdentity stranger({.subject = "another authority", .is_authority = true});
  struct Case {
    const char* name;
    CertificateOptions certificate;
    const TestIdentity* issuer;
    const char* reason;
  };
  const std::vector<Case> cases = {
      {"expired",
       {.valid_from_s = -7200, .valid_to_s = -3600},
       &authority.identity,
       "certificate has expired"},
      {"not yet valid",
       {.valid_from_s = 3600, .valid_to_s = 7200},
       &authority.identity,
       "certificate is not yet valid"},
      {"wrong host",
       {.alternative_names = "DNS:example.com"},
       &authority.identity,
       "no alternative certificate subject name matches target host name '127.0.0.1'"},
      {"self-signed", {}, nullptr, "self-signed certificate"},
      {"unknown authority", {}, &stranger, "unable to get local issuer certificate"},
      {"SHA-1", {.digest = EVP_sha1()}, &authority.identity, "too weak"},
  };
  const Case& test = cases[GENERATE(range(size_t{0}, size_t{6}))];
  INFO(test.name);
  options.ca_file = authority.file;
  const TestIdentity identity(test.certificate, test.issuer);
  HostileServer server(well_behaved(kContent), {.identity = &identity});
  const Error error = fetch_error(request(kContent, {server.url("/file.whl")}));
  CHECK(error.code() == ExitCode::kNetwork);
  CHECK(std::string(error.what()) == "cannot download file.whl");
  CHECK(contains(error.why(), "has a TLS certificate that is not accepted: "));
  INFO(error.why());
  CHECK(contains(error.why(), test.reason));
  CHECK(contains(all_text(error), "name its CA certificates in SSL_CERT_FILE"));
  CHECK(events.count("trying again") == 0);
  CHECK(server.requests().empty());

  const Error document =
      thrown_error([&] { fetch_document(server.url("/simple/"), {}, 1000, options); });
  CHECK(document.code() == ExitCode::kNetwork);
  CHECK(contains(document.why(), test.reason));
}

TEST_CASE_METHOD(FetchFixture, "F084_a_named_authority_is_the_only_one") {
  // The server's authority is trusted by the environment, but the option names another.
  const Authority authority(*this);
  const TestIdentity identity({}, &authority.identity);
  const TestIdentity other({.subject = "another authority", .is_authority = true});
  other.write_certificate(directory.path() / "other.pem");
  const ScopedVariable variable("SSL_CERT_FILE", authority.file.c_str());
  options.ca_file = directory.path() / "other.pem";
  HostileServer server(well_behaved(kContent), {.identity = &identity});
  CHECK(contains(fetch_error(request(kContent, {server.url("/file.whl")})).why(),
                 "unable to get local issuer certificate"));
}

TEST_CASE_METHOD(FetchFixture, "F084_old_protocols_are_refused") {
  const Authority authority(*this);
  const TestIdentity identity({}, &authority.identity);
  options.ca_file = authority.file;
  const int version = GENERATE(TLS1_VERSION, TLS1_1_VERSION);
  HostileServer server(well_behaved(kContent), {.identity = &identity, .max_version = version});
  const Error error = fetch_error(request(kContent, {server.url("/file.whl")}));
  CHECK(error.code() == ExitCode::kNetwork);
  CHECK(server.requests().empty());
}

TEST_CASE_METHOD(FetchFixture, "F084_a_missing_file_of_authorities_is_named") {
  options.ca_file = directory.path() / "absent.pem";
  const Authority authority(*this);
  const TestIdentity identity({}, &authority.identity);
  HostileServer server(well_behaved(kContent), {.identity = &identity});
  const Error error = fetch_error(request(kContent, {server.url("/file.whl")}));
  CHECK(error.code() == ExitCode::kNetwork);
  CHECK(contains(error.why(), options.ca_file));
}

TEST_CASE_METHOD(FetchFixture, "F087_http_proxy") {
  // The proxy answers itself; the place named does not exist.
  HostileServer proxy(well_behaved(kContent));
  const std::string address =
      "http://someone:secret-word@127.0.0.1:" + std::to_string(proxy.port());
  const ScopedVariable variable("http_proxy", address.c_str());
  CHECK(fetch_content(request(kContent, {"http://index.invalid/file.whl"})) == kContent);
  REQUIRE(proxy.requests().size() == 1);
  CHECK(proxy.requests()[0].target == "http://index.invalid/file.whl");
  // base64 of someone:secret-word
  CHECK(proxy.requests()[0].header("proxy-authorization") == "Basic c29tZW9uZTpzZWNyZXQtd29yZA==");
  CHECK_FALSE(contains(events.text(), "secret-word"));
}

TEST_CASE_METHOD(FetchFixture, "F087_https_proxy") {
  const Authority authority(*this);
  const TestIdentity identity({}, &authority.identity);
  options.ca_file = authority.file;
  HostileServer origin(well_behaved(kContent), {.identity = &identity});
  HostileServer proxy([&](const ReceivedRequest& received, ServerConnection& connection) {
    if (received.method != "CONNECT") return;
    connection.head("200 Connection established", {});
    relay(connection, origin.port());
  });
  const std::string address =
      "http://someone:secret-word@127.0.0.1:" + std::to_string(proxy.port());
  const ScopedVariable variable(GENERATE("https_proxy", "HTTPS_PROXY", "ALL_PROXY"),
                                address.c_str());
  CHECK(fetch_content(request(kContent, {origin.url("/file.whl")})) == kContent);
  REQUIRE(proxy.requests().size() == 1);
  CHECK(proxy.requests()[0].method == "CONNECT");
  CHECK(proxy.requests()[0].header("proxy-authorization") == "Basic c29tZW9uZTpzZWNyZXQtd29yZA==");
  REQUIRE(origin.requests().size() == 1);
  CHECK(origin.requests()[0].header("proxy-authorization").empty());
}

TEST_CASE_METHOD(FetchFixture, "F087_no_proxy") {
  HostileServer proxy(well_behaved("wrong"));
  HostileServer server(well_behaved(kContent));
  const std::string address = "http://127.0.0.1:" + std::to_string(proxy.port());
  const ScopedVariable variable("http_proxy", address.c_str());
  const ScopedVariable exception("no_proxy", "127.0.0.1");
  CHECK(fetch_content(request(kContent, {server.url("/file.whl")})) == kContent);
  CHECK(proxy.requests().empty());
}

TEST_CASE_METHOD(FetchFixture, "F087_proxies_that_fail_are_named_without_their_password") {
  const Authority authority(*this);
  options.attempts = 2;
  options.ca_file = authority.file;
  HostileServer refusing([](const ReceivedRequest&, ServerConnection& connection) {
    connection.reply("407 Proxy Authentication Required", {"Proxy-Authenticate: Basic"}, "");
  });
  struct Case {
    std::string proxy;
    std::string reason;
  };
  const std::vector<Case> cases = {
      {"http://someone:secret-word@127.0.0.1:" + std::to_string(refusing.port()),
       "the proxy answers 407"},
      {"http://someone:secret-word@proxy.invalid:3128", "resolve proxy"},
      {"nonsense://someone:secret-word@127.0.0.1:1", "nsupported proxy"},
      {"http://someone:secret-word@127.0.0.1:99999999", ""},
  };
  const Case& test = cases[GENERATE(range(size_t{0}, size_t{4}))];
  const ScopedVariable variable("https_proxy", test.proxy.c_str());
  const Error error = fetch_error(request(kContent, {"https://index.invalid/file.whl"}));
  INFO(error.why());
  CHECK(error.code() == ExitCode::kNetwork);
  CHECK(contains(error.why(), test.reason));
  CHECK_FALSE(contains(all_text(error), "secret-word"));
  CHECK_FALSE(contains(all_text(error), "someone"));
  CHECK_FALSE(contains(events.text(), "secret-word"));

  const Error document =
      thrown_error([&] { fetch_document("https://index.invalid/simple/", {}, 1000, options); });
  CHECK_FALSE(contains(all_text(document), "secret-word"));
}

TEST_CASE_METHOD(FetchFixture, "credentials in an address are sent and not shown") {
  HostileServer server([](const ReceivedRequest& received, ServerConnection& connection) {
    if (received.number == 0) return (void)connection.reply("503 Service Unavailable", {}, "");
    connection.reply("403 Forbidden", {}, "");
  });
  const std::string port = std::to_string(server.port());
  const Error error = fetch_error(request(
      kContent, {"http://someone:secret-word@127.0.0.1:" + port + "/file.whl?token=abcdef"}));
  CHECK(error.where() == "http://127.0.0.1:" + port + "/file.whl?…");
  CHECK(error.why() == "answers 403");
  REQUIRE(server.requests().size() == 2);
  CHECK(server.requests()[0].header("authorization") == "Basic c29tZW9uZTpzZWNyZXQtd29yZA==");
  CHECK(server.requests()[0].target == "/file.whl?token=abcdef");
  for (const char* secret : {"secret-word", "someone", "abcdef"}) {
    CHECK_FALSE(contains(all_text(error), secret));
    CHECK_FALSE(contains(events.text(), secret));
  }
}

TEST_CASE_METHOD(FetchFixture, "credentials are not left on disk") {
  HostileServer server([](const ReceivedRequest&, ServerConnection& connection) {
    connection.head("200 OK", {"Content-Length: 60000", "ETag: \"v1\""});
    connection.send(std::string_view(kContent).substr(0, 30'000));
  });
  fetch_error(request(kContent, {"http://someone:secret-word@127.0.0.1:" +
                                 std::to_string(server.port()) + "/file.whl"}));
  CHECK(partial_names().size() == 2);
  for (const std::string& name : partial_names()) {
    CHECK_FALSE(contains(read_file(cache.partial_directory() / name), "secret"));
  }
}

TEST_CASE_METHOD(FetchFixture, "netrc is honoured, for its machine only") {
  HostileServer elsewhere(well_behaved(kContent));
  HostileServer server([&](const ReceivedRequest&, ServerConnection& connection) {
    connection.reply("302 Found", {"Location: " + elsewhere.url("/file.whl", "localhost")}, "");
  });
  const std::string text = "machine 127.0.0.1 login someone password secret-word\n";
  std::unique_ptr<ScopedVariable> variable;
  if (GENERATE(true, false)) {
    write_file(directory.path() / "passwords", text);
    variable = std::make_unique<ScopedVariable>("NETRC", (directory.path() / "passwords").c_str());
  } else {
    write_file(directory.path() / ".netrc", text);  // HOME is this folder
  }
  CHECK(fetch_content(request(kContent, {server.url("/file.whl")})) == kContent);
  REQUIRE(server.requests().size() == 1);
  CHECK(server.requests()[0].header("authorization") == "Basic c29tZW9uZTpzZWNyZXQtd29yZA==");
  REQUIRE(elsewhere.requests().size() == 1);
  CHECK(elsewhere.requests()[0].header("authorization").empty());
  CHECK_FALSE(contains(events.text(), "secret-word"));
}

TEST_CASE_METHOD(FetchFixture, "a header that identifies the user stays with the place named") {
  HostileServer elsewhere(well_behaved("page"));
  HostileServer server([&](const ReceivedRequest&, ServerConnection& connection) {
    connection.reply("302 Found", {"Location: " + elsewhere.url("/")}, "");
  });
  fetch_document(server.url("/"), {"Authorization: Bearer abc", "Accept: text/html"}, 1000,
                 options);
  REQUIRE(elsewhere.requests().size() == 1);
  CHECK(server.requests()[0].header("authorization") == "Bearer abc");
  CHECK(elsewhere.requests()[0].header("authorization").empty());
  CHECK(elsewhere.requests()[0].header("accept") == "text/html");
}

}  // namespace eb::test
