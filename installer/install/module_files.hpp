#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "installer/base/events.hpp"
#include "installer/format/index.hpp"
#include "installer/install/prefix.hpp"

namespace eb {

// PREFIX/modulefiles, a folder that `module use` names once and for all:
//   NAME/VERSION, NAME/VERSION.lua   copies of releases/R/modulefiles/NAME/…, told where R is
//   NAME/.modulerc -> ../../current/share/envbundle/modulerc   the active release's is the default
// So every release that was ever active can be loaded by its version and swapped, a session keeps
// the release that it loaded when the prefix is upgraded, and what an upgrade changes for those who
// name no version still is `current` alone: the new version's files come before it is flipped.
//
// With the layout of EasyBuild the prefix is ROOT/software/NAME/VERSION and the same two files,
// with EBROOT… and EBVERSION…, also lie in ROOT/modules/all/NAME.

inline constexpr char kModuleDir[] = "modulefiles";

/// What a site chooses with --module-conflict and --layout.
struct ModuleChoice {
  /// As parse_conflicts() takes it, or "default" for what each bundle says; nullopt: as before.
  std::optional<std::string> conflicts;
  bool easybuild = false;
};

/// Keeps the choice in .envinstall/modules: the next install into this prefix does the same.
/// Throws Error, kUsage for a list that is none.
void keep_module_choice(Sys& sys, const Prefix& prefix, const ModuleChoice& choice);

/// Makes the module files agree with the releases: writes those of `active` ("" = none is) and
/// those that are there of other releases, each by a rename, and removes those of releases that are
/// gone. Files of others are left alone, with a warning. Call it before `current` names `active`,
/// and after a release is gone. `now` (seconds since 1970) tells what a killed run forgot. Throws
/// Error.
void refresh_module_files(Sys& sys, const Prefix& prefix, const std::string& active, int64_t now,
                          EventSink& events);

/// "NAME/VERSION" of the module that a bundle brings; nullopt for a bundle without one.
std::optional<std::string> module_name(const Index& index);

/// The prefix ROOT/software/NAME/VERSION for a bundle. Throws Error(kUsage) for a bundle without
/// module files, and when a module file of another lies where ours will.
std::string easybuild_prefix(Sys& sys, const std::string& root, const Index& index);

}  // namespace eb
