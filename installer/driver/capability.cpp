#include "installer/driver/capability.hpp"

#include <algorithm>

namespace eb {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

std::optional<Capability> Capability::parse(std::string_view text) {
  Capability out;
  if (!text.empty() && (text.back() == 'a' || text.back() == 'f')) {
    out.suffix = text.back();
    text.remove_suffix(1);
  }
  const size_t dot = text.find('.');
  if ((dot != 1 && dot != 2) || text.size() != dot + 2 || !is_digit(text[dot + 1])) {
    return std::nullopt;
  }
  for (size_t i = 0; i < dot; ++i) {
    if (!is_digit(text[i])) return std::nullopt;
    out.major = out.major * 10 + (text[i] - '0');
  }
  out.minor = text[dot + 1] - '0';
  return out;
}

std::string Capability::str() const {
  std::string out = std::to_string(major) + "." + std::to_string(minor);
  if (suffix != '\0') out += suffix;
  return out;
}

std::optional<std::vector<Capability>> parse_capabilities(std::string_view text) {
  std::vector<Capability> out;
  while (!text.empty()) {
    if (text.front() == ' ') {
      text.remove_prefix(1);
      continue;
    }
    const std::string_view word = text.substr(0, text.find(' '));
    const auto capability = Capability::parse(word);
    if (!capability) return std::nullopt;
    out.push_back(*capability);
    text.remove_prefix(word.size());
  }
  return out;
}

std::string capabilities_text(const std::vector<Capability>& capabilities) {
  std::string out;
  for (const Capability& capability : capabilities) {
    if (!out.empty()) out += ' ';
    out += capability.str();
  }
  return out;
}

bool code_runs_on(const Capability& code, const Capability& gpu) {
  if (code.suffix != '\0') return code.major == gpu.major && code.minor == gpu.minor;
  return code.major == gpu.major && code.minor <= gpu.minor;
}

bool ptx_runs_on(const Capability& ptx, const Capability& gpu) {
  if (ptx.suffix != '\0') return ptx.major == gpu.major && ptx.minor == gpu.minor;
  return ptx.major < gpu.major || (ptx.major == gpu.major && ptx.minor <= gpu.minor);
}

}  // namespace eb
