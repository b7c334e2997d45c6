#include "bundler/lock/debian_copyright.hpp"

#include <cctype>
#include <set>

#include "bundler/lock/debian_control.hpp"

namespace eb {
namespace {

std::string joined(const std::set<std::string>& names) {
  std::string out;
  for (const auto& name : names) {
    const bool compound = name.find(" or ") != std::string::npos && names.size() > 1;
    out += (out.empty() ? "" : " AND ") + (compound ? "(" + name + ")" : name);
  }
  return out;
}

std::set<std::string> licences_of_files(std::string_view text) {
  std::set<std::string> out;
  for (const auto& stanza : parse_control(text)) {
    if (stanza.count("files") == 0) continue;
    const std::string& licence = control_field(stanza, "license");
    // The first line is the short name, the text follows.
    std::string name = licence.substr(0, licence.find('\n'));
    while (!name.empty() && (name.back() == ',' || name.back() == ' ')) name.pop_back();
    if (!name.empty()) out.insert(name);
  }
  return out;
}

std::set<std::string> common_licences(std::string_view text) {
  constexpr std::string_view kFolder = "/usr/share/common-licenses/";
  std::set<std::string> out;
  for (size_t at = text.find(kFolder); at != std::string_view::npos; at = text.find(kFolder, at)) {
    at += kFolder.size();
    size_t end = at;
    while (end < text.size() && (std::isalnum(static_cast<unsigned char>(text[end])) != 0 ||
                                 text[end] == '-' || text[end] == '.')) {
      ++end;
    }
    std::string name(text.substr(at, end - at));
    while (!name.empty() && (name.back() == '.' || name.back() == '-')) name.pop_back();
    if (!name.empty()) out.insert(name);
  }
  return out;
}

}  // namespace

std::string summarise_copyright(std::string_view text) {
  const size_t first_line = text.find_first_not_of(" \t\r\n");
  const bool machine_readable =
      first_line != std::string_view::npos && text.substr(first_line).starts_with("Format");
  if (machine_readable) {
    if (const auto names = licences_of_files(text); !names.empty()) return joined(names);
  }
  const std::string out = joined(common_licences(text));
  return out.empty() && first_line != std::string_view::npos ? "text in debian/copyright" : out;
}

}  // namespace eb
