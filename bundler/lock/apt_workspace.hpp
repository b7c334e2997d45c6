#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "bundler/lock/debian_control.hpp"
#include "bundler/lock/program.hpp"
#include "bundler/lock/sources.hpp"

namespace eb {

/// A package as apt's verified lists describe it.
struct AptPackage {
  ControlStanza control;
  std::string source;   ///< path below the archive's root
  std::string archive;  ///< debian | debian-security
};

/// apt with a state of its own in a folder that is removed at the end: lists, cache, status and
/// configuration. The machine's lists, status and pins are neither read nor written; of its
/// configuration only how to reach servers (proxies, TLS, retries) is taken over. Every index that
/// is used was checked by apt against the archive's signature (apt-secure(8)).
class AptWorkspace {
 public:
  /// `roots` serve `suite`; `architecture` is Debian's word (amd64). Runs `apt-get update`.
  /// Throws Error(kNetwork) when it cannot, kInternal when there is no apt.
  AptWorkspace(const std::vector<ArchiveRoot>& roots, const std::string& suite,
               const std::string& architecture, const std::string& keyring);
  ~AptWorkspace();
  AptWorkspace(const AptWorkspace&) = delete;
  AptWorkspace& operator=(const AptWorkspace&) = delete;

  /// Makes these count as installed, so that nothing pulls them in. What they provide counts as
  /// there too. Comes before prefer().
  void pretend_installed(const std::vector<std::string>& names);
  /// Prefers these versions (name → version) where the archive still has them.
  void prefer(const std::map<std::string, std::string>& versions);

  /// What `apt-get install` of `names` without recommendations would install, by name.
  /// Throws Error(kUnresolvable) with apt's words.
  std::vector<AptPackage> resolve(const std::vector<std::string>& names) const;

  /// The newest `Date:` of the archives' Release files, in seconds since 1970.
  int64_t release_time() const;

 private:
  ProgramResult run(std::vector<std::string> argv) const;
  void write(const std::string& name, const std::string& text) const;
  void write_configuration(const std::string& architecture) const;
  void write_sources(const std::vector<ArchiveRoot>& roots, const std::string& keyring) const;
  void update() const;
  std::vector<ControlStanza> show(const std::vector<std::string>& packages) const;

  std::filesystem::path folder_;
  std::vector<ArchiveRoot> roots_;
  std::string suite_;
  std::string excluded_pins_;
};

/// `amd64` for linux-x86_64.
std::string debian_architecture(const std::string& platform);

/// Lines of `apt-config dump` that say how servers are reached, for a configuration of our own.
std::string transport_settings(const std::string& dump);

/// The package names of `Inst NAME …` lines with their versions, from `apt-get install --simulate`.
std::vector<std::pair<std::string, std::string>> parse_simulation(const std::string& text);
/// The URIs of `'URI' file size hash` lines, from `apt-get install --print-uris`.
std::vector<std::string> parse_install_uris(const std::string& text);

}  // namespace eb
