#include "bundler/artifact/wheel_name.hpp"

#include <algorithm>
#include <cctype>
#include <optional>
#include <regex>
#include <sstream>

#include "bundler/artifact/artifact_error.hpp"

namespace eb {
namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return out;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Without zeros in front; "" counts as 0.
std::string number(const std::string& digits) {
  const size_t first = digits.find_first_not_of('0');
  return first == std::string::npos ? "0" : digits.substr(first);
}

// The normal form of a version (PEP 440, appendix B has the expression); nullopt when it is none.
std::optional<std::string> normal_version(const std::string& text) {
  static const std::regex kPattern(
      "v?(?:(\\d+)!)?(\\d+(?:\\.\\d+)*)"
      "(?:[-_.]?(alpha|a|beta|b|preview|pre|c|rc)[-_.]?(\\d*))?"
      "(?:-(\\d+)|[-_.]?(post|rev|r)[-_.]?(\\d*))?"
      "(?:[-_.]?(dev)[-_.]?(\\d*))?"
      "(?:\\+([a-z0-9]+(?:[-_.][a-z0-9]+)*))?");
  constexpr size_t kMaxBytes = 200;  // the matcher recurses
  std::smatch match;
  if (text.size() > kMaxBytes || !std::regex_match(text, match, kPattern)) return std::nullopt;
  std::vector<std::string> release;
  std::stringstream numbers(match[2].str());
  for (std::string part; std::getline(numbers, part, '.');) release.push_back(number(part));
  while (release.size() > 1 && release.back() == "0") release.pop_back();
  std::string out = number(match[1].str()) + "!";
  for (const std::string& part : release) out += part + ".";
  if (const std::string pre = match[3].str(); !pre.empty()) {
    out += pre[0] == 'a' || pre[0] == 'b' ? pre.substr(0, 1) : "rc";
    out += number(match[4].str());
  }
  if (match[5].matched) out += "post" + number(match[5].str());
  if (match[6].matched) out += "post" + number(match[7].str());
  if (match[8].matched) out += "dev" + number(match[9].str());
  std::string local = match[10].str();
  std::replace_if(
      local.begin(), local.end(), [](char c) { return c == '-' || c == '_'; }, '.');
  return out + "+" + local;
}

std::string comparable_version(std::string_view version) {
  std::string text = lower(version);
  if (const auto normal = normal_version(text)) return *normal;
  // Some tools write the "+" before the local part as "_" in a file name.
  if (const size_t at = text.find('_'); at != std::string::npos) {
    text[at] = '+';
    if (const auto normal = normal_version(text)) return *normal;
  }
  return std::string(version);
}

}  // namespace

WheelName parse_wheel_name(std::string_view file_name) {
  const auto fail = [file_name](std::string why) {
    return bad_artifact("not the name of a wheel", file_name, "", std::move(why));
  };
  if (!file_name.ends_with(".whl")) throw fail("it does not end in .whl");
  std::vector<std::string> fields;
  const std::string_view stem = file_name.substr(0, file_name.size() - 4);
  for (size_t begin = 0; begin <= stem.size();) {
    const size_t end = std::min(stem.find('-', begin), stem.size());
    fields.emplace_back(stem.substr(begin, end - begin));
    begin = end + 1;
  }
  if (fields.size() != 5 && fields.size() != 6) {
    throw fail("it has " + std::to_string(fields.size()) + " parts between dashes, not 5 or 6");
  }
  for (const std::string& field : fields) {
    if (field.empty()) throw fail("a part between dashes is empty");
    const bool plain = std::all_of(field.begin(), field.end(), [](char c) {
      return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '_' || c == '+' ||
             c == '!';
    });
    if (!plain) throw fail("'" + field + "' holds a character that no such name has");
  }
  WheelName out;
  out.distribution = fields[0];
  out.version = fields[1];
  if (fields.size() == 6) {
    if (!is_digit(fields[2][0])) throw fail("its build tag does not begin with a digit");
    out.build = fields[2];
  }
  const size_t tags = fields.size() - 3;
  out.python_tag = fields[tags];
  out.abi_tag = fields[tags + 1];
  out.platform_tag = fields[tags + 2];
  return out;
}

std::string normalise_project_name(std::string_view name) {
  std::string out;
  for (const char c : lower(name)) {
    const bool separator = c == '-' || c == '_' || c == '.';
    if (!separator) {
      out += c;
    } else if (!out.ends_with('-')) {
      out += '-';
    }
  }
  return out;
}

bool same_version(std::string_view a, std::string_view b) {
  return a == b || comparable_version(a) == comparable_version(b);
}

}  // namespace eb
