#include "runtime/envrun/notebook/jupyter_command.hpp"

#include <signal.h>
#include <sys/prctl.h>

#include <memory>

#include "runtime/envrun/limits/start.hpp"
#include "runtime/envrun/notebook/address.hpp"
#include "runtime/envrun/notebook/announcement.hpp"
#include "runtime/envrun/notebook/private_directory.hpp"
#include "runtime/envrun/notebook/token_file.hpp"

namespace eb {
namespace {

void warn_of_network(World& world, const JupyterOptions& options) {
  if (!options.socket.empty() || is_loopback(options.ip)) return;
  bool tls = false;
  for (const std::string& argument : options.arguments) {
    tls |= argument.find("certfile") != std::string::npos;
  }
  warn(world, "the server listens on " + options.ip + ", for everyone on that network" +
                  (tls ? ""
                       : "; notebooks and token travel unencrypted: "
                         "-- --certfile=CERT.pem --keyfile=KEY.pem turns TLS on"));
}

int run_jupyter(Session& session, const JupyterOptions& options) {
  World& world = session.world;
  const ScratchDirectory scratch(world, "jupyter");
  const JupyterHome home = choose_home(world, options, scratch.path());
  Program program = plan_jupyter(session, options, home, scratch.path());
  const TokenFile token = obtain_token(world, home.token_file, options.new_token);
  if (!home.is_lasting) {
    warn(world,
         "HOME is missing or cannot be written to: settings, history and the trust in "
         "notebooks end with this server");
  }
  warn_of_network(world, options);
  // Ended with us, also where we are killed: a server that nobody watches would stay for ever.
  program.before = [] { return prctl(PR_SET_PDEATHSIG, SIGTERM) == 0 ? 0 : errno; };
  const Announcer announcer(world, options, scratch.path(), token.path, token.token);
  return start(session, std::move(program), StartMode::kStay);
}

}  // namespace

Action add_jupyter(CLI::App& app) {
  auto options = std::make_shared<JupyterOptions>();
  app.add_option("--ip", options->ip, "address to listen on; others than loopback are warned of")
      ->type_name("ADDRESS")
      ->capture_default_str();
  app.add_option("--port", options->port, "port to listen on; 0 takes a free one")
      ->type_name("N")
      ->capture_default_str();
  app.add_option("--sock", options->socket, "listen on a UNIX socket of mode 0600 instead")
      ->type_name("PATH");
  app.add_option("--notebook-dir", options->notebook_directory,
                 "folder that JupyterLab shows; the working directory when not given")
      ->type_name("DIR");
  app.add_option("--token-file", options->token_file,
                 "file with the token, made when missing; in the state directory when not given")
      ->type_name("FILE");
  app.add_flag("--new-token", options->new_token,
               "make a new token: the old one opens nothing more");
  app.add_flag("--print-url", options->print_url,
               "print the URL with its token to stdout once the server answers");
  app.add_flag("--json", options->json, "print a record without the token once the server answers");
  app.add_option("arguments", options->arguments, "arguments of 'jupyter lab', behind --")
      ->type_name("ARG");
  app.footer(
      "The token is in a file that only you can read and is never on a command line. In a Slurm "
      "job\n"
      "the printed tunnel goes through the login node ($ENVBUNDLE_LOGIN_HOST where that has "
      "another\n"
      "name outside).\n"
      "examples:\n"
      "  envrun jupyter\n"
      "  envrun --gpus 1 --memory 32g jupyter --notebook-dir $HOME/work\n"
      "  envrun jupyter --ip $(hostname) -- --certfile=cert.pem --keyfile=key.pem");
  return [options](Session& session) { return run_jupyter(session, *options); };
}

}  // namespace eb
