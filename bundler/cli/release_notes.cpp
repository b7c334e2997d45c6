#include "bundler/cli/release_notes.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "bundler/artifact/wheel_name.hpp"
#include "installer/base/error.hpp"

namespace eb {
namespace {

constexpr char kOrigin[] = "envbundle";
constexpr size_t kMaxLicenceSize = 120;

bool is_licence_name(std::string_view name) {
  static constexpr std::array kBeginnings = {"licen",     "copying", "notice", "authors",
                                             "copyright", "eula",    "third"};
  std::string lower(name);
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return std::any_of(kBeginnings.begin(), kBeginnings.end(),
                     [&](const char* beginning) { return lower.starts_with(beginning); });
}

/// Where a licence file of a wheel is linked: share/licenses/NAME/REST; nullopt for other files.
std::optional<RelPath> licence_link(const RelPath& path) {
  static constexpr std::string_view kSite = "/site-packages/";
  static constexpr std::string_view kInfo = ".dist-info/";
  const std::string_view text = path.str();
  const size_t site = text.find(kSite);
  if (!text.starts_with("lib/python3.") || site == std::string_view::npos) return std::nullopt;
  const std::string_view below = text.substr(site + kSite.size());
  const size_t info = below.find(kInfo);
  if (info == std::string_view::npos || below.substr(0, info).find('/') != std::string_view::npos) {
    return std::nullopt;
  }
  const std::string_view folder = below.substr(0, info);
  std::string_view rest = below.substr(info + kInfo.size());
  // PEP 639 puts all of them into one folder; before it they lay beside METADATA.
  if (rest.starts_with("licenses/")) {
    rest.remove_prefix(std::string_view("licenses/").size());
  } else if (rest.find('/') != std::string_view::npos || !is_licence_name(rest)) {
    return std::nullopt;
  }
  const std::string name = normalise_project_name(folder.substr(0, folder.find('-')));
  return RelPath::parse("share/licenses/" + name + "/" + std::string(rest));
}

std::string relative_link(const RelPath& from, const RelPath& to) {
  std::string out;
  for (const char c : from.str()) {
    if (c == '/') out += "../";
  }
  return out + to.str();
}

/// One line that fits a list: the words of some wheels are a whole licence text.
std::string short_licence(std::string_view text) {
  text = text.substr(0, text.find_first_of("\r\n"));
  std::string out = printable(text);
  if (out.size() > kMaxLicenceSize) {
    out.resize(kMaxLicenceSize);
    while (!out.empty() && (static_cast<unsigned char>(out.back()) & 0xC0) == 0x80) out.pop_back();
    if (!out.empty() && (static_cast<unsigned char>(out.back()) & 0x80) != 0) out.pop_back();
    out += "...";
  }
  return out;
}

}  // namespace

void stage_wheel_licences(Staging& staging) {
  std::vector<std::pair<RelPath, RelPath>> links;
  for (const auto& [path, item] : staging.items()) {
    if (item.type != Staging::Item::Type::kFile) continue;
    if (const auto link = licence_link(path)) links.emplace_back(*link, path);
  }
  for (const auto& [link, path] : links) {
    if (staging.find(link) == nullptr) {
      staging.add_symlink(link, relative_link(link, path), kOrigin);
    }
  }
}

void stage_package_list(const Lock& lock, Staging& staging) {
  using Json = nlohmann::ordered_json;
  Json packages = Json::array();
  for (const Artifact& artifact : lock.artifacts) {
    packages.push_back({{"kind", to_string(artifact.kind)},
                        {"name", artifact.name},
                        {"version", artifact.version},
                        {"licence", artifact.licence},
                        {"file", artifact.file_name},
                        {"size", artifact.size_bytes},
                        {"sha256", artifact.digest.hex()},
                        {"asked_by", artifact.asked_by}});
  }
  const Json document = {{"name", lock.manifest_name},
                         {"version", lock.version},
                         {"platform", lock.platform},
                         {"packages", packages}};
  const std::string text = document.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
  staging.replace_file(RelPath("share/envbundle/packages.json"), as_bytes(text), false, kOrigin);
}

std::string licence_summary(const Lock& lock) {
  std::set<std::string> licences;
  for (const Artifact& artifact : lock.artifacts) {
    if (!artifact.licence.empty()) licences.insert(short_licence(artifact.licence));
  }
  std::string out;
  for (const std::string& licence : licences) out += (out.empty() ? "" : ", ") + licence;
  return out;
}

}  // namespace eb
