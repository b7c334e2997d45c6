#pragma once

#include <optional>
#include <string>
#include <vector>

namespace eb::image {

/// Where this program stands, and as what it was called.
struct Place {
  std::string self;     ///< absolute, links resolved
  std::string release;  ///< the nearest folder above that has an image
  std::string name;     ///< of `self` below the release: bin/python
  std::string key;      ///< names this release at this place, and this job, on a node

  std::string image() const { return release + "/image.sqfs"; }
  std::string release_name() const { return release.substr(release.rfind('/') + 1); }
  bool is_command() const { return !name.starts_with("bin/"); }
};

/// Throws Error where there is no image above the program.
Place find_place(const char* argv0);

/// An environment variable; nullopt also when it is empty.
std::optional<std::string> variable(const char* name);

}  // namespace eb::image
