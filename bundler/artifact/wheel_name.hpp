#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace eb {

/// The parts of a wheel's file name (binary-distribution-format, "File name convention"). Tags may
/// be compressed sets ("manylinux2014_x86_64.manylinux_2_17_x86_64").
struct WheelName {
  std::string distribution, version, build, python_tag, abi_tag, platform_tag;
};

/// Throws bad_artifact() when `file_name` is not that of a wheel. Upper case and dots in the
/// distribution are accepted.
WheelName parse_wheel_name(std::string_view file_name);

/// A project's name as indexes compare it (PEP 503): lower case, runs of "-", "_" and "." one "-".
std::string normalise_project_name(std::string_view name);

/// Whether two texts are the same version by the version specifiers specification (PEP 440): case,
/// leading "v" and zeros, separators, "alpha"/"a", "rev"/"post" and the like, and zeros at the end
/// of the release do not count. Texts that are no such versions are the same when equal.
bool same_version(std::string_view a, std::string_view b);

}  // namespace eb
