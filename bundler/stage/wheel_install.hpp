#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "bundler/artifact/wheel.hpp"
#include "bundler/stage/staging.hpp"

namespace eb {

/// Where wheels go in a release and what is written beside them.
struct WheelTarget {
  std::string python;  ///< X.Y, as the lock has it: lib/pythonX.Y/site-packages
  /// The manifest asked for this wheel itself: REQUESTED is written, as pip does.
  bool requested = false;
};

struct InstalledWheel {
  std::vector<RelPath> scripts;       ///< what the wheel put into bin/
  std::vector<std::string> warnings;  ///< oddities that are no errors, a sentence each
};

/// Installs a wheel by the standard (binary-distribution-format, "Installing a wheel";
/// entry-points; recording-installed-packages): root and purelib/platlib to site-packages,
/// .data/scripts to bin, .data/data to the release's root, .data/headers to include/pythonX.Y/NAME,
/// entry points to bin/NAME (entry_point_script()), INSTALLER "envbundle", and a RECORD of what was
/// installed, with paths relative to site-packages. Files with an execute bit in the archive,
/// scripts and entry points become executable. No bytecode, no direct_url.json.
///
/// Every file's content is compared with the wheel's RECORD. Throws bad_artifact() naming wheel and
/// entry for what breaks a rule; the staging folder is then of no more use. Different content for a
/// path that another artifact brought is Staging's to report.
InstalledWheel install_wheel(const Wheel& wheel, const WheelTarget& target, std::string_view origin,
                             Staging& staging);

}  // namespace eb
