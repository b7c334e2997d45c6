#include "runtime/envrun/ssh/sshd_program.hpp"

#include "installer/base/error.hpp"
#include "runtime/envrun/ssh/folders.hpp"

namespace eb {
namespace {

// Where Debian and others put what sshd became several programs of; the release has usr/lib as lib.
std::string first_of(Sys& sys, const Place& place, const std::string& name) {
  for (const char* folder : {"lib/openssh/", "libexec/openssh/", "libexec/", "bin/"}) {
    const std::string path = place.at(folder + name);
    if (file_exists(sys, path)) return path;
  }
  return "";
}

std::string hosts_sshd(const World& world) {
  return find_program(
      world.sys, "sshd",
      world.root + "/usr/sbin:" + world.root + "/usr/local/sbin:" + world.root + "/usr/bin");
}

SshdProgram releases(Session& session) {
  SshdProgram program;
  program.path = session.place.bin("sshd");
  program.keygen = session.place.bin("ssh-keygen");
  program.variables = session.program_variables();
  program.session_program = first_of(session.world.sys, session.place, "sshd-session");
  program.auth_program = first_of(session.world.sys, session.place, "sshd-auth");
  if (!file_exists(session.world.sys, program.path)) program.path.clear();
  if (!program.path.empty()) program.account = look_up_account(session, NameService::kRelease);
  return program;
}

}  // namespace

SshdProgram choose_sshd(Session& session, bool want_hosts) {
  SshdProgram own;
  if (!want_hosts) {
    own = releases(session);
    if (!own.path.empty() && own.account) return own;
  }
  SshdProgram host;
  host.is_hosts = true;
  host.path = hosts_sshd(session.world);
  host.keygen = find_program(session.world.sys, "ssh-keygen", "/usr/bin:/bin");
  host.variables = session.world.variables;
  if (!host.path.empty()) host.account = look_up_account(session, NameService::kHost);
  if (want_hosts) {
    if (!host.path.empty()) return host;
    throw Error(ExitCode::kUsage, "this machine has no sshd of its own")
        .where("/usr/sbin, /usr/local/sbin, /usr/bin")
        .hint("without --host-sshd the environment's is used");
  }
  if (own.path.empty() && host.path.empty()) {
    throw Error(ExitCode::kUsage, "there is no sshd")
        .where(session.place.bin("sshd") + ", /usr/sbin/sshd")
        .hint("the bundle must be built with the package openssh-server");
  }
  if (!host.path.empty() && (host.account || own.path.empty())) {
    tell(session.world, own.path.empty()
                            ? "this environment has no sshd: the host's is used"
                            : "the environment's sshd cannot look this account up: the host's is "
                              "used");
    return host;
  }
  return own;
}

}  // namespace eb
