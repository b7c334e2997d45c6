#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bundler/manifest/toml_value.hpp"

namespace eb {

/// Reads one TOML table strictly: every key must be one that was asked for, of the type that was
/// asked for. Errors are Error(kInvalidLock) with line and column. Must not outlive its document.
class TableReader {
 public:
  /// `name` is what messages call the table: "" for the document, else "[target]", "[[tar]]" …
  TableReader(const TomlValue& table, std::string file, std::string name = "");

  // Absent keys give nullopt, or an empty vector.
  std::optional<std::string> string(std::string_view key);
  std::optional<int64_t> integer(std::string_view key);
  std::vector<std::string> strings(std::string_view key);
  std::optional<TableReader> table(std::string_view key);
  std::vector<TableReader> tables(std::string_view key);  ///< an array of tables
  /// Throws when the key is absent.
  std::string required_string(std::string_view key);
  /// Known, and left to the caller.
  const TomlValue* value(std::string_view key);

  /// Throws for a key that nobody asked for, naming the nearest one that exists.
  void finish() const;

  bool has(std::string_view key) const { return table_->find(key) != nullptr; }
  /// An error at `key`'s place (at the table's where the key is absent).
  Error error(std::string_view key, std::string what) const;
  const std::string& file() const { return file_; }
  const std::string& name() const { return name_; }

 private:
  const TomlValue* typed(std::string_view key, TomlValue::Type type);

  const TomlValue* table_;
  std::string file_;
  std::string name_;
  std::vector<std::string> known_;
};

/// The candidate with the smallest edit distance to `word`, if that is small enough to be a slip of
/// the hand; "" otherwise.
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace eb
