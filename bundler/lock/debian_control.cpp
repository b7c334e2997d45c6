#include "bundler/lock/debian_control.hpp"

#include <algorithm>
#include <cctype>

namespace eb {
namespace {

std::string_view trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

/// Cuts `text` at the first `mark`; what is before it.
std::string_view take_until(std::string_view& text, char mark) {
  const size_t end = std::min(text.find(mark), text.size());
  const std::string_view out = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return out;
}

}  // namespace

std::vector<ControlStanza> parse_control(std::string_view text) {
  std::vector<ControlStanza> out;
  ControlStanza stanza;
  std::string* last = nullptr;
  const auto end_stanza = [&] {
    if (!stanza.empty()) out.push_back(std::move(stanza));
    stanza.clear();
    last = nullptr;
  };
  while (!text.empty()) {
    const std::string_view line = take_until(text, '\n');
    if (trimmed(line).empty()) {
      end_stanza();
    } else if (line.front() == ' ' || line.front() == '\t') {
      if (last != nullptr) *last += "\n" + std::string(trimmed(line));
    } else if (line.front() != '#') {
      const size_t colon = line.find(':');
      if (colon == std::string_view::npos) continue;
      last = &stanza[lower(line.substr(0, colon))];
      *last = trimmed(line.substr(colon + 1));
    }
  }
  end_stanza();
  return out;
}

const std::string& control_field(const ControlStanza& stanza, std::string_view name) {
  static const std::string kNone;
  const auto found = stanza.find(name);
  return found == stanza.end() ? kNone : found->second;
}

std::vector<std::vector<std::string>> parse_relations(std::string_view text) {
  std::vector<std::vector<std::string>> out;
  while (!text.empty()) {
    std::string_view group = take_until(text, ',');
    std::vector<std::string> names;
    while (!group.empty()) {
      const std::string_view relation = trimmed(take_until(group, '|'));
      // "libc6:any (>= 2.34) [amd64] <!nocheck>"
      const std::string_view name = relation.substr(0, relation.find_first_of(" \t\n:([<"));
      if (!name.empty()) names.emplace_back(name);
    }
    if (!names.empty()) out.push_back(std::move(names));
  }
  return out;
}

}  // namespace eb
