#include "bundler/manifest/toml_value.hpp"

// With assertions, toml++ ends the program at texts that are merely wrong ("[[[[", a NUL after a
// date); without them it tells the compiler that those cannot come, which is undefined behaviour.
// After each it has a check of its own, with a good message: so neither.
#undef NDEBUG
#define TOML_ASSERT(condition) static_cast<void>(0)
#include <toml++/toml.h>

#include <algorithm>
#include <cstdio>
#include <sstream>
#include <string>
#include <utility>

#include "installer/base/utf8.hpp"

namespace eb {
namespace {

constexpr size_t kMaxBytes = size_t{64} << 20;
constexpr size_t kMaxKeyDots = 15;  // the deepest key of any format that is read here has three

std::string place(const std::string& file, uint32_t line, uint32_t column) {
  return file + ", line " + std::to_string(line) + ", column " + std::to_string(column);
}

template <typename T>
std::string printed(const T& value) {
  std::ostringstream out;
  out << value;
  return out.str();
}

/// Where the string that begins at `at` ends, as far as it is one; a parser says what is wrong in
/// it.
size_t end_of_string(std::string_view text, size_t at) {
  const char quote = text[at];
  const bool multi_line = text.substr(at, 3) == std::string(3, quote);
  const std::string_view mark = text.substr(at, multi_line ? 3 : 1);
  for (at += mark.size(); at < text.size(); ++at) {
    if (text.substr(at, mark.size()) == mark) {
      at += mark.size();
      // Up to two quotes before the mark are still of the string: """"x"""""
      for (int i = 0; multi_line && i < 2 && at < text.size() && text[at] == quote; ++i) ++at;
      return at;
    }
    if (!multi_line && text[at] == '\n') return at;
    if (quote == '"' && text[at] == '\\') ++at;
  }
  return text.size();
}

/// toml++ bounds how deep values are nested, but not how many parts a.key.with.dots has, each of
/// which is a table in a table: a hundred thousand overflow its stack and ours. Outside of strings
/// and comments a dot stands in keys, and at most once in a number or time.
void check_dotted_keys(std::string_view text, const std::string& file) {
  uint32_t line = 1;
  size_t dots = 0;
  for (size_t at = 0; at < text.size();) {
    const char c = text[at];
    size_t next = at + 1;
    if (c == '#') next = std::min(text.find('\n', at), text.size());
    if (c == '"' || c == '\'') next = end_of_string(text, at);
    if (std::string_view("=,[]{}\n").find(c) != std::string_view::npos) dots = 0;
    if (c == '.' && ++dots > kMaxKeyDots) {
      throw Error(ExitCode::kInvalidLock, "not a TOML file that is meant for this")
          .where(file + ", line " + std::to_string(line))
          .why("a key has more than " + std::to_string(kMaxKeyDots + 1) + " parts");
    }
    const std::string_view passed = text.substr(at, next - at);
    line += static_cast<uint32_t>(std::count(passed.begin(), passed.end(), '\n'));
    at = next;
  }
}

TomlValue convert(const toml::node& node) {
  TomlValue out;
  out.line = node.source().begin.line;
  out.column = node.source().begin.column;
  if (const auto* table = node.as_table()) {
    out.type = TomlValue::Type::kTable;
    for (const auto& [key, child] : *table) {
      TomlValue field = convert(child);
      if (key.source().begin) {  // an implicit table has no text of its own
        field.line = key.source().begin.line;
        field.column = key.source().begin.column;
      }
      out.fields.push_back({std::string(key.str()), std::move(field)});
    }
    std::sort(out.fields.begin(), out.fields.end(),
              [](const auto& a, const auto& b) { return a.key < b.key; });
  } else if (const auto* array = node.as_array()) {
    out.type = TomlValue::Type::kArray;
    for (const auto& child : *array) out.items.push_back(convert(child));
  } else if (const auto* text = node.as_string()) {
    out.type = TomlValue::Type::kString;
    out.text = text->get();
  } else if (const auto* integer = node.as_integer()) {
    out.type = TomlValue::Type::kInteger;
    out.integer = integer->get();
  } else if (const auto* boolean = node.as_boolean()) {
    out.type = TomlValue::Type::kBoolean;
    out.boolean = boolean->get();
  } else if (const auto* real = node.as_floating_point()) {
    out.type = TomlValue::Type::kFloat;
    out.text = printed(real->get());
  } else {
    out.type = TomlValue::Type::kDateTime;
    if (const auto* date_time = node.as_date_time()) out.text = printed(date_time->get());
    if (const auto* date = node.as_date()) out.text = printed(date->get());
    if (const auto* time = node.as_time()) out.text = printed(time->get());
  }
  return out;
}

}  // namespace

const TomlValue* TomlValue::find(std::string_view key) const {
  for (const auto& [name, value] : fields) {
    if (name == key) return &value;
  }
  return nullptr;
}

std::string_view to_string(TomlValue::Type type) {
  switch (type) {
    case TomlValue::Type::kString:
      return "a string";
    case TomlValue::Type::kInteger:
      return "an integer";
    case TomlValue::Type::kFloat:
      return "a floating-point number";
    case TomlValue::Type::kBoolean:
      return "a boolean";
    case TomlValue::Type::kDateTime:
      return "a date or time";
    case TomlValue::Type::kArray:
      return "an array";
    case TomlValue::Type::kTable:
      return "a table";
  }
  return "a value";
}

TomlValue parse_toml(std::string_view text, const std::string& file) {
  if (text.size() > kMaxBytes) {
    throw Error(ExitCode::kInvalidLock, "file too large for a manifest or lock")
        .where(file)
        .why("it has " + std::to_string(text.size()) + " bytes, at most " +
             std::to_string(kMaxBytes) + " are read");
  }
  check_dotted_keys(text, file);
  try {
    return convert(toml::parse(text));
  } catch (const toml::parse_error& error) {
    const auto& begin = error.source().begin;
    throw Error(ExitCode::kInvalidLock, "not a TOML file")
        .where(place(file, begin.line, begin.column))
        .why(std::string(error.description()));
  }
}

std::string toml_string(std::string_view text) {
  std::string out = "\"";
  for (size_t i = 0; i < text.size();) {
    const size_t length = utf8_sequence_length(text.substr(i));
    const auto c = static_cast<unsigned char>(text[i]);
    if (length > 1) {
      out += text.substr(i, length);
    } else if (length == 0) {
      out += "\\uFFFD";  // a TOML file is UTF-8 throughout
    } else if (c == '"' || c == '\\') {
      out += '\\';
      out += text[i];
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (c < 0x20 || c == 0x7f) {
      char buffer[8];
      std::snprintf(buffer, sizeof buffer, "\\u%04X", c);
      out += buffer;
    } else {
      out += text[i];
    }
    i += std::max<size_t>(length, 1);
  }
  return out + "\"";
}

Error toml_error(const std::string& file, const TomlValue& at, std::string what) {
  return Error(ExitCode::kInvalidLock, std::move(what)).where(place(file, at.line, at.column));
}

}  // namespace eb
