#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace eb::metrics {

/// The release that the exporter belongs to, and what `envinstall check` last found about it.
struct ReleaseFacts {
  std::string release;  ///< directory name, NAME-ID
  std::string name;
  std::string id;  ///< SHA-256 of the bundle's index, hex
  std::optional<double> counter;
  std::optional<double> installed;  ///< seconds since 1970
  std::optional<bool> is_active;    ///< `current` leads to it; nullopt outside a prefix
  std::string check_state;  ///< "passed", "failed", "not-testable", "skipped"; empty: none kept
  std::optional<double> checked;              ///< seconds since 1970
  std::map<std::string, size_t> check_steps;  ///< how many by state: "ok", "failed", …
};

/// The release's root for the name that the launcher gives the program,
/// ROOT/libexec/envbundle/envmetrics, or for its real place, ROOT/libexec/real/libexec/envbundle/….
/// Empty for any other name.
std::string root_of_program(std::string_view argv0);

/// Reads ROOT/.bundle/receipt and PREFIX/.envinstall/check-RELEASE.json. What is missing or
/// malformed stays empty.
ReleaseFacts read_release_facts(const std::string& root);

/// Seconds since 1970 of "2026-03-04T05:06:07Z"; nullopt for anything else.
std::optional<double> utc_seconds(std::string_view text);

}  // namespace eb::metrics
