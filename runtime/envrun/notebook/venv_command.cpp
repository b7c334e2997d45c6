#include "runtime/envrun/notebook/venv_command.hpp"

#include <memory>

#include "runtime/envrun/limits/start.hpp"

namespace eb {
namespace {

struct VenvOptions {
  std::string directory;
  std::string prompt;
  bool upgrade = false;
  bool repair = false;
};

int run_venv(Session& session, const VenvOptions& options) {
  // -I: neither PYTHONPATH nor the working directory has a say in what is made.
  std::vector<std::string> arguments = {session.place.bin("python"), "-I",
                                        session.place.at("libexec/envbundle/venv.py"),
                                        options.directory, session.place.lasting_root()};
  if (!options.prompt.empty()) arguments.push_back("--prompt=" + options.prompt);
  if (options.upgrade) arguments.emplace_back("--upgrade");
  if (options.repair) arguments.emplace_back("--repair");
  return start(session, session.program(std::move(arguments)));
}

}  // namespace

Action add_venv(CLI::App& app) {
  auto options = std::make_shared<VenvOptions>();
  app.add_option("directory", options->directory, "folder for your packages; made when missing")
      ->type_name("DIR")
      ->required();
  app.add_option("--prompt", options->prompt, "word before the shell's prompt once it is active")
      ->type_name("WORD");
  app.add_flag("--upgrade", options->upgrade,
               "adapt one that exists to this release, also to a newer Python");
  app.add_flag("--repair", options->repair,
               "make one that exists work again after the prefix or the folder itself was moved");
  app.footer(
      "Packages of the environment are visible inside and are not copied; 'pip install' writes to\n"
      "DIR alone. Upgrades of the environment are followed.\n"
      "example:\n"
      "  envrun venv ~/mine && . ~/mine/bin/activate && pip install einops");
  return [options](Session& session) { return run_venv(session, *options); };
}

}  // namespace eb
