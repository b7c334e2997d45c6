#include "bundler/manifest/requirement.hpp"

#include <algorithm>
#include <cctype>

namespace eb {
namespace {

bool is_name(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_' || c == '.';
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front()))) {
    text.remove_prefix(1);
  }
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back()))) {
    text.remove_suffix(1);
  }
  return text;
}

std::string_view take_name(std::string_view& text) {
  text = trimmed(text);
  size_t length = 0;
  while (length < text.size() && is_name(text[length])) ++length;
  const std::string_view out = text.substr(0, length);
  text = trimmed(text.substr(length));
  return out;
}

bool is_valid_name(std::string_view name) {
  const auto alnum = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; };
  return !name.empty() && alnum(name.front()) && alnum(name.back());
}

/// `[a, b]`; leaves what follows in `text`. Empty text says what is wrong.
std::string take_extras(std::string_view& text, std::vector<std::string>& extras) {
  text.remove_prefix(1);
  while (true) {
    text = trimmed(text);
    if (text.starts_with("]") && extras.empty()) break;
    const std::string_view extra = take_name(text);
    if (!is_valid_name(extra)) return "the extras are not names";
    extras.push_back(normalise_name(extra));
    if (text.starts_with("]")) break;
    if (!text.starts_with(",")) return "the extras do not end in ]";
    text.remove_prefix(1);
  }
  text = trimmed(text.substr(1));
  std::sort(extras.begin(), extras.end());
  return {};
}

/// The part between name and marker. Empty text says that all is well.
std::string take_specifier(std::string_view text, Requirement& out) {
  text = trimmed(text);
  if (text.starts_with("@")) {
    out.url = trimmed(text.substr(1));
    return out.url.empty() ? "no URL follows @" : "";
  }
  if (text.starts_with("(")) {
    if (!text.ends_with(")")) return "the parenthesis is not closed";
    text = text.substr(1, text.size() - 2);
  }
  const auto specifier = VersionSpecifier::parse(text);
  if (!specifier) return "'" + std::string(text) + "' is no version specifier";
  out.specifier = *specifier;
  return {};
}

}  // namespace

std::string normalise_name(std::string_view name) {
  std::string out;
  for (const char c : name) {
    if (c == '-' || c == '_' || c == '.') {
      if (out.empty() || out.back() != '-') out += '-';
    } else {
      out += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
  }
  return out;
}

std::optional<Requirement> parse_requirement(std::string_view text, std::string* problem) {
  const auto fail = [problem](std::string why) -> std::optional<Requirement> {
    if (problem != nullptr) *problem = std::move(why);
    return std::nullopt;
  };
  Requirement out;
  const std::string_view name = take_name(text);
  if (!is_valid_name(name)) return fail("it does not begin with a project's name");
  out.name = normalise_name(name);
  if (text.starts_with("[")) {
    if (std::string why = take_extras(text, out.extras); !why.empty()) return fail(std::move(why));
  }
  // A URL may hold a semicolon; the marker then stands after " ;".
  const size_t end = text.starts_with("@") ? text.find(" ;") : text.find(';');
  if (end != std::string_view::npos) {
    const std::string_view marker = trimmed(text.substr(text.find(';', end) + 1));
    out.marker = Marker::parse(marker);
    if (!out.marker) return fail("'" + std::string(marker) + "' is no environment marker");
  }
  if (std::string why = take_specifier(text.substr(0, end), out); !why.empty()) {
    return fail(std::move(why));
  }
  return out;
}

}  // namespace eb
