#pragma once

#include <string>

#include "installer/base/sys.hpp"

namespace eb {

/// Where this copy of envrun stands. Computed at every start: a prefix may have moved.
struct Place {
  /// The release, links resolved: PREFIX/releases/NAME-ID. Programs are started from here, so that
  /// a job keeps its release when `current` moves on.
  std::string release;
  /// The prefix that the release stands in (PREFIX); the release itself where it stands alone.
  std::string prefix;
  /// Last component of `release`.
  std::string release_name;
  /// `current` of the prefix leads to this release.
  bool is_current = false;

  std::string at(const std::string& below) const { return release + "/" + below; }
  std::string bin(const std::string& program) const { return at("bin/" + program); }
  /// PREFIX/bin, or of the release itself where it is not the current one: a path to show to a
  /// person, and to write where it shall follow an upgrade.
  std::string lasting_root() const { return is_current ? prefix : release; }
};

/// `executable` is envrun's own path, links resolved (/proc/self/exe). Throws Error(kUsage) when it
/// is not RELEASE/bin/NAME of a release.
Place find_place(Sys& sys, const std::string& executable);

}  // namespace eb
