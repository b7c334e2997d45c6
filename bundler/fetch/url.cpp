#include "bundler/fetch/url.hpp"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>

#include "installer/base/error.hpp"

namespace eb {
namespace {

struct UrlDeleter {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};
using UrlHandle = std::unique_ptr<CURLU, UrlDeleter>;

std::string part_of(CURLU* url, CURLUPart part) {
  char* text = nullptr;
  if (curl_url_get(url, part, &text, 0) != CURLUE_OK) return {};
  std::string out = text;
  curl_free(text);
  return out;
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return text;
}

bool starts_with_no_case(std::string_view text, std::string_view prefix) {
  return lower(std::string(text.substr(0, prefix.size()))) == prefix;
}

HostKind ipv4_kind(uint32_t address) {
  const uint32_t first = address >> 24;
  if (first == 127 || first == 0) return HostKind::kLoopback;
  if ((address >> 16) == 0xA9FE) return HostKind::kLinkLocal;
  return HostKind::kOrdinary;
}

HostKind ipv6_kind(const in6_addr& address) {
  if (IN6_IS_ADDR_LOOPBACK(&address) || IN6_IS_ADDR_UNSPECIFIED(&address)) {
    return HostKind::kLoopback;
  }
  if (IN6_IS_ADDR_LINKLOCAL(&address)) return HostKind::kLinkLocal;
  if (IN6_IS_ADDR_V4MAPPED(&address)) {
    uint32_t v4 = 0;
    std::memcpy(&v4, address.s6_addr + 12, sizeof v4);
    return ipv4_kind(ntohl(v4));
  }
  return HostKind::kOrdinary;
}

}  // namespace

std::optional<UrlParts> parse_url(const std::string& url) {
  const UrlHandle handle(curl_url());
  if (!handle || curl_url_set(handle.get(), CURLUPART_URL, url.c_str(), CURLU_NON_SUPPORT_SCHEME) !=
                     CURLUE_OK) {
    return std::nullopt;
  }
  UrlParts parts;
  parts.scheme = lower(part_of(handle.get(), CURLUPART_SCHEME));
  parts.host = lower(part_of(handle.get(), CURLUPART_HOST));
  if (parts.host.size() >= 2 && parts.host.front() == '[' && parts.host.back() == ']') {
    parts.host = parts.host.substr(1, parts.host.size() - 2);
  }
  parts.port = part_of(handle.get(), CURLUPART_PORT);
  parts.path = part_of(handle.get(), CURLUPART_PATH);
  return parts;
}

std::string origin_of(const std::string& url) {
  const std::optional<UrlParts> parts = parse_url(url);
  if (!parts) return url;
  return parts->scheme + "://" + parts->host + ":" + parts->port;
}

std::optional<std::string> resolve_url(const std::string& base, const std::string& reference) {
  const UrlHandle handle(curl_url());
  if (!handle || curl_url_set(handle.get(), CURLUPART_URL, base.c_str(), 0) != CURLUE_OK ||
      curl_url_set(handle.get(), CURLUPART_URL, reference.c_str(),
                   CURLU_NON_SUPPORT_SCHEME | CURLU_URLENCODE) != CURLUE_OK) {
    return std::nullopt;
  }
  std::string out = part_of(handle.get(), CURLUPART_URL);
  if (out.empty()) return std::nullopt;
  return out;
}

std::string shown_url(std::string_view url) {
  std::string out;
  const size_t scheme_end = url.find("://");
  if (scheme_end != std::string_view::npos) {
    out = url.substr(0, scheme_end + 3);
    url.remove_prefix(scheme_end + 3);
    const std::string_view authority = url.substr(0, url.find_first_of("/?#"));
    size_t at = authority.rfind('@');
    if (at == std::string_view::npos) {
      // A password with an unescaped '/' looks like host:port/path@host; a port has only digits.
      const size_t colon = authority.rfind(':');
      const bool is_port =
          colon == std::string_view::npos || authority.find(']', colon) != std::string_view::npos ||
          authority.substr(colon + 1).find_first_not_of("0123456789") == std::string_view::npos;
      if (!is_port) at = url.rfind('@');
    }
    if (at != std::string_view::npos) url.remove_prefix(at + 1);
  }
  const size_t query = url.find('?');
  out += url.substr(0, query);
  if (query != std::string_view::npos) out += "?…";
  return out;
}

std::string without_credentials(std::string_view text) {
  std::string out(text);
  for (size_t at = out.find('@'); at != std::string::npos; at = out.find('@', at + 1)) {
    size_t begin = out.find_last_of(" '\"/<(", at);
    begin = begin == std::string::npos ? 0 : begin + 1;
    out.erase(begin, at - begin);
    at = begin;
  }
  return out;
}

HostKind host_kind(std::string_view host) {
  std::string name = lower(std::string(host));
  while (!name.empty() && name.back() == '.') name.pop_back();
  const size_t zone = name.find('%');
  if (zone != std::string::npos) name.resize(zone);
  if (name == "localhost" || name.ends_with(".localhost") || name == "ip6-localhost" ||
      name == "ip6-loopback" || name == "localhost.localdomain") {
    return HostKind::kLoopback;
  }
  in_addr v4{};
  // inet_aton takes every short and hexadecimal form that a resolver would take.
  if (inet_aton(name.c_str(), &v4) != 0) return ipv4_kind(ntohl(v4.s_addr));
  in6_addr v6{};
  if (inet_pton(AF_INET6, name.c_str(), &v6) == 1) return ipv6_kind(v6);
  return HostKind::kOrdinary;
}

HostKind address_kind(const sockaddr* address, size_t size) {
  if (address->sa_family == AF_INET && size >= sizeof(sockaddr_in)) {
    sockaddr_in v4{};
    std::memcpy(&v4, address, sizeof v4);
    return ipv4_kind(ntohl(v4.sin_addr.s_addr));
  }
  if (address->sa_family == AF_INET6 && size >= sizeof(sockaddr_in6)) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, address, sizeof v6);
    return ipv6_kind(v6.sin6_addr);
  }
  return HostKind::kOrdinary;
}

std::optional<std::filesystem::path> local_path(const std::string& url) {
  if (!starts_with_no_case(url, "file:")) {
    if (url.find("://") != std::string::npos) return std::nullopt;
    return std::filesystem::path(url);
  }
  std::string rest = url.substr(5);
  if (rest.starts_with("//")) {
    const size_t slash = rest.find('/', 2);
    const std::string host =
        slash == std::string::npos ? rest.substr(2) : rest.substr(2, slash - 2);
    if (!host.empty() && lower(host) != "localhost") {
      throw Error(ExitCode::kNetwork, "a file: URL names another machine")
          .where(shown_url(url))
          .why("host '" + host + "'; only an empty host or localhost can be read")
          .hint("write file:///path/to/file");
    }
    rest = slash == std::string::npos ? "" : rest.substr(slash);
  }
  int length = 0;
  char* text = curl_easy_unescape(nullptr, rest.c_str(), static_cast<int>(rest.size()), &length);
  if (text == nullptr) return std::filesystem::path(rest);
  std::string out(text, static_cast<size_t>(length));
  curl_free(text);
  return std::filesystem::path(std::move(out));
}

}  // namespace eb
