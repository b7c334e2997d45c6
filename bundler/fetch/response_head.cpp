#include <algorithm>
#include <charconv>

#include "bundler/fetch/exchange.hpp"

namespace eb {
namespace {

std::optional<uint64_t> number(std::string_view text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) {
    return std::nullopt;
  }
  return value;
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

bool is_name(std::string_view name, std::string_view lower_case) {
  return std::equal(
      name.begin(), name.end(), lower_case.begin(), lower_case.end(),
      [](char a, char b) { return (a >= 'A' && a <= 'Z' ? static_cast<char>(a + 32) : a) == b; });
}

// RFC 9110 §14.4: bytes FIRST-LAST/TOTAL, TOTAL may be "*".
void take_content_range(std::string_view value, ResponseHead& head) {
  head.has_range = false;
  constexpr std::string_view kUnit = "bytes ";
  if (!value.starts_with(kUnit)) return;
  value.remove_prefix(kUnit.size());
  const size_t dash = value.find('-');
  const size_t slash = value.find('/');
  if (dash == std::string_view::npos || slash == std::string_view::npos || slash < dash) return;
  const auto first = number(value.substr(0, dash));
  const auto last = number(value.substr(dash + 1, slash - dash - 1));
  const std::string_view total_text = value.substr(slash + 1);
  const auto total = number(total_text);
  if (!first || !last || *last < *first || (!total && total_text != "*")) return;
  head.has_range = true;
  head.range_first = *first;
  head.range_last = *last;
  head.range_total = total;
}

}  // namespace

std::string take_header_line(std::string_view line, ResponseHead& head) {
  if (line.ends_with('\n')) line.remove_suffix(1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  for (const char c : line) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 && byte != '\t') || byte == 0x7F) {
      return "sends control characters in a header";
    }
  }
  if (line.starts_with("HTTP/")) {
    head = {};
    const size_t space = line.find(' ');
    const std::string_view rest =
        space == std::string_view::npos ? std::string_view() : line.substr(space + 1);
    head.status = static_cast<long>(number(rest.substr(0, 3)).value_or(0));
    return {};
  }
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos) return {};
  const std::string_view name = line.substr(0, colon);
  const std::string_view value = trim(line.substr(colon + 1));
  if (is_name(name, "content-length")) {
    const auto length = number(value);
    if (!length || (head.content_length && *head.content_length != *length)) {
      return "sends a Content-Length that is no single number";
    }
    head.content_length = length;
  } else if (is_name(name, "transfer-encoding")) {
    head.is_chunked = true;
  } else if (is_name(name, "etag")) {
    head.etag = value;
  } else if (is_name(name, "content-type")) {
    head.content_type = value;
  } else if (is_name(name, "content-encoding")) {
    if (!is_name(value, "identity")) head.content_encoding = value;
  } else if (is_name(name, "location")) {
    head.locations.emplace_back(value);
  } else if (is_name(name, "content-range")) {
    take_content_range(value, head);
  }
  return {};
}

}  // namespace eb
