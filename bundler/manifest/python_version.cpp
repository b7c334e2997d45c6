#include "bundler/manifest/python_version.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

namespace eb {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_alnum(char c) { return is_digit(c) || (c >= 'a' && c <= 'z'); }
bool is_separator(char c) { return c == '.' || c == '-' || c == '_'; }

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front()))) {
    text.remove_prefix(1);
  }
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back()))) {
    text.remove_suffix(1);
  }
  return text;
}

/// Reads a version from the left; every take_* leaves the text alone when it does not fit.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  bool done() const { return text_.empty(); }
  bool take(char c) {
    if (text_.empty() || text_.front() != c) return false;
    text_.remove_prefix(1);
    return true;
  }
  /// nullopt also for a number that no version has (more than 18 digits).
  std::optional<uint64_t> take_number() {
    size_t length = 0;
    while (length < text_.size() && is_digit(text_[length])) ++length;
    if (length == 0 || length > 18) return std::nullopt;
    uint64_t out = 0;
    for (size_t i = 0; i < length; ++i) out = out * 10 + static_cast<uint64_t>(text_[i] - '0');
    text_.remove_prefix(length);
    return out;
  }
  /// One of `words` after an optional separator, then an optional separator and number (0).
  template <size_t N>
  std::optional<std::pair<size_t, uint64_t>> take_label(
      const std::array<std::pair<std::string_view, size_t>, N>& words) {
    std::string_view rest = text_;
    if (!rest.empty() && is_separator(rest.front())) rest.remove_prefix(1);
    for (const auto& [word, meaning] : words) {
      if (!rest.starts_with(word)) continue;
      text_ = rest.substr(word.size());
      const std::string_view before_separator = text_;
      if (!text_.empty() && is_separator(text_.front())) text_.remove_prefix(1);
      const auto number = take_number();
      if (!number) text_ = before_separator;
      return std::pair{meaning, number.value_or(0)};
    }
    return std::nullopt;
  }
  std::string_view rest() const { return text_; }
  void restore(std::string_view text) { text_ = text; }

 private:
  std::string_view text_;
};

// Longer words first: "alpha" begins with "a".
constexpr std::array<std::pair<std::string_view, size_t>, 8> kPreWords = {{{"alpha", 0},
                                                                           {"beta", 1},
                                                                           {"preview", 2},
                                                                           {"pre", 2},
                                                                           {"rc", 2},
                                                                           {"a", 0},
                                                                           {"b", 1},
                                                                           {"c", 2}}};
constexpr std::array<std::pair<std::string_view, size_t>, 3> kPostWords = {
    {{"post", 0}, {"rev", 0}, {"r", 0}}};
constexpr std::array<std::pair<std::string_view, size_t>, 1> kDevWords = {{{"dev", 0}}};

/// Trailing zeros of a release do not count: 2.8 == 2.8.0.
std::strong_ordering compare_release(const std::vector<uint64_t>& a,
                                     const std::vector<uint64_t>& b) {
  for (size_t i = 0; i < std::max(a.size(), b.size()); ++i) {
    const uint64_t x = i < a.size() ? a[i] : 0;
    const uint64_t y = i < b.size() ? b[i] : 0;
    if (x != y) return x <=> y;
  }
  return std::strong_ordering::equal;
}

/// Local parts: number against number, text against text, a number is above a text, longer is
/// above.
std::strong_ordering compare_local(std::string_view a, std::string_view b) {
  while (true) {
    if (a.empty() || b.empty()) return !a.empty() <=> !b.empty();
    const std::string_view x = a.substr(0, a.find('.'));
    const std::string_view y = b.substr(0, b.find('.'));
    const bool x_number = std::all_of(x.begin(), x.end(), is_digit);
    const bool y_number = std::all_of(y.begin(), y.end(), is_digit);
    if (x_number != y_number) return x_number <=> y_number;
    if (x_number) {
      const auto first_x = x.substr(std::min(x.find_first_not_of('0'), x.size()));
      const auto first_y = y.substr(std::min(y.find_first_not_of('0'), y.size()));
      if (first_x.size() != first_y.size()) return first_x.size() <=> first_y.size();
      if (first_x != first_y) return first_x <=> first_y;
    } else if (x != y) {
      return x <=> y;
    }
    a.remove_prefix(std::min(a.size(), x.size() + 1));
    b.remove_prefix(std::min(b.size(), y.size() + 1));
  }
}

}  // namespace

std::optional<PythonVersion> PythonVersion::parse(std::string_view text) {
  std::string lower;
  for (const char c : trimmed(text)) {
    lower += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  Scanner in(lower);
  PythonVersion out;
  in.take('v');
  auto number = in.take_number();
  if (number && in.take('!')) {
    out.epoch_ = *number;
    number = in.take_number();
  }
  if (!number) return std::nullopt;
  out.release_.push_back(*number);
  while (true) {
    const std::string_view before = in.rest();
    if (!in.take('.')) break;
    number = in.take_number();
    if (!number) {
      in.restore(before);
      break;
    }
    out.release_.push_back(*number);
  }
  if (const auto pre = in.take_label(kPreWords)) {
    out.pre_ = Pre{static_cast<int>(pre->first), pre->second};
  }
  if (const auto post = in.take_label(kPostWords)) {
    out.post_ = post->second;
  } else if (in.take('-')) {  // 1.0-1 is 1.0.post1
    out.post_ = in.take_number();
    if (!out.post_) return std::nullopt;
  }
  if (const auto dev = in.take_label(kDevWords)) out.dev_ = dev->second;
  if (in.take('+')) {
    bool wants_part = true;
    for (const char c : in.rest()) {
      if (is_separator(c) ? wants_part : !is_alnum(c)) return std::nullopt;
      wants_part = is_separator(c);
      out.local_ += wants_part ? '.' : c;
    }
    if (wants_part) return std::nullopt;
    return out;
  }
  if (!in.done()) return std::nullopt;
  return out;
}

PythonVersion PythonVersion::public_part() const {
  PythonVersion out = *this;
  out.local_.clear();
  return out;
}

PythonVersion PythonVersion::base_part() const {
  PythonVersion out;
  out.epoch_ = epoch_;
  out.release_ = release_;
  return out;
}

std::strong_ordering PythonVersion::operator<=>(const PythonVersion& other) const {
  if (epoch_ != other.epoch_) return epoch_ <=> other.epoch_;
  // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 takes the rewritten "!= 0" for a pointer
  if (const auto order = compare_release(release_, other.release_); order != 0) return order;
  // 1.dev0 < 1a0 < 1rc0 < 1 < 1.post0: what is absent stands before or after what is present.
  const auto pre_rank = [](const PythonVersion& v) {
    if (v.pre_) return 1;
    return !v.post_ && v.dev_ ? 0 : 2;
  };
  if (pre_rank(*this) != pre_rank(other)) return pre_rank(*this) <=> pre_rank(other);
  if (pre_ && *pre_ != *other.pre_) return *pre_ <=> *other.pre_;
  if (post_ != other.post_) return post_ <=> other.post_;  // absent first
  if (dev_ != other.dev_) {
    if (!dev_ || !other.dev_)
      return dev_.has_value() ? std::strong_ordering::less : std::strong_ordering::greater;
    return *dev_ <=> *other.dev_;
  }
  return compare_local(local_, other.local_);
}

std::optional<VersionSpecifier::Clause> VersionSpecifier::parse_clause(std::string_view text) {
  constexpr std::array<std::pair<std::string_view, Operator>, 8> kOperators = {{
      {"===", Operator::kArbitrary},
      {"~=", Operator::kCompatible},
      {"==", Operator::kEqual},
      {"!=", Operator::kNotEqual},
      {"<=", Operator::kLessEqual},
      {">=", Operator::kGreaterEqual},
      {"<", Operator::kLess},
      {">", Operator::kGreater},
  }};
  text = trimmed(text);
  for (const auto& [sign, op] : kOperators) {
    if (!text.starts_with(sign)) continue;
    std::string_view rest = trimmed(text.substr(sign.size()));
    Clause out;
    out.op = op;
    if (rest.ends_with(".*")) {
      if (op != Operator::kEqual && op != Operator::kNotEqual) return std::nullopt;
      out.prefix = true;
      rest.remove_suffix(2);
    }
    const auto version = PythonVersion::parse(rest);
    if (!version) return std::nullopt;
    out.version = *version;
    if (op == Operator::kCompatible && version->release().size() < 2) return std::nullopt;
    return out;
  }
  return std::nullopt;
}

std::optional<VersionSpecifier> VersionSpecifier::parse(std::string_view text) {
  VersionSpecifier out;
  while (!trimmed(text).empty()) {
    const size_t comma = std::min(text.find(','), text.size());
    const auto clause = parse_clause(text.substr(0, comma));
    if (!clause) return std::nullopt;
    out.clauses_.push_back(*clause);
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return out;
}

bool VersionSpecifier::holds(const Clause& clause, const PythonVersion& version) {
  const PythonVersion& wanted = clause.version;
  // Without a local part in the clause, that of the candidate does not count.
  const PythonVersion seen = wanted.local().empty() ? version.public_part() : version;
  const auto has_prefix = [&](size_t parts) {
    if (seen.epoch() != wanted.epoch()) return false;
    for (size_t i = 0; i < parts; ++i) {
      const uint64_t part = i < seen.release().size() ? seen.release()[i] : 0;
      if (part != wanted.release()[i]) return false;
    }
    return true;
  };
  switch (clause.op) {
    case Operator::kCompatible:
      return seen >= wanted && has_prefix(wanted.release().size() - 1);
    case Operator::kEqual:
      return clause.prefix ? has_prefix(wanted.release().size()) : seen == wanted;
    case Operator::kNotEqual:
      return !(clause.prefix ? has_prefix(wanted.release().size()) : seen == wanted);
    case Operator::kLessEqual:
      return version.public_part() <= wanted;
    case Operator::kGreaterEqual:
      return version.public_part() >= wanted;
    case Operator::kLess:
      // <3.1 does not let in 3.1rc1.
      return seen < wanted && (wanted.is_prerelease() || !seen.is_prerelease() ||
                               seen.base_part() != wanted.base_part());
    case Operator::kGreater:
      // >3.1 lets in neither 3.1.post1 nor 3.1+local.
      return version.public_part() > wanted && (wanted.is_postrelease() || !seen.is_postrelease() ||
                                                seen.base_part() != wanted.base_part());
    case Operator::kArbitrary:
      return version == wanted;
  }
  return false;
}

bool VersionSpecifier::contains(const PythonVersion& version) const {
  return std::all_of(clauses_.begin(), clauses_.end(),
                     [&](const Clause& clause) { return holds(clause, version); });
}

std::optional<PythonVersion> VersionSpecifier::exact() const {
  if (clauses_.size() != 1 || clauses_[0].prefix) return std::nullopt;
  if (clauses_[0].op != Operator::kEqual && clauses_[0].op != Operator::kArbitrary) {
    return std::nullopt;
  }
  return clauses_[0].version;
}

VersionSpecifier VersionSpecifier::without_local() const {
  VersionSpecifier out = *this;
  for (auto& clause : out.clauses_) clause.version = clause.version.public_part();
  return out;
}

}  // namespace eb
