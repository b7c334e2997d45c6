#include "runtime/envrun/notebook/jupyter_plan.hpp"

#include <fcntl.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "installer/base/error.hpp"
#include "runtime/envrun/notebook/address.hpp"

namespace eb {
namespace {

void check_options(const JupyterOptions& options) {
  for (const std::string& argument : options.arguments) {
    const std::string name = argument.substr(0, argument.find('='));
    if (name.starts_with("-") && (name.ends_with(".token") || name.ends_with(".password") ||
                                  name.ends_with(".hashed_password"))) {
      throw Error(ExitCode::kUsage, "a secret on the command line is no secret")
          .where(name)
          .why("every user of this machine can read the arguments of a program")
          .hint("'envrun jupyter' makes a token; for one of your own: --token-file FILE");
    }
  }
  if (options.port < 0 || options.port > 65535) {
    throw Error(ExitCode::kUsage, "there is no port " + std::to_string(options.port));
  }
  if (!options.socket.empty() && options.port != 0) {
    throw Error(ExitCode::kUsage, "--sock and --port exclude each other");
  }
  if (options.socket.size() >= sizeof(sockaddr_un::sun_path)) {
    throw Error(ExitCode::kUsage, "the path of the socket is too long")
        .where(options.socket)
        .why("the system takes 107 bytes")
        .hint("choose a shorter one, in $XDG_RUNTIME_DIR or in /tmp");
  }
  if (!options.socket.empty() && !options.socket.starts_with('/')) {
    throw Error(ExitCode::kUsage, "the path of the socket must be absolute").where(options.socket);
  }
}

}  // namespace

JupyterHome choose_home(const World& world, const JupyterOptions& options,
                        const std::string& scratch) {
  const std::string home = world.variables.get("HOME");
  struct stat info {};
  const bool usable =
      home.starts_with('/') && world.sys.fstatat(AT_FDCWD, home.c_str(), &info, 0) == 0 &&
      S_ISDIR(info.st_mode) && world.sys.faccessat(AT_FDCWD, home.c_str(), W_OK | X_OK) == 0;
  JupyterHome out{.token_file = scratch + "/token", .is_lasting = usable};
  if (usable) out.token_file = state_home(world.variables) + "/envbundle/jupyter/token";
  if (!options.token_file.empty()) {
    out.token_file = options.token_file.starts_with('/')
                         ? options.token_file
                         : world.directory + "/" + options.token_file;
  }
  return out;
}

Program plan_jupyter(const Session& session, const JupyterOptions& options, const JupyterHome& home,
                     const std::string& scratch) {
  check_options(options);
  std::vector<std::string> arguments = {"jupyter-lab", "--no-browser"};
  if (options.socket.empty()) {
    arguments.push_back("--ip=" + options.ip);
    arguments.push_back("--port=" + std::to_string(options.port));
    // Of an asked-for port the neighbour is no replacement: tunnels and proxies lead to it.
    if (options.port != 0) arguments.emplace_back("--ServerApp.port_retries=0");
  } else {
    arguments.push_back("--sock=" + options.socket);
  }
  if (!options.notebook_directory.empty()) {
    arguments.push_back("--ServerApp.root_dir=" + options.notebook_directory);
  }
  // Without a terminal Jupyter starts login shells, whose /etc/profile takes our PATH away.
  std::string shell = session.world.variables.get("SHELL");
  if (!shell.starts_with('/')) shell = "/bin/sh";
  arguments.push_back("--ServerApp.terminado_settings=" +
                      nlohmann::json{{"shell_command", {shell}}}.dump(
                          -1, ' ', true, nlohmann::json::error_handler_t::replace));
  // Where nobody can answer "shut down?", the first SIGINT must do.
  if (!session.world.err_is_terminal || session.world.variables.find("SLURM_JOB_ID")) {
    arguments.emplace_back("-y");
  }
  std::ranges::copy(options.arguments, std::back_inserter(arguments));

  Program program = session.program(std::move(arguments));
  Variables& variables = program.variables;
  variables.unset("JUPYTER_TOKEN");  // would go before the file
  variables.set("JUPYTER_TOKEN_FILE", home.token_file);
  variables.set("JUPYTER_RUNTIME_DIR", scratch);
  if (!variables.find("JUPYTER_PREFER_ENV_PATH")) variables.set("JUPYTER_PREFER_ENV_PATH", "1");
  // One that does not exist, or is another user's, only makes the programs inside stumble.
  const std::string runtime = variables.get("XDG_RUNTIME_DIR");
  if (!runtime.empty() && !scratch.starts_with(runtime + "/")) variables.unset("XDG_RUNTIME_DIR");
  if (!home.is_lasting) {
    variables.set("HOME", scratch);
    for (const char* name : {"JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "IPYTHONDIR",
                             "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"}) {
      variables.unset(name);
    }
  }
  return program;
}

}  // namespace eb
