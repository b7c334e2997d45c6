#include "runtime/metrics/exposition.hpp"

#include <charconv>
#include <cmath>

#include "installer/base/utf8.hpp"

namespace eb::metrics {

std::string label_text(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size();) {
    const size_t length = utf8_sequence_length(text.substr(i));
    if (i + (length == 0 ? 1 : length) > Exposition::kMaxLabelBytes) break;
    const auto byte = static_cast<unsigned char>(text[i]);
    if (length == 0 || (byte < 0x20 && byte != '\n') || byte == 0x7F) {
      out += '?';
      ++i;
      continue;
    }
    if (byte == '\n') {
      out += "\\n";
    } else if (byte == '"' || byte == '\\') {
      out += '\\';
      out += text[i];
    } else {
      out += text.substr(i, length);
    }
    i += length;
  }
  return out;
}

std::string value_text(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  char buffer[32];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value);
  return {buffer, end.ptr};
}

bool Exposition::add(const Family& family, const Labels& labels, double value) {
  std::string key;
  for (const auto& [name, text] : labels) {
    key += key.empty() ? "{" : ",";
    key += name;
    key += "=\"";
    key += label_text(text);
    key += '"';
  }
  if (!key.empty()) key += '}';
  const auto [at, is_new] = block_of_.try_emplace(family.name, blocks_.size());
  if (is_new) blocks_.push_back({&family, {}, {}});
  Block& block = blocks_[at->second];
  if (!block.seen.insert(key).second) return false;
  block.lines.push_back(family.name + key + ' ' + value_text(value) + '\n');
  return true;
}

std::string Exposition::text() const {
  std::string out;
  for (const Block& block : blocks_) {
    const std::string name = block.family->name;
    out += "# HELP " + name + ' ' + block.family->help + '\n';
    out +=
        "# TYPE " + name + (block.family->type == FamilyType::kCounter ? " counter\n" : " gauge\n");
    for (const std::string& line : block.lines) out += line;
  }
  return out;
}

}  // namespace eb::metrics
