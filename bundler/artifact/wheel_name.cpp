#include "bundler/artifact/wheel_name.hpp"

#include <algorithm>
#include <cctype>
#include <initializer_list>
#include <optional>

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
bool is_letter(char c) { return c >= 'a' && c <= 'z'; }

// Without zeros in front; "" counts as 0.
std::string number(const std::string& digits) {
  const size_t first = digits.find_first_not_of('0');
  return first == std::string::npos ? "0" : digits.substr(first);
}

/// Takes a version apart from front to back; every take_… leaves the text as it was when it finds
/// nothing.
class VersionScanner {
 public:
  explicit VersionScanner(std::string_view text) : text_(text) {}

  bool at_end() const { return text_.empty(); }
  bool take(char c) {
    if (!text_.starts_with(c)) return false;
    text_.remove_prefix(1);
    return true;
  }
  std::string take_while(bool (*wanted)(char)) {
    size_t count = 0;
    while (count < text_.size() && wanted(text_[count])) ++count;
    std::string out(text_.substr(0, count));
    text_.remove_prefix(count);
    return out;
  }
  /// "[-_.]?WORD[-_.]?DIGITS?" for the first word that fits; gives `normal` and the number.
  bool take_part(std::initializer_list<std::string_view> words, std::string_view normal,
                 std::string& out) {
    const std::string_view before = text_;
    take_separator();
    for (const std::string_view word : words) {
      if (!text_.starts_with(word)) continue;
      text_.remove_prefix(word.size());
      const std::string_view after_word = text_;
      take_separator();
      const std::string digits = take_while(is_digit);
      if (digits.empty()) text_ = after_word;
      out += normal;
      out += number(digits);
      return true;
    }
    text_ = before;
    return false;
  }
  void take_separator() {
    if (!text_.empty() && is_separator(text_.front())) text_.remove_prefix(1);
  }
  static bool is_separator(char c) { return c == '-' || c == '_' || c == '.'; }

 private:
  std::string_view text_;
};

// The normal form of a version in lower case (PEP 440, appendix B); nullopt when it is none.
std::optional<std::string> normal_version(std::string_view text) {
  VersionScanner scan(text);
  scan.take('v');
  std::string epoch = "0";
  std::string first = scan.take_while(is_digit);
  if (!first.empty() && scan.take('!')) {
    epoch = number(first);
    first = scan.take_while(is_digit);
  }
  if (first.empty()) return std::nullopt;
  std::vector<std::string> release{number(first)};
  while (true) {
    VersionScanner ahead = scan;
    if (!ahead.take('.')) break;
    const std::string digits = ahead.take_while(is_digit);
    if (digits.empty()) break;
    release.push_back(number(digits));
    scan = ahead;
  }
  while (release.size() > 1 && release.back() == "0") release.pop_back();
  std::string out = epoch + "!";
  for (const std::string& part : release) out += part + ".";
  // Of words that begin alike the longer one stands first.
  scan.take_part({"alpha", "a"}, "a", out) || scan.take_part({"beta", "b"}, "b", out) ||
      scan.take_part({"preview", "pre", "rc", "c"}, "rc", out);
  VersionScanner post = scan;
  std::string digits;
  if (post.take('-')) digits = post.take_while(is_digit);
  if (!digits.empty()) {
    out += "post" + number(digits);
    scan = post;
  } else {
    scan.take_part({"post", "rev", "r"}, "post", out);
  }
  scan.take_part({"dev"}, "dev", out);
  out += '+';
  if (scan.take('+')) {
    do {
      const std::string part = scan.take_while([](char c) { return is_digit(c) || is_letter(c); });
      if (part.empty()) return std::nullopt;
      out += part + ".";
    } while (scan.take('-') || scan.take('_') || scan.take('.'));
  }
  if (!scan.at_end()) return std::nullopt;
  return out;
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
