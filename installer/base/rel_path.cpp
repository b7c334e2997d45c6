#include "installer/base/rel_path.hpp"

#include <algorithm>

#include "installer/base/error.hpp"
#include "installer/base/utf8.hpp"

namespace eb {

std::optional<std::string> RelPath::problem(std::string_view text) {
  if (text.empty()) return "the path is empty";
  if (text.front() == '/') return "the path is absolute";
  if (text.size() > kMaxBytes) {
    return "the path is longer than " + std::to_string(kMaxBytes) + " bytes";
  }
  if (!is_utf8(text)) return "the path is not UTF-8";
  if (printable(text) != text) return "the path holds a control character";
  size_t depth = 0;
  size_t begin = 0;
  while (begin <= text.size()) {
    const size_t end = std::min(text.find('/', begin), text.size());
    const std::string_view component = text.substr(begin, end - begin);
    if (component.empty()) return "the path has an empty component";
    if (component == ".") return "the path has a '.' component";
    if (component == "..") return "the path has a '..' component";
    if (component.size() > kMaxComponentBytes) {
      return "a component is longer than " + std::to_string(kMaxComponentBytes) + " bytes";
    }
    if (++depth > kMaxDepth) {
      return "the path is deeper than " + std::to_string(kMaxDepth) + " components";
    }
    begin = end + 1;
  }
  return std::nullopt;
}

std::optional<RelPath> RelPath::parse(std::string_view text) {
  if (problem(text)) return std::nullopt;
  RelPath path;
  path.text_ = text;
  return path;
}

RelPath::RelPath(std::string_view text) : text_(text) {
  if (const auto why = problem(text)) {
    throw Error(ExitCode::kInternal, "the program made an invalid path")
        .where(std::string(text))
        .why(*why);
  }
}

std::string_view RelPath::name() const noexcept {
  const size_t slash = text_.rfind('/');
  return std::string_view(text_).substr(slash == std::string::npos ? 0 : slash + 1);
}

std::string_view RelPath::parent() const noexcept {
  const size_t slash = text_.rfind('/');
  return std::string_view(text_).substr(0, slash == std::string::npos ? 0 : slash);
}

bool RelPath::is_below(std::string_view directory) const noexcept {
  return text_.size() > directory.size() + 1 && text_.starts_with(directory) &&
         text_[directory.size()] == '/';
}

std::optional<RelPath> resolve_link(const RelPath& link, std::string_view target) {
  if (target.empty() || target.front() == '/') return std::nullopt;
  std::string joined(link.parent());
  for (size_t begin = 0; begin <= target.size();) {
    const size_t end = std::min(target.find('/', begin), target.size());
    const std::string_view component = target.substr(begin, end - begin);
    if (component == "..") {
      if (joined.empty()) return std::nullopt;
      const size_t slash = joined.rfind('/');
      joined.resize(slash == std::string::npos ? 0 : slash);
    } else if (!component.empty() && component != ".") {
      if (!joined.empty()) joined += '/';
      joined += component;
    }
    begin = end + 1;
  }
  return RelPath::parse(joined);
}

}  // namespace eb
