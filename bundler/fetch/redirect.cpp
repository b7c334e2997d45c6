#include "bundler/fetch/redirect.hpp"

#include <algorithm>
#include <cctype>

#include "bundler/fetch/url.hpp"

namespace eb {
namespace {

RedirectVerdict refuse(std::string reason) { return {.url = {}, .refusal = std::move(reason)}; }

// Raw, or percent-encoded: CVE-2019-3462 was an encoded line break that a later step decoded.
bool has_control_characters(const std::string& text) {
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte < 0x20 || byte == 0x7F) return true;
    if (byte == '%' && i + 2 < text.size()) {
      const char high = text[i + 1];
      const char low = static_cast<char>(std::tolower(static_cast<unsigned char>(text[i + 2])));
      if (high == '0' || high == '1' || (high == '7' && low == 'f')) return true;
    }
  }
  return false;
}

}  // namespace

RedirectVerdict judge_redirect(const RedirectContext& context,
                               const std::vector<std::string>& locations) {
  if (locations.empty() || locations.front().empty())
    return refuse("redirects without saying where to");
  const std::string& location = locations.front();
  if (std::any_of(locations.begin(), locations.end(),
                  [&](const std::string& other) { return other != location; })) {
    return refuse("redirects to two places at once");
  }
  if (has_control_characters(location)) {
    return refuse("redirects to an address with control characters");
  }
  if (context.hops >= kMaxRedirects) {
    return refuse("redirects more than " + std::to_string(kMaxRedirects) + " times");
  }
  const std::optional<std::string> target = resolve_url(context.from_url, location);
  const std::optional<UrlParts> to = target ? parse_url(*target) : std::nullopt;
  const std::optional<UrlParts> from = parse_url(context.from_url);
  if (!to || !from) return refuse("redirects to what is no address: " + shown_url(location));
  if (to->scheme != "http" && to->scheme != "https") {
    return refuse("redirects to a " + to->scheme + ": address, which is refused");
  }
  if (from->scheme == "https" && to->scheme == "http") {
    return refuse("redirects from https to http (" + shown_url(*target) + "), which is refused");
  }
  const HostKind kind = host_kind(to->host);
  if (kind != HostKind::kOrdinary) {
    const std::optional<UrlParts> start = parse_url(context.start_url);
    const bool allowed = kind == HostKind::kLoopback && context.allow_loopback && start &&
                         host_kind(start->host) == HostKind::kLoopback;
    if (!allowed) {
      return refuse("redirects to " + to->host + ", " +
                    (kind == HostKind::kLoopback ? "this machine itself" : "a link-local address") +
                    ", which is refused");
    }
  }
  return {.url = *target, .refusal = {}};
}

}  // namespace eb
