#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "installer/format/index.hpp"
#include "installer/install/install_plan.hpp"

namespace eb {

/// --layout and --module-conflict.
struct ModuleOptions {
  ModuleChoice choice;

  /// The callbacks throw Error(kUsage) for a value that is none.
  void add_to(CLI::App& app);
  /// Hands the choice on. With --layout=eb the prefix that was named is the root above the layout,
  /// and must be there already: `install.prefix` becomes what easybuild_prefix() says.
  void apply(Sys& sys, const Index& index, InstallOptions& install) const;
};

}  // namespace eb
