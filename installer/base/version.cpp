#include "installer/base/version.hpp"

#include <charconv>

namespace eb {

std::optional<DottedVersion> DottedVersion::parse(std::string_view text) {
  DottedVersion out;
  while (true) {
    int value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || text.empty() || text.front() == '-') return std::nullopt;
    out.parts_.push_back(value);
    text.remove_prefix(static_cast<size_t>(end - text.data()));
    if (text.empty()) return out;
    if (text.front() != '.') return std::nullopt;
    text.remove_prefix(1);
  }
}

std::optional<DottedVersion> DottedVersion::parse_prefix(std::string_view text) {
  size_t end = 0;
  while (end < text.size() && ((text[end] >= '0' && text[end] <= '9') || text[end] == '.')) ++end;
  while (end > 0 && text[end - 1] == '.') --end;
  return parse(text.substr(0, end));
}

std::string DottedVersion::str() const {
  std::string out;
  for (const int part : parts_) {
    if (!out.empty()) out += '.';
    out += std::to_string(part);
  }
  return out;
}

std::strong_ordering DottedVersion::operator<=>(const DottedVersion& other) const {
  for (size_t i = 0; i < std::max(parts_.size(), other.parts_.size()); ++i) {
    const int a = i < parts_.size() ? parts_[i] : 0;
    const int b = i < other.parts_.size() ? other.parts_[i] : 0;
    if (a != b) return a <=> b;
  }
  return std::strong_ordering::equal;
}

}  // namespace eb
