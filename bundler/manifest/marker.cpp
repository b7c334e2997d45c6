#include "bundler/manifest/marker.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>
#include <vector>

#include "bundler/manifest/python_version.hpp"
#include "bundler/manifest/requirement.hpp"

namespace eb {

/// `or` and `and` over children, or one comparison.
struct Marker::Node {
  enum class Kind { kOr, kAnd, kComparison } kind = Kind::kComparison;
  std::vector<std::shared_ptr<const Node>> children;
  struct Operand {
    bool is_field = false;
    std::string text;
  };
  Operand left, right;
  std::string op;  ///< "==", "in", "not in" …
};

namespace {

constexpr int kMaxDepth = 64;  // parentheses; a hostile marker must not use up the stack
constexpr std::array<std::string_view, 3> kVersionFields = {"python_version", "python_full_version",
                                                            "implementation_version"};
constexpr std::array<std::string_view, 10> kStringFields = {"os_name",
                                                            "sys_platform",
                                                            "platform_machine",
                                                            "platform_python_implementation",
                                                            "platform_release",
                                                            "platform_system",
                                                            "platform_version",
                                                            "implementation_name",
                                                            "extra",
                                                            "extras"};

template <size_t N>
bool is_in(const std::array<std::string_view, N>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '.'; }

/// Recursive descent over: or := and ("or" and)*; and := term ("and" term)*; term := "(" or ")" |
/// operand op operand. A failure leaves ok() false.
class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  std::shared_ptr<const Marker::Node> parse() {
    auto out = any(0);
    skip_blanks();
    if (!text_.empty()) ok_ = false;
    return out;
  }
  bool ok() const { return ok_; }
  bool has_unknown_field() const { return unknown_; }

 private:
  using NodePtr = std::shared_ptr<const Marker::Node>;

  void skip_blanks() {
    while (!text_.empty() && std::isspace(static_cast<unsigned char>(text_.front()))) {
      text_.remove_prefix(1);
    }
  }
  bool take_word(std::string_view word) {
    skip_blanks();
    if (!text_.starts_with(word)) return false;
    if (text_.size() > word.size() && is_word(text_[word.size()])) return false;
    text_.remove_prefix(word.size());
    return true;
  }
  NodePtr chain(int depth, std::string_view word, Marker::Node::Kind kind,
                NodePtr (Parser::*next)(int)) {
    Marker::Node out;
    out.kind = kind;
    out.children.push_back((this->*next)(depth));
    while (ok_ && take_word(word)) out.children.push_back((this->*next)(depth));
    if (out.children.size() == 1) return out.children.front();
    return std::make_shared<const Marker::Node>(std::move(out));
  }
  NodePtr any(int depth) { return chain(depth, "or", Marker::Node::Kind::kOr, &Parser::all); }
  NodePtr all(int depth) { return chain(depth, "and", Marker::Node::Kind::kAnd, &Parser::term); }

  NodePtr term(int depth) {
    skip_blanks();
    if (!ok_ || depth > kMaxDepth || text_.empty()) {
      ok_ = false;
      return nullptr;
    }
    if (text_.front() == '(') {
      text_.remove_prefix(1);
      auto out = any(depth + 1);
      skip_blanks();
      if (text_.empty() || text_.front() != ')') {
        ok_ = false;
        return nullptr;
      }
      text_.remove_prefix(1);
      return out;
    }
    Marker::Node out;
    out.left = operand();
    out.op = comparison();
    out.right = operand();
    // Two literals or two fields say nothing about the target.
    if (out.left.is_field == out.right.is_field) ok_ = false;
    return std::make_shared<const Marker::Node>(std::move(out));
  }

  Marker::Node::Operand operand() {
    skip_blanks();
    Marker::Node::Operand out;
    if (text_.empty()) {
      ok_ = false;
    } else if (text_.front() == '"' || text_.front() == '\'') {
      const size_t end = text_.find(text_.front(), 1);
      if (end == std::string_view::npos) {
        ok_ = false;
        return out;
      }
      out.text = text_.substr(1, end - 1);
      text_.remove_prefix(end + 1);
    } else {
      size_t length = 0;
      while (length < text_.size() && is_word(text_[length])) ++length;
      out.is_field = true;
      out.text = text_.substr(0, length);
      text_.remove_prefix(length);
      if (length == 0) ok_ = false;
      // Old spellings of setuptools' time.
      if (out.text == "os.name") out.text = "os_name";
      if (out.text == "sys.platform") out.text = "sys_platform";
      if (out.text == "platform.machine") out.text = "platform_machine";
      if (out.text == "platform.version") out.text = "platform_version";
      if (out.text == "python_implementation" || out.text == "platform.python_implementation") {
        out.text = "platform_python_implementation";
      }
      if (!is_in(kVersionFields, out.text) && !is_in(kStringFields, out.text) &&
          out.text != "dependency_groups") {
        unknown_ = true;
      }
    }
    return out;
  }

  std::string comparison() {
    skip_blanks();
    for (const char* op : {"===", "==", "!=", "~=", "<=", ">=", "<", ">"}) {
      if (text_.starts_with(op)) {
        text_.remove_prefix(std::string_view(op).size());
        return op;
      }
    }
    if (take_word("in")) return "in";
    if (take_word("not") && take_word("in")) return "not in";
    ok_ = false;
    return {};
  }

  std::string_view text_;
  bool ok_ = true;
  bool unknown_ = false;
};

std::string flipped(const std::string& op) {
  if (op == "<") return ">";
  if (op == ">") return "<";
  if (op == "<=") return ">=";
  if (op == ">=") return "<=";
  return op;
}

bool compare_strings(std::string_view left, const std::string& op, std::string_view right) {
  if (op == "in") return right.find(left) != std::string_view::npos;
  if (op == "not in") return right.find(left) == std::string_view::npos;
  if (op == "!=") return left != right;
  if (op == "<" || op == ">" || op == "~=") return false;
  return left == right;  // ==, ===, <=, >=
}

bool compare_versions(std::string_view field, const std::string& op, std::string_view literal) {
  const auto version = PythonVersion::parse(field);
  const auto specifier = VersionSpecifier::parse(op + std::string(literal));
  if (!version || !specifier) return compare_strings(field, op, literal);
  return specifier->contains(*version);
}

bool evaluate(const Marker::Node& node, const MarkerEnvironment& environment,
              std::string_view extra) {
  const auto child_holds = [&](const auto& child) { return evaluate(*child, environment, extra); };
  if (node.kind == Marker::Node::Kind::kOr) {
    return std::any_of(node.children.begin(), node.children.end(), child_holds);
  }
  if (node.kind == Marker::Node::Kind::kAnd) {
    return std::all_of(node.children.begin(), node.children.end(), child_holds);
  }
  const bool field_left = node.left.is_field;
  const std::string& field = field_left ? node.left.text : node.right.text;
  const std::string& literal = field_left ? node.right.text : node.left.text;
  if (field == "extras" || field == "dependency_groups") {
    const auto& names = field == "extras" ? environment.extras : environment.dependency_groups;
    const bool is_member = names.count(normalise_name(literal)) != 0;
    if (field_left || (node.op != "in" && node.op != "not in")) return false;
    return is_member == (node.op == "in");
  }
  if (field == "extra") {
    const bool same = normalise_name(literal) == normalise_name(extra);
    return node.op == "!=" ? !same : same;
  }
  const auto found = environment.values.find(field);
  const std::string value = found == environment.values.end() ? "" : found->second;
  if (node.op == "in" || node.op == "not in") {
    return field_left ? compare_strings(value, node.op, literal)
                      : compare_strings(literal, node.op, value);
  }
  if (is_in(kVersionFields, field)) {
    return compare_versions(value, field_left ? node.op : flipped(node.op), literal);
  }
  return compare_strings(value, node.op, literal);
}

}  // namespace

std::optional<Marker> Marker::parse(std::string_view text) {
  Parser parser(text);
  Marker out;
  out.root_ = parser.parse();
  out.has_unknown_field_ = parser.has_unknown_field();
  if (!parser.ok()) return std::nullopt;
  return out;
}

bool Marker::holds(const MarkerEnvironment& environment, std::string_view extra) const {
  return !has_unknown_field_ && evaluate(*root_, environment, extra);
}

MarkerEnvironment target_environment(std::string_view platform, std::string_view python) {
  const std::string full(python);
  const size_t first = full.find('.');
  const std::string minor = full.substr(0, std::min(full.find('.', first + 1), full.size()));
  const std::string machine(platform.substr(platform.find('-') + 1));
  MarkerEnvironment out;
  out.values = {
      {"os_name", "posix"},
      {"sys_platform", "linux"},
      {"platform_machine", machine},
      {"platform_python_implementation", "CPython"},
      {"platform_release", ""},
      {"platform_system", "Linux"},
      {"platform_version", ""},
      {"python_version", minor},
      {"python_full_version", full},
      {"implementation_name", "cpython"},
      {"implementation_version", full},
  };
  return out;
}

}  // namespace eb
