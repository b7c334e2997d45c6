#include "installer/cli/module_options.hpp"

#include <fcntl.h>
#include <unistd.h>

#include "installer/base/error.hpp"
#include "installer/install/module_text.hpp"

namespace eb {

void ModuleOptions::add_to(CLI::App& app) {
  app.add_option_function<std::string>("--layout", [this](const std::string& text) {
    if (text != "eb") {
      throw Error(ExitCode::kUsage, "unknown layout")
          .where("--layout " + printable(text))
          .hint("there is eb, EasyBuild's; without the option DIR itself is the prefix");
    }
    choice.easybuild = true;
  });
  app.add_option_function<std::string>("--module-conflict", [this](const std::string& text) {
    if (text != "default") parse_conflicts(text);
    choice.conflicts = text;
  });
}

void ModuleOptions::apply(Sys& sys, const Index& index, InstallOptions& install) const {
  install.modules = choice;
  if (!choice.easybuild) return;
  std::string root = install.prefix;
  while (root.size() > 1 && root.back() == '/') root.pop_back();
  install.prefix = easybuild_prefix(sys, root, index);
  // The root's own parents are made only when --parents says so; software/NAME always.
  if (sys.faccessat(AT_FDCWD, root.c_str(), F_OK) == 0) {
    install.create_parents = true;
  } else if (!install.create_parents) {
    throw Error(ExitCode::kUsage, "the root of the layout does not exist")
        .where(root)
        .hint("check the path, or give --parents to make it too");
  }
}

}  // namespace eb
