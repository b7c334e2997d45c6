#include "runtime/envrun/ssh/sshd_command.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <memory>

#include "installer/base/error.hpp"
#include "runtime/envrun/limits/start.hpp"
#include "runtime/envrun/ssh/capture.hpp"
#include "runtime/envrun/ssh/client_text.hpp"
#include "runtime/envrun/ssh/keys.hpp"
#include "runtime/envrun/ssh/preflight.hpp"
#include "runtime/envrun/ssh/running.hpp"
#include "runtime/envrun/ssh/serve.hpp"
#include "runtime/envrun/ssh/sshd_config.hpp"
#include "runtime/envrun/ssh/sshd_program.hpp"

namespace eb {
namespace {

struct SshdOptions {
  int port = 2222;
  std::string listen = "127.0.0.1";
  std::string authorized_keys;
  bool host_sshd = false;
  bool has_permission = false;
  bool check = false;
  bool stop = false;
};

std::string permission_file(const World& world) {
  std::string base = world.variables.get("XDG_CONFIG_HOME");
  if (!base.starts_with('/')) base = world.variables.get("HOME") + "/.config";
  return base + "/envbundle/sshd-permission";
}

bool has_permission(const World& world, const SshdOptions& options) {
  return options.has_permission || file_exists(world.sys, permission_file(world));
}

Error permission_error(const World& world) {
  Error error(ExitCode::kUsage, "sshd is not started without your word that the site permits it");
  error.why("many sites forbid servers of users")
      .hint("with permission: --i-have-permission, or once and for all 'mkdir -p " +
            permission_file(world).substr(0, permission_file(world).rfind('/')) + " && touch " +
            permission_file(world) + "'");
  const std::string login = world.variables.get("SLURM_SUBMIT_HOST");
  error.hint(
      "often it is not needed: while a job of yours runs on a node, many sites let you in by '" +
      std::string("ssh -J ") + (login.empty() ? "LOGIN_NODE" : login) + " " +
      (world.host_name.empty() ? "NODE" : world.host_name) + "'");
  return error;
}

void print(World& world, const std::vector<Finding>& findings) {
  for (const Finding& each : findings) {
    const char* state = each.state == Finding::State::kOk        ? "ok      "
                        : each.state == Finding::State::kWarning ? "warning "
                                                                 : "failed  ";
    std::string subject = each.subject;
    subject.resize(std::max<size_t>(subject.size(), 12), ' ');
    world.out << state << subject << printable(each.text) << "\n";
    if (!each.advice.empty()) world.out << "                    " << printable(each.advice) << "\n";
  }
  world.out << std::flush;
}

// 22, 23 or 0, as the exit codes have it.
int code_of(const std::vector<Finding>& findings) {
  for (const Finding& each : findings) {
    if (each.state != Finding::State::kFailed) continue;
    return static_cast<int>(each.subject == "port" ? ExitCode::kBusy : ExitCode::kUnsupportedFs);
  }
  return 0;
}

Finding check_keys(Session& session, const SshdFolders& folders, const KeyCount& count) {
  const std::string good = std::to_string(count.good);
  if (count.good == 0) {
    return {Finding::State::kFailed, "keys", "no public key in " + folders.authorized_keys(),
            "--authorized-keys FILE copies the public keys of FILE to there"};
  }
  if (fips_is_on(session.world) && count.not_for_fips == count.good) {
    return {Finding::State::kWarning, "keys", "all keys are Ed25519, this machine is in FIPS mode",
            "sshd may refuse them here: use a key of type ecdsa (ssh-keygen -t ecdsa)"};
  }
  if (count.bad > 0) {
    return {Finding::State::kWarning, "keys",
            good + " may log in, " + std::to_string(count.bad) + " lines are not understood",
            folders.authorized_keys()};
  }
  return {Finding::State::kOk, "keys", good + " may log in", ""};
}

Finding check_permission(World& world, const SshdOptions& options) {
  if (has_permission(world, options)) {
    return {Finding::State::kOk, "permission", "you say that the site permits it", ""};
  }
  return {Finding::State::kWarning, "permission", "not confirmed",
          "many sites forbid servers of users; --i-have-permission confirms it"};
}

// The keys that may log in; with --authorized-keys they are put in place first.
KeyCount keys_to_use(Session& session, const SshdProgram& sshd, const SshdFolders& folders,
                     const SshdOptions& options) {
  World& world = session.world;
  if (options.authorized_keys.empty() || options.check) {
    const std::string& given = options.authorized_keys;
    const std::string path = given.empty() ? folders.authorized_keys() : given;
    if (given.empty() && !file_exists(world.sys, path)) return {};
    return count_keys(session, sshd, path, read_text(world.sys, path));
  }
  const KeyCount keys = adopt_authorized_keys(session, sshd, folders, options.authorized_keys);
  tell(world, std::to_string(keys.good) +
                  (keys.good == 1 ? " public key of " : " public keys of ") +
                  options.authorized_keys + " copied to " + folders.authorized_keys());
  return keys;
}

ListenAddress listen_address(const SshdOptions& options) {
  const auto address = parse_listen_address(options.listen);
  if (!address) {
    throw Error(ExitCode::kUsage, "this is no numeric address: " + options.listen)
        .hint("for example 127.0.0.1, ::1, or 0.0.0.0 for all networks of this machine");
  }
  return *address;
}

// --gpus and its like set variables that sessions need too, so the limits are put around a second
// envrun, which sees those variables and writes them into sshd's configuration.
int start_limited(Session& session, const SshdOptions& options) {
  std::vector<std::string> arguments = {session.place.bin("envrun"),  "sshd",     "--port",
                                        std::to_string(options.port), "--listen", options.listen};
  if (!options.authorized_keys.empty()) {
    arguments.insert(arguments.end(), {"--authorized-keys", options.authorized_keys});
  }
  if (options.host_sshd) arguments.push_back("--host-sshd");
  if (options.has_permission) arguments.push_back("--i-have-permission");
  return start(session, session.program(std::move(arguments)));
}

void test_config(Session& session, const SshdProgram& sshd, const SshdFolders& folders) {
  const Captured tested = run_captured(
      session.world, Program{sshd.path, {sshd.path, "-t", "-f", folders.config()}, sshd.variables});
  if (tested.code == 0) return;
  throw Error(ExitCode::kIo, "sshd does not accept its configuration")
      .where(sshd.path)
      .why(tested.error.substr(0, tested.error.find('\n')))
      .hint(sshd.is_hosts ? "the host's sshd may be too old: try without --host-sshd"
                          : "try --host-sshd");
}

int serve_sshd(Session& session, const SshdProgram& sshd, const ListenAddress& address, int port) {
  World& world = session.world;
  const SshdFolders folders = sshd_folders(world, port);
  const HostKey host_key = ensure_host_key(session, sshd, folders);
  make_private_folder(world.sys, folders.run);
  const RunFiles files(world.sys, folders);
  write_private_text(
      world.sys, folders.config(),
      render_sshd_config({.port = port,
                          .address = address.text,
                          .host_key = host_key.path,
                          .authorized_keys = folders.authorized_keys(),
                          .pid_file = folders.sshd_pid_file(),
                          .user = sshd.account->name,
                          .session_program = sshd.session_program,
                          .auth_program = sshd.auth_program,
                          .variables = session_variables(session.program_variables())}));
  write_private_text(world.sys, folders.pid_file(), std::to_string(getpid()) + "\n");
  test_config(session, sshd, folders);
  world.out << client_text({.user = sshd.account->name,
                            .node = world.host_name,
                            .port = port,
                            .address = address,
                            .host_key = host_key,
                            .submit_host = world.variables.get("SLURM_SUBMIT_HOST")})
            << std::flush;
  const int code = serve({.path = sshd.path,
                          .arguments = {sshd.path, "-D", "-e", "-f", folders.config()},
                          .variables = sshd.variables});
  if (code != 0) {
    throw Error(ExitCode::kIo, "sshd ended by itself")
        .where(sshd.path)
        .why("exit code " + std::to_string(code))
        .hint("its own lines above say why");
  }
  tell(world, "sshd has ended, and its sessions with it");
  return 0;
}

// All of the pre-flight; `port` 0 becomes a free one.
std::vector<Finding> look_at_all(Session& session, const SshdProgram& sshd,
                                 const SshdFolders& folders, const SshdOptions& options,
                                 const ListenAddress& address, int& port) {
  World& world = session.world;
  std::vector<Finding> findings = {check_permission(world, options),
                                   check_account(world, sshd.account)};
  // Without an account nothing of OpenSSH runs, ssh-keygen neither.
  if (sshd.account) {
    findings.push_back(check_shell(world, *sshd.account));
    const KeyCount keys = keys_to_use(session, sshd, folders, options);
    if (keys.good == 0 && !options.check) throw no_keys_error(world, folders);
    findings.push_back(check_keys(session, folders, keys));
    const bool is_there = file_exists(world.sys, folders.authorized_keys());
    findings.push_back(check_key_path(world, is_there ? folders.authorized_keys() : folders.state,
                                      sshd.account->home));
  }
  findings.push_back(check_nologin_file(world));
  findings.push_back(check_terminals(world));
  findings.push_back(check_address(address));
  findings.push_back(check_port(address, port, running_server(world, folders)));
  return findings;
}

int run_sshd(Session& session, const SshdOptions& options) {
  World& world = session.world;
  const SshdFolders folders = sshd_folders(world, options.port);
  if (options.stop) return stop_running(world, folders);
  const ListenAddress address = listen_address(options);
  if (world.uid == 0) {
    throw Error(ExitCode::kUsage, "sshd of an environment is for ordinary users")
        .why("it runs as root here, and lets only the user in that it runs as, but never root")
        .hint("call it as yourself");
  }
  if (!options.check) {
    if (!has_permission(world, options)) throw permission_error(world);
    if (session.limits.any()) return start_limited(session, options);
  }
  make_private_folder(world.sys, folders.state);
  const SshdProgram sshd = choose_sshd(session, options.host_sshd);
  int port = options.port;
  const auto findings = look_at_all(session, sshd, folders, options, address, port);
  const int code = code_of(findings);
  if (options.check) {
    world.out << "sshd    " << sshd.path << (sshd.is_hosts ? " (the host's)" : "") << "\n";
    print(world, findings);
    return code;
  }
  const auto failed = std::ranges::find(findings, Finding::State::kFailed, &Finding::state);
  if (failed != findings.end()) {
    throw Error(static_cast<ExitCode>(code), "sshd is not started: " + failed->text)
        .hint(failed->advice)
        .hint("'envrun sshd --check' shows all that is looked at");
  }
  for (const Finding& each : findings) {
    if (each.state != Finding::State::kWarning) continue;
    warn(world, each.subject + ": " + each.text + "; " + each.advice);
  }
  return serve_sshd(session, sshd, address, port);
}

}  // namespace

Action add_sshd(CLI::App& app) {
  const auto options = std::make_shared<SshdOptions>();
  app.add_option("--port", options->port, "port to listen on; 0 takes a free one")
      ->check(CLI::Range(0, 65535))
      ->capture_default_str()
      ->type_name("N");
  app.add_option("--listen", options->listen,
                 "numeric address to listen on; 0.0.0.0 for all networks of this machine")
      ->capture_default_str()
      ->type_name("ADDRESS");
  app.add_option("--authorized-keys", options->authorized_keys,
                 "public keys that may log in, from now on: copied to where sshd reads them")
      ->type_name("FILE");
  app.add_flag("--host-sshd", options->host_sshd, "use the machine's own sshd");
  app.add_flag("--i-have-permission", options->has_permission,
               "confirm that this site permits servers of users");
  app.add_flag("--check", options->check, "only show what would be in the way");
  app.add_flag("--stop", options->stop, "end the server of yours on that port of this machine");
  app.footer(
      "It stays in the foreground; Ctrl-C or SIGTERM ends it and every session. Keys only; "
      "sftp and local forwarding work.\nHost key and authorized keys: "
      "${XDG_STATE_HOME:-~/.local/state}/envbundle/sshd");
  return [options](Session& session) { return run_sshd(session, *options); };
}

}  // namespace eb
