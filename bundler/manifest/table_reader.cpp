#include "bundler/manifest/table_reader.hpp"

#include <algorithm>
#include <utility>

namespace eb {
namespace {

/// Insertions, deletions, substitutions, and two neighbours swapped ("flie" is one from "file").
size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<size_t>> rows(a.size() + 1, std::vector<size_t>(b.size() + 1));
  for (size_t i = 0; i <= a.size(); ++i) rows[i][0] = i;
  for (size_t j = 0; j <= b.size(); ++j) rows[0][j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t substitute = rows[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      rows[i][j] = std::min({rows[i - 1][j] + 1, rows[i][j - 1] + 1, substitute});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        rows[i][j] = std::min(rows[i][j], rows[i - 2][j - 2] + 1);
      }
    }
  }
  return rows[a.size()][b.size()];
}

}  // namespace

std::string nearest(std::string_view word, const std::vector<std::string>& candidates) {
  constexpr size_t kMaxWord = 64;  // no key of ours is that long, and the table grows with it
  if (word.size() > kMaxWord) return "";
  std::string best;
  size_t best_distance = std::max<size_t>(1, word.size() / 3) + 1;
  for (const auto& candidate : candidates) {
    const size_t distance = edit_distance(word, candidate);
    if (distance < best_distance) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

TableReader::TableReader(const TomlValue& table, std::string file, std::string name)
    : table_(&table), file_(std::move(file)), name_(std::move(name)) {}

Error TableReader::error(std::string_view key, std::string what) const {
  const TomlValue* field = table_->find(key);
  return toml_error(file_, field == nullptr ? *table_ : *field, std::move(what));
}

const TomlValue* TableReader::value(std::string_view key) {
  known_.emplace_back(key);
  return table_->find(key);
}

const TomlValue* TableReader::typed(std::string_view key, TomlValue::Type type) {
  const TomlValue* field = value(key);
  if (field == nullptr || field->type == type) return field;
  throw error(key, "'" + std::string(key) + "' must be " + std::string(to_string(type)))
      .why("it is " + std::string(to_string(field->type)));
}

std::optional<std::string> TableReader::string(std::string_view key) {
  const TomlValue* field = typed(key, TomlValue::Type::kString);
  if (field == nullptr) return std::nullopt;
  return field->text;
}

std::optional<int64_t> TableReader::integer(std::string_view key) {
  const TomlValue* field = typed(key, TomlValue::Type::kInteger);
  if (field == nullptr) return std::nullopt;
  return field->integer;
}

std::vector<std::string> TableReader::strings(std::string_view key) {
  std::vector<std::string> out;
  const TomlValue* field = typed(key, TomlValue::Type::kArray);
  if (field == nullptr) return out;
  for (const auto& item : field->items) {
    if (item.type != TomlValue::Type::kString) {
      throw toml_error(file_, item, "'" + std::string(key) + "' must be an array of strings")
          .why("it holds " + std::string(to_string(item.type)));
    }
    out.push_back(item.text);
  }
  return out;
}

std::optional<TableReader> TableReader::table(std::string_view key) {
  const TomlValue* field = typed(key, TomlValue::Type::kTable);
  if (field == nullptr) return std::nullopt;
  return TableReader(*field, file_, "[" + std::string(key) + "]");
}

std::vector<TableReader> TableReader::tables(std::string_view key) {
  std::vector<TableReader> out;
  const TomlValue* field = typed(key, TomlValue::Type::kArray);
  if (field == nullptr) return out;
  for (const auto& item : field->items) {
    if (item.type != TomlValue::Type::kTable) {
      throw toml_error(file_, item, "'" + std::string(key) + "' must be an array of tables")
          .why("it holds " + std::string(to_string(item.type)))
          .hint("write [[" + std::string(key) + "]] above each");
    }
    out.emplace_back(item, file_, "[[" + std::string(key) + "]]");
  }
  return out;
}

std::string TableReader::required_string(std::string_view key) {
  auto out = string(key);
  if (!out) {
    throw error(key,
                "missing key '" + std::string(key) + "'" + (name_.empty() ? "" : " in " + name_));
  }
  return *std::move(out);
}

void TableReader::finish() const {
  const TomlField* unknown = nullptr;
  for (const auto& field : table_->fields) {
    if (std::find(known_.begin(), known_.end(), field.key) != known_.end()) continue;
    // The first in the text is what a person looks for.
    if (unknown == nullptr || field.value.line < unknown->value.line) unknown = &field;
  }
  if (unknown == nullptr) return;
  Error out =
      toml_error(file_, unknown->value,
                 "unknown key '" + unknown->key + "'" + (name_.empty() ? "" : " in " + name_));
  const std::string meant = nearest(unknown->key, known_);
  if (!meant.empty()) out.hint("did you mean '" + meant + "'?");
  std::vector<std::string> known = known_;
  std::sort(known.begin(), known.end());
  std::string list;
  for (const auto& key : known) list += (list.empty() ? "" : ", ") + key;
  out.hint("known here: " + list);
  throw out;
}

}  // namespace eb
