#include "bundler/lock/apt_settings.hpp"

#include <algorithm>
#include <sstream>

#include "bundler/lock/program.hpp"

namespace eb {
namespace {

void add(std::vector<ArchiveRoot>& roots, const std::string& url, const std::string& suite) {
  const std::string archive = archive_of_suite(suite);
  for (auto& root : roots) {
    if (root.url != url || root.archive != archive) continue;
    if (std::find(root.suites.begin(), root.suites.end(), suite) == root.suites.end()) {
      root.suites.push_back(suite);
    }
    return;
  }
  roots.push_back({archive, url, {suite}});
}

/// A source of "stable" is one of "bookworm" as well, once apt has read its Release file.
void add_code_names(std::vector<ArchiveRoot>& roots) {
  const ProgramResult result = run_program(
      {{"apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(CODENAME)"}, {}});
  std::istringstream lines(result.output);
  std::string url, release, code_name;
  while (lines >> url >> release >> code_name) {
    if (code_name.empty() || code_name.front() == '$' || code_name == release) continue;
    for (auto& root : roots) {
      const auto& suites = root.suites;
      if (root.url != url || std::find(suites.begin(), suites.end(), release) == suites.end()) {
        continue;
      }
      if (std::find(suites.begin(), suites.end(), code_name) == suites.end()) {
        root.suites.push_back(code_name);
      }
    }
  }
}

}  // namespace

std::string archive_of_suite(const std::string& suite) {
  const bool security = suite.find("-security") != std::string::npos || suite.ends_with("/updates");
  return security ? "debian-security" : "debian";
}

bool serves_suite(const ArchiveRoot& root, const std::string& suite) {
  if (root.suites.empty()) return true;
  return std::any_of(root.suites.begin(), root.suites.end(), [&](const std::string& served) {
    return served == suite || served.starts_with(suite + "-") || served.starts_with(suite + "/");
  });
}

std::vector<ArchiveRoot> parse_update_uris(const std::string& text) {
  std::vector<ArchiveRoot> out;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    // 'URI/dists/SUITE/InRelease' file-name size
    constexpr std::string_view kDists = "/dists/";
    constexpr std::string_view kIndex = "/InRelease";
    const size_t quote = line.find('\'', 1);
    if (!line.starts_with('\'') || quote == std::string::npos) continue;
    const std::string uri = line.substr(1, quote - 1);
    const size_t dists = uri.rfind(kDists);
    if (!uri.ends_with(kIndex) || dists == std::string::npos) continue;
    const size_t suite = dists + kDists.size();
    const size_t end = uri.size() - kIndex.size();
    if (suite < end) add(out, uri.substr(0, dists + 1), uri.substr(suite, end - suite));
  }
  return out;
}

std::vector<ArchiveRoot> ask_apt() {
  if (!program_exists("apt-get")) return {};
  auto out = parse_update_uris(run_program({{"apt-get", "update", "--print-uris"}, {}}).output);
  if (!out.empty()) add_code_names(out);
  return out;
}

}  // namespace eb
