#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/metrics/family.hpp"

namespace eb::metrics {

/// Names are ours (constants); values may come from anywhere.
using Labels = std::vector<std::pair<std::string_view, std::string>>;

/// The page that Prometheus reads, in its text format 0.0.4 ("Exposition formats"), without
/// timestamps, because the textfile collector refuses them. Families stand in the order of their
/// first sample, the samples of a family together.
class Exposition {
 public:
  /// Longer label values are cut, at a character.
  static constexpr size_t kMaxLabelBytes = 200;

  /// A second sample with the same name and labels is dropped: it would make Prometheus refuse
  /// the whole page. Returns false then.
  bool add(const Family& family, const Labels& labels, double value);
  /// What is not known is not there: a missing figure never becomes 0.
  void add_known(const Family& family, const Labels& labels, std::optional<double> value) {
    if (value) add(family, labels, *value);
  }
  std::string text() const;

 private:
  struct Block {
    const Family* family;
    std::vector<std::string> lines;
    std::set<std::string> seen;
  };
  std::vector<Block> blocks_;
  std::map<std::string_view, size_t> block_of_;
};

/// `text` as the inside of a quoted label value: escaped, valid UTF-8, without control characters
/// (which become '?'), at most kMaxLabelBytes before escaping.
std::string label_text(std::string_view text);

/// The shortest text that reads back as `value`; "NaN", "+Inf", "-Inf".
std::string value_text(double value);

}  // namespace eb::metrics
