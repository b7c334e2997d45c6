#include "bundler/lock/wheel_tags.hpp"

#include <algorithm>
#include <cstdlib>
#include <tuple>
#include <utility>

namespace eb {
namespace {

int second_number(std::string_view version) {
  const size_t dot = version.find('.');
  return dot == std::string_view::npos ? 0
                                       : std::atoi(std::string(version.substr(dot + 1)).c_str());
}

std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> out;
  while (true) {
    const size_t dot = text.find('.');
    out.emplace_back(text.substr(0, dot));
    if (dot == std::string_view::npos) return out;
    text.remove_prefix(dot + 1);
  }
}

}  // namespace

WheelTags::WheelTags(std::string_view python, std::string_view platform, std::string_view glibc) {
  const int minor = second_number(python);
  const std::string machine(platform.substr(platform.find('-') + 1));
  // No manylinux of an older glibc was ever defined for the other machines.
  const int oldest_glibc = machine == "x86_64" ? 5 : 17;
  for (int version = second_number(glibc); version >= oldest_glibc; --version) {
    platforms_.push_back("manylinux_2_" + std::to_string(version) + "_" + machine);
    if (version == 17) platforms_.push_back("manylinux2014_" + machine);
    if (version == 12) platforms_.push_back("manylinux2010_" + machine);
    if (version == 5) platforms_.push_back("manylinux1_" + machine);
  }
  platforms_.push_back("linux_" + machine);

  const auto for_platforms = [this](const std::string& prefix) {
    for (const auto& name : platforms_) add(prefix + name);
  };
  const std::string own = "cp3" + std::to_string(minor);
  for_platforms(own + "-" + own + "-");
  for_platforms(own + "-abi3-");
  for_platforms(own + "-none-");
  for (int older = minor - 1; older >= 2; --older) {
    for_platforms("cp3" + std::to_string(older) + "-abi3-");
  }
  std::vector<std::string> generic = {"py3" + std::to_string(minor), "py3"};
  for (int older = minor - 1; older >= 0; --older) generic.push_back("py3" + std::to_string(older));
  for (const auto& name : generic) for_platforms(name + "-none-");
  add(own + "-none-any");
  for (const auto& name : generic) add(name + "-none-any");
}

void WheelTags::add(const std::string& tag) {
  if (ranks_.emplace(tag, tags_.size()).second) tags_.push_back(tag);
}

std::optional<size_t> WheelTags::rank(const WheelName& name) const {
  std::optional<size_t> best;
  std::string tag;
  for (const auto& python : split(name.python_tag)) {
    for (const auto& abi : split(name.abi_tag)) {
      for (const auto& platform : split(name.platform_tag)) {
        tag.assign(python).append("-").append(abi).append("-").append(platform);
        const auto found = ranks_.find(tag);
        if (found != ranks_.end() && (!best || found->second < *best)) best = found->second;
      }
    }
  }
  return best;
}

bool is_older_build(std::string_view a, std::string_view b) {
  const auto parts = [](std::string_view build) {
    size_t digits = 0;
    while (digits < build.size() && build[digits] >= '0' && build[digits] <= '9') ++digits;
    const size_t zeros = std::min(build.find_first_not_of('0'), digits);
    const std::string_view number = build.substr(zeros, digits - zeros);
    return std::tuple(!build.empty(), number.size(), number, build.substr(digits));
  };
  return parts(a) < parts(b);
}

}  // namespace eb
