#pragma once

#include <sys/socket.h>

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace eb {

/// A URL taken apart as libcurl understands it, so that what is checked is what is connected to:
/// scheme and host in lower case, numeric IPv4 forms (0x7f.1, 2130706433) as dotted quads.
struct UrlParts {
  std::string scheme;
  std::string host;  ///< without the brackets of an IPv6 literal
  std::string port;  ///< "" = the scheme's own
  std::string path;
};
std::optional<UrlParts> parse_url(const std::string& url);

/// scheme://host:port, what a server is known by; the URL itself when it cannot be parsed.
std::string origin_of(const std::string& url);

/// `reference` (absolute or relative) as seen from `base`; nullopt when that makes no URL.
std::optional<std::string> resolve_url(const std::string& base, const std::string& reference);

/// For messages: user name, password and query (signed addresses carry secrets there) left out.
std::string shown_url(std::string_view url);

/// Outside text (libcurl's messages) with everything that may be `user:password@` left out.
std::string without_credentials(std::string_view text);

/// Where a host or address leads that a server on the internet has no business to name (F077).
enum class HostKind { kOrdinary, kLoopback, kLinkLocal };
/// By name and by numeric address; nothing is resolved. 0.0.0.0/8 and :: count as loopback: they
/// reach the own machine.
HostKind host_kind(std::string_view host);
HostKind address_kind(const sockaddr* address, size_t size);

/// The file that a file: URL or a plain path names; nullopt for other schemes.
/// Throws Error(kNetwork) for a file: URL of another host.
std::optional<std::filesystem::path> local_path(const std::string& url);

}  // namespace eb
