#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "installer/base/error.hpp"

namespace eb {

struct TomlField;

/// A value of a TOML document (toml.io, v1.0.0) with its place in the text. Our own type, so that
/// one source file alone knows the parser.
struct TomlValue {
  enum class Type { kString, kInteger, kFloat, kBoolean, kDateTime, kArray, kTable };

  Type type = Type::kTable;
  std::string text;  ///< kString; kDateTime as RFC 3339; kFloat as printed
  int64_t integer = 0;
  bool boolean = false;
  std::vector<TomlValue> items;   ///< kArray
  std::vector<TomlField> fields;  ///< kTable, sorted by key
  uint32_t line = 0;              ///< of the key for a field, else of the value
  uint32_t column = 0;            ///< both count from 1

  const TomlValue* find(std::string_view key) const;
};

struct TomlField {
  std::string key;
  TomlValue value;
};

/// What a message calls the type: "a string", "an array" …
std::string_view to_string(TomlValue::Type type);

/// Throws Error(kInvalidLock) with line and column on anything that is not TOML, and on more than
/// 64 MiB.
TomlValue parse_toml(std::string_view text, const std::string& file);

/// A TOML basic string, quotes included: what the writer of a lock or a test needs.
std::string toml_string(std::string_view text);

/// Error(kInvalidLock) at a place in `file`: "FILE, line L, column C".
Error toml_error(const std::string& file, const TomlValue& at, std::string what);

}  // namespace eb
