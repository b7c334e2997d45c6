#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bundler/lock/wheel_tags.hpp"
#include "bundler/manifest/marker.hpp"
#include "installer/base/digest.hpp"

namespace eb {

/// A wheel of a pylock.toml.
struct PylockWheel {
  std::string file_name;
  std::string place;  ///< path or URL, a path first
  bool is_path = false;
  std::optional<uint64_t> size_bytes;
  std::optional<Sha256> digest;
  std::string weak_digests;  ///< "md5, sha1" where there is no sha256
  std::string upload_time;   ///< RFC 3339; "" = not given
};

struct PylockPackage {
  std::string name, version, requires_python, marker;
  std::vector<PylockWheel> wheels;
  std::string other_source;  ///< "vcs", "directory", "archive" or "sdist" where it has no wheel
};

/// The part of a pylock.toml (pylock-toml specification, PEP 751) that says what to install.
struct Pylock {
  std::string requires_python;
  std::vector<std::string> environments;  ///< markers; one must hold unless there is none
  std::vector<std::string> default_groups;
  std::vector<PylockPackage> packages;
};

/// Throws Error(kInvalidLock) for what breaks the specification, with line and column. Unknown keys
/// are left alone, as it asks.
Pylock parse_pylock(std::string_view text, const std::string& file);

/// What one target installs of it.
struct ChosenWheel {
  std::string name, version;
  PylockWheel wheel;
};

/// Packages whose marker holds, each with the wheel that fits best; chosen from the file alone.
/// Throws Error(kUnresolvable) for a package without a wheel for the target, an unmet
/// requires-python, no environment that holds; Error(kInvalidLock) for two packages of one name and
/// for a wheel without sha256 (FAULTS F089).
std::vector<ChosenWheel> choose_wheels(const Pylock& pylock, const MarkerEnvironment& target,
                                       const WheelTags& tags, const std::string& file);

}  // namespace eb
