#include "bundler/lock/core_metadata.hpp"

#include <algorithm>
#include <cctype>

namespace eb {
namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

std::string trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t\r");
  if (begin == std::string_view::npos) return {};
  return std::string(text.substr(begin, text.find_last_not_of(" \t\r") - begin + 1));
}

}  // namespace

CoreMetadata::CoreMetadata(std::string_view text) {
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    // The description follows. A line of blanks alone still belongs to the field above.
    if (line.empty() || line == "\r") return;
    if (line.front() == ' ' || line.front() == '\t') {
      if (!fields_.empty()) fields_.back().second += "\n" + trimmed(line);
      continue;
    }
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    fields_.emplace_back(lower(line.substr(0, colon)), trimmed(line.substr(colon + 1)));
  }
}

std::string CoreMetadata::field(std::string_view name) const {
  const auto all = fields(name);
  return all.empty() ? "" : all.front();
}

std::vector<std::string> CoreMetadata::fields(std::string_view name) const {
  std::vector<std::string> out;
  const std::string wanted = lower(name);
  for (const auto& [field_name, value] : fields_) {
    if (field_name == wanted) out.push_back(value);
  }
  return out;
}

std::string CoreMetadata::licence() const {
  if (std::string expression = field("License-Expression"); !expression.empty()) {
    return expression;
  }
  // Some put the whole text of their licence here; its first line may be the licence's name.
  constexpr size_t kMaxLicence = 120;
  constexpr size_t kMaxTitle = 40;
  std::string text = field("License");
  std::string first = text.substr(0, text.find('\n'));
  if (first == text) {
    if (!text.empty() && text.size() <= kMaxLicence && lower(text) != "unknown" &&
        lower(text) != "none") {
      return text;
    }
  } else if (first.size() <= kMaxTitle && lower(first).ends_with("license")) {
    return first;
  }
  std::string out;
  for (const auto& classifier : fields("Classifier")) {
    if (!classifier.starts_with("License ::")) continue;
    const std::string last = trimmed(classifier.substr(classifier.rfind("::") + 2));
    if (last == "OSI Approved") continue;  // says nothing by itself
    out += (out.empty() ? "" : " AND ") + last;
  }
  return out;
}

}  // namespace eb
