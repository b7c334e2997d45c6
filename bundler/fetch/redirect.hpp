#pragma once

#include <string>
#include <vector>

namespace eb {

inline constexpr unsigned kMaxRedirects = 10;

/// What following a redirect depends on.
struct RedirectContext {
  std::string start_url;  ///< what the lock or the caller named
  std::string from_url;   ///< where the redirect was answered
  unsigned hops = 0;      ///< redirects followed before this one
  bool allow_loopback = false;
};

/// Exactly one of the two is set.
struct RedirectVerdict {
  std::string url;      ///< absolute, where to go
  std::string refusal;  ///< why not to go there; credentials left out
};

/// The rule for every hop (FAULTS F075–F078): http and https only, never from https to http, never
/// to this machine or a link-local address, one Location without control characters, at most
/// kMaxRedirects hops. Loopback is allowed only when the start was loopback and the caller allows.
RedirectVerdict judge_redirect(const RedirectContext& context,
                               const std::vector<std::string>& locations);

}  // namespace eb
