#pragma once

#include <string>

#include "bundler/lock/lock.hpp"
#include "bundler/stage/staging.hpp"

namespace eb {

/// modulefiles/NAME/VERSION (Tcl) and VERSION.lua, side by side: Lmod prefers the .lua, Environment
/// Modules pass over it because it does not begin with #%Module (seen with Lmod 8.6.19 and
/// Environment Modules 5.2.0). They work where they lie; `envinstall` puts copies of them into
/// PREFIX/modulefiles (installer/install/module_files.hpp). Beside them
/// share/envbundle/modulerc, which makes this version the default one, and
/// share/envbundle/{spack-packages.yaml,easyconfig.eb} for sites that use those. Call it when
/// everything else is staged: the texts name the programs that there are.
void stage_module_files(const Lock& lock, Staging& staging);

/// A name or version of a lock as module systems take it: letters, digits and . _ + -, no dot
/// first.
std::string module_word(const std::string& text);

/// EasyBuild's spelling of a name in EBROOT<NAME>: upper case, "-" as MIN, "+" as PLUS, nothing
/// else but letters, digits and "_" (its convert_name()).
std::string easybuild_variable(const std::string& name);

}  // namespace eb
