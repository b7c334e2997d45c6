#include "installer/format/trust.hpp"

#include <algorithm>
#include <array>
#include <ctime>

#include "installer/base/error.hpp"

namespace eb {
namespace {

// Key types of OpenSSH that stand in such files and that a bundle is never signed with.
constexpr std::array<std::string_view, 7> kOtherKeyTypes = {
    "ssh-rsa",
    "ssh-dss",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
    "ssh-xmss@openssh.com",
};

bool is_other_key_type(std::string_view word) {
  return std::ranges::find(kOtherKeyTypes, word) != kOtherKeyTypes.end() ||
         word.find("-cert-v01@openssh.com") != std::string_view::npos;
}

bool is_key_type(std::string_view word) {
  return word == "ssh-ed25519" || word == "ecdsa-sha2-nistp256" || is_other_key_type(word);
}

/// One line while it is read.
class LineParser {
 public:
  LineParser(std::string_view line, std::string where) : rest_(line), where_(std::move(where)) {}

  [[noreturn]] void refuse(std::string why) const {
    throw Error(ExitCode::kUntrusted, "the list of trusted signers is malformed")
        .where(where_)
        .why(std::move(why))
        .hint("ssh-keygen(1) describes the file under ALLOWED SIGNERS");
  }

  void skip_blanks() {
    rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t"), rest_.size()));
  }

  // Up to the next blank outside of quotes; the quotes stay. One that is not closed takes all that
  // is left, which is then no list of principals, no value of an option and no type of a key.
  std::string_view word() {
    skip_blanks();
    bool quoted = false;
    size_t end = 0;
    for (; end < rest_.size(); ++end) {
      const char c = rest_[end];
      if (c == '\\' && end + 1 < rest_.size() && rest_[end + 1] == '"') {
        ++end;
      } else if (c == '"') {
        quoted = !quoted;
      } else if (!quoted && (c == ' ' || c == '\t')) {
        break;
      }
    }
    const std::string_view out = rest_.substr(0, end);
    rest_.remove_prefix(end);
    return out;
  }

  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
  std::string where_;
};

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::ranges::equal(a, b, {}, lower, lower);
}

bool is_leap_year(int year) { return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0; }

struct Options {
  std::optional<std::string> namespaces;
  std::optional<int64_t> valid_after;
  std::optional<int64_t> valid_before;
  bool certificate_authority = false;
};

/// The options of a line: NAME or NAME="VALUE", separated by commas.
class OptionParser {
 public:
  OptionParser(std::string_view text, const LineParser& line) : rest_(text), line_(line) {}

  Options parse() {
    Options out;
    while (true) {
      const std::string_view name = rest_.substr(0, rest_.find_first_of("=,\""));
      rest_.remove_prefix(name.size());
      if (equal_ignoring_case(name, "cert-authority")) {
        out.certificate_authority = true;
      } else if (equal_ignoring_case(name, "namespaces")) {
        set(out.namespaces, name, value(name));
      } else if (equal_ignoring_case(name, "valid-after")) {
        set(out.valid_after, name, time(name));
      } else if (equal_ignoring_case(name, "valid-before")) {
        set(out.valid_before, name, time(name));
      } else {
        line_.refuse("'" + std::string(name.substr(0, 60)) +
                     "' is neither a key type nor an option");
      }
      if (rest_.empty()) break;
      if (rest_.front() != ',') line_.refuse("options must be separated by commas");
      rest_.remove_prefix(1);
    }
    if (out.valid_after && out.valid_before && *out.valid_before <= *out.valid_after) {
      line_.refuse("valid-before is not later than valid-after");
    }
    return out;
  }

 private:
  template <typename T>
  void set(std::optional<T>& field, std::string_view name, T value) {
    if (field) line_.refuse("option " + std::string(name) + " stands twice");
    field = std::move(value);
  }

  std::string value(std::string_view name) {
    if (!rest_.starts_with("=\"")) {
      line_.refuse("option " + std::string(name) + " needs a value in quotation marks");
    }
    rest_.remove_prefix(2);
    std::string out;
    while (!rest_.empty() && rest_.front() != '"') {
      if (rest_.starts_with("\\\"")) rest_.remove_prefix(1);
      out += rest_.front();
      rest_.remove_prefix(1);
    }
    if (rest_.empty()) line_.refuse("a quotation mark is not closed");
    rest_.remove_prefix(1);
    return out;
  }

  int64_t time(std::string_view name) {
    const std::string text = value(name);
    const auto seconds = parse_signer_time(text);
    if (!seconds) {
      line_.refuse("option " + std::string(name) + " has '" + text.substr(0, 60) +
                   "'; a time is YYYYMMDD[HHMM[SS]][Z]");
    }
    return *seconds;
  }

  std::string_view rest_;
  const LineParser& line_;
};

// The principals, without the quotation marks that may stand around the whole list.
std::string parse_principals(LineParser& line) {
  std::string_view word = line.word();
  if (word.size() >= 2 && word.front() == '"' && word.back() == '"') {
    word = word.substr(1, word.size() - 2);
  }
  if (word.empty() || word.find('"') != std::string_view::npos) {
    line.refuse("the list of principals is not valid");
  }
  return std::string(word);
}

std::optional<AllowedSigner> parse_line(std::string_view text, const std::string& where,
                                        std::vector<std::string>* skipped) {
  LineParser line(text, where);
  const auto skip = [&](const std::string& why) {
    if (skipped != nullptr) skipped->push_back(where + ": " + why);
    return std::nullopt;
  };
  AllowedSigner signer;
  signer.principals = parse_principals(line);
  std::string_view type = line.word();
  Options options;
  if (type.empty()) line.refuse("the line ends before its key");
  if (!is_key_type(type)) {
    options = OptionParser(type, line).parse();
    type = line.word();
    if (!is_key_type(type)) {
      line.refuse(type.empty() ? "the line ends before its key"
                               : "'" + std::string(type.substr(0, 60)) + "' is not a key type");
    }
  }
  if (is_other_key_type(type)) {
    return skip("a key of type " + std::string(type) + " cannot sign a bundle");
  }
  if (options.certificate_authority) return skip("certificate authorities are not supported");
  try {
    signer.key = parse_public_key(std::string(type) + std::string(line.rest()));
  } catch (const Error& error) {
    line.refuse(error.why());
  }
  signer.namespaces = std::move(options.namespaces);
  signer.valid_after = options.valid_after;
  signer.valid_before = options.valid_before;
  return signer;
}

// One pattern with `*` and `?`. On a mismatch only the last `*` is tried again, which is enough and
// keeps the time within the product of the lengths.
bool pattern_matches(std::string_view pattern, std::string_view text) {
  size_t p = 0;
  size_t t = 0;
  size_t star = std::string_view::npos;
  size_t star_text = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      star_text = t;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t])) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++star_text;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

}  // namespace

std::optional<int64_t> parse_signer_time(std::string_view text) {
  const bool universal = text.ends_with('Z');
  if (universal) text.remove_suffix(1);
  if (text.size() != 8 && text.size() != 12 && text.size() != 14) return std::nullopt;
  if (text.find_first_not_of("0123456789") != std::string_view::npos) return std::nullopt;
  const auto number = [text](size_t at, size_t width) {
    int value = 0;
    for (const char c : at < text.size() ? text.substr(at, width) : std::string_view()) {
      value = value * 10 + (c - '0');
    }
    return value;
  };
  const int year = number(0, 4);
  const int month = number(4, 2);
  const int day = number(6, 2);
  constexpr int kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  if (year < 1970 || month < 1 || month > 12) return std::nullopt;
  const int days = kDays[month - 1] + (month == 2 && is_leap_year(year) ? 1 : 0);
  std::tm time{};
  time.tm_year = year - 1900;
  time.tm_mon = month - 1;
  time.tm_mday = day;
  time.tm_hour = number(8, 2);
  time.tm_min = number(10, 2);
  time.tm_sec = number(12, 2);
  time.tm_isdst = -1;
  if (day < 1 || day > days || time.tm_hour > 23 || time.tm_min > 59 || time.tm_sec > 59) {
    return std::nullopt;
  }
  const std::time_t seconds = universal ? timegm(&time) : std::mktime(&time);
  if (seconds < 0) return std::nullopt;
  return seconds;
}

bool pattern_list_matches(std::string_view list, std::string_view text) {
  bool matched = false;
  for (size_t begin = 0; begin <= list.size();) {
    const size_t end = std::min(list.find(',', begin), list.size());
    std::string_view pattern = list.substr(begin, end - begin);
    begin = end + 1;
    const bool negated = pattern.starts_with('!');
    if (negated) pattern.remove_prefix(1);
    if (pattern.empty() || !pattern_matches(pattern, text)) continue;
    if (negated) return false;
    matched = true;
  }
  return matched;
}

std::vector<AllowedSigner> parse_allowed_signers(std::string_view text, const std::string& name,
                                                 std::vector<std::string>* skipped) {
  std::vector<AllowedSigner> out;
  for (size_t number = 1; !text.empty(); ++number) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    const std::string where = name + ", line " + std::to_string(number);
    if (line.find('\0') != std::string_view::npos) {
      LineParser(line, where).refuse("the line holds a NUL character");
    }
    const size_t begin = line.find_first_not_of(" \t");
    if (begin == std::string_view::npos || line[begin] == '#') continue;
    if (auto signer = parse_line(line, where, skipped)) {
      signer->line = number;
      out.push_back(std::move(*signer));
    }
  }
  return out;
}

}  // namespace eb
