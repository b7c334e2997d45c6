#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "bundler/artifact/wheel_name.hpp"

namespace eb {

/// Which wheels a target takes, and which of them first: the tags of CPython `python` on `platform`
/// with glibc up to `glibc` (platform-compatibility-tags specification, PEP 600; the order is that
/// of pypa/packaging tags.py). The machine that locks does not count.
class WheelTags {
 public:
  /// python "3.11" or "3.11.2", platform "linux-x86_64", glibc "2.36". All three are valid.
  WheelTags(std::string_view python, std::string_view platform, std::string_view glibc);

  /// 0 is best; nullopt: the wheel does not fit. Compressed tag sets count by their best member.
  std::optional<size_t> rank(const WheelName& name) const;

  const std::vector<std::string>& tags() const { return tags_; }
  /// Best first; for resolvers that take platforms one by one.
  const std::vector<std::string>& platforms() const { return platforms_; }

 private:
  void add(const std::string& tag);

  std::vector<std::string> tags_, platforms_;
  std::unordered_map<std::string, size_t> ranks_;
};

/// Orders two builds of one tag: by the number in front, then by the rest; none comes first.
bool is_older_build(std::string_view a, std::string_view b);

}  // namespace eb
