#include "bundler/fetch/url.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <catch2/catch.hpp>

#include "bundler/fetch/redirect.hpp"
#include "installer/base/error.hpp"
#include "tests/support/thrown_error.hpp"

namespace eb {

TEST_CASE("shown_url leaves out what is secret") {
  const std::pair<const char*, const char*> rows[] = {
      {"https://example.com/a/b.whl", "https://example.com/a/b.whl"},
      {"https://user:pass@example.com/a", "https://example.com/a"},
      {"https://token@example.com/a", "https://example.com/a"},
      {"https://user:p@ss@example.com/a", "https://example.com/a"},
      {"https://user:pa/ss@example.com/a", "https://example.com/a"},
      {"https://user:pa?ss@example.com/a", "https://example.com/a"},
      {"https://user:pa#ss@example.com/a", "https://example.com/a"},
      {"https://example.com:8443/a", "https://example.com:8443/a"},
      {"https://[2001:db8::1]:8443/a", "https://[2001:db8::1]:8443/a"},
      {"https://[2001:db8::1]/a", "https://[2001:db8::1]/a"},
      {"https://example.com/@scope/a", "https://example.com/@scope/a"},
      {"https://example.com/a?X-Signature=abc", "https://example.com/a?…"},
      {"https://example.com?key=abc", "https://example.com?…"},
      {"file:///srv/a.whl", "file:///srv/a.whl"},
      {"/srv/a.whl", "/srv/a.whl"},
      {"", ""},
  };
  for (const auto& [url, shown] : rows) CHECK(shown_url(url) == shown);
}

TEST_CASE("without_credentials works on any text") {
  const std::pair<const char*, const char*> rows[] = {
      {"Could not resolve host: a", "Could not resolve host: a"},
      {"proxy 'http://u:p@host:1': bad", "proxy 'http://@host:1': bad"},
      {"http://u:p@host and ftp://x:y@z", "http://@host and ftp://@z"},
      {"u:p@host", "@host"},
      {"@", "@"},
      {"a@@b", "@b"},
  };
  for (const auto& [text, out] : rows) CHECK(without_credentials(text) == out);
}

TEST_CASE("host_kind") {
  for (const char* host :
       {"localhost", "LocalHost", "localhost.", "a.b.localhost", "127.0.0.1", "127.255.0.9",
        "127.1", "0x7f000001", "2130706433", "017700000001", "0.0.0.0", "0", "::1",
        "::", "::ffff:127.0.0.1", "0:0:0:0:0:0:0:1", "ip6-localhost"}) {
    INFO(host);
    CHECK(host_kind(host) == HostKind::kLoopback);
  }
  for (const char* host : {"169.254.169.254", "169.254.0.1", "fe80::1", "fe80::1%eth0", "febf::1",
                           "::ffff:169.254.1.1", "0xa9fea9fe"}) {
    INFO(host);
    CHECK(host_kind(host) == HostKind::kLinkLocal);
  }
  for (const char* host :
       {"example.com", "localhost.example.com", "128.0.0.1", "10.0.0.1", "192.168.1.1",
        "2001:db8::1", "notlocalhost", "169.253.1.1", "1.0.0.0"}) {
    INFO(host);
    CHECK(host_kind(host) == HostKind::kOrdinary);
  }
}

TEST_CASE("address_kind") {
  const auto v4 = [](const char* text) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    inet_pton(AF_INET, text, &address.sin_addr);
    return address_kind(reinterpret_cast<const sockaddr*>(&address), sizeof address);
  };
  const auto v6 = [](const char* text) {
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    inet_pton(AF_INET6, text, &address.sin6_addr);
    return address_kind(reinterpret_cast<const sockaddr*>(&address), sizeof address);
  };
  CHECK(v4("127.0.0.2") == HostKind::kLoopback);
  CHECK(v4("169.254.1.1") == HostKind::kLinkLocal);
  CHECK(v4("192.0.2.1") == HostKind::kOrdinary);
  CHECK(v6("::1") == HostKind::kLoopback);
  CHECK(v6("::ffff:127.0.0.1") == HostKind::kLoopback);
  CHECK(v6("fe80::2") == HostKind::kLinkLocal);
  CHECK(v6("2001:db8::1") == HostKind::kOrdinary);
}

TEST_CASE("local_path") {
  CHECK(local_path("/a/b") == "/a/b");
  CHECK(local_path("a/b") == "a/b");
  CHECK(local_path("file:///a/b%20c") == "/a/b c");
  CHECK(local_path("file://localhost/a") == "/a");
  CHECK(local_path("FILE:///a") == "/a");
  CHECK(local_path("file:/a") == "/a");
  CHECK_FALSE(local_path("http://example.com/a"));
  CHECK_FALSE(local_path("https://example.com/a"));
  const Error error = test::thrown_error([] { local_path("file://example.com/a"); });
  CHECK(error.code() == ExitCode::kNetwork);
}

TEST_CASE("resolve_url") {
  const std::string base = "https://example.com/simple/torch/?x=1";
  CHECK(resolve_url(base, "../../packages/a.whl") == "https://example.com/packages/a.whl");
  CHECK(resolve_url(base, "/a") == "https://example.com/a");
  CHECK(resolve_url(base, "a") == "https://example.com/simple/torch/a");
  CHECK(resolve_url(base, "//other.example/a") == "https://other.example/a");
  CHECK(resolve_url(base, "https://other.example/a b") == "https://other.example/a%20b");
  CHECK_FALSE(resolve_url(base, "http://[::1"));
}

TEST_CASE("judge_redirect") {
  struct Row {
    const char* start;
    const char* from;
    const char* location;
    unsigned hops;
    bool allow;
    const char* url;  // "" = refused
  };
  const char* const kHost = "https://example.com/a";
  const char* const kLocal = "http://127.0.0.1:8000/a";
  const Row rows[] = {
      {kHost, kHost, "https://cdn.example.net/b", 0, false, "https://cdn.example.net/b"},
      {kHost, kHost, "/b", 9, false, "https://example.com/b"},
      {kHost, kHost, "/b", 10, false, ""},
      {kHost, kHost, "http://example.com/b", 0, false, ""},
      {kHost, "http://example.com/x", "http://example.com/b", 1, false, "http://example.com/b"},
      {kHost, kHost, "https://10.0.0.7/b", 0, false, "https://10.0.0.7/b"},
      {kHost, kHost, "https://localhost/b", 0, false, ""},
      // The option alone does not open the door: the start has to be loopback as well.
      {kHost, kHost, "https://localhost/b", 0, true, ""},
      {kLocal, kLocal, "http://127.0.0.1:9/b", 0, true, "http://127.0.0.1:9/b"},
      {kLocal, kLocal, "http://127.0.0.1:9/b", 0, false, ""},
      {kLocal, kLocal, "http://169.254.169.254/b", 0, true, ""},
      {kHost, kHost, "file:///etc/passwd", 0, true, ""},
      {kHost, kHost, "", 0, false, ""},
  };
  for (const Row& row : rows) {
    INFO(row.start << " " << row.location);
    const RedirectVerdict verdict = judge_redirect({.start_url = row.start,
                                                    .from_url = row.from,
                                                    .hops = row.hops,
                                                    .allow_loopback = row.allow},
                                                   {row.location});
    CHECK(verdict.url == row.url);
    CHECK(verdict.refusal.empty() == !verdict.url.empty());
  }
}

TEST_CASE("judge_redirect shows no credentials") {
  const RedirectVerdict verdict =
      judge_redirect({.start_url = "https://example.com/", .from_url = "https://example.com/"},
                     {"http://user:secret@example.com/?token=abc"});
  CHECK(verdict.refusal ==
        "redirects from https to http (http://example.com/?…), which is refused");
}

}  // namespace eb
