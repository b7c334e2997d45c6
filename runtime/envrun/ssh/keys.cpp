#include "runtime/envrun/ssh/keys.hpp"

#include <fcntl.h>

#include <sstream>

#include "runtime/envrun/ssh/capture.hpp"

namespace eb {
namespace {

Captured keygen(Session& session, const SshdProgram& sshd, std::vector<std::string> arguments) {
  if (!file_exists(session.world.sys, sshd.keygen)) {
    throw Error(ExitCode::kUsage, "there is no ssh-keygen")
        .where(sshd.keygen)
        .hint(sshd.is_hosts ? "this machine lacks its openssh-client"
                            : "the bundle must be built with the package openssh-client");
  }
  arguments.insert(arguments.begin(), sshd.keygen);
  return run_captured(session.world, {sshd.keygen, std::move(arguments), sshd.variables});
}

std::string trimmed(std::string text) {
  while (!text.empty() && static_cast<unsigned char>(text.back()) <= ' ') text.pop_back();
  return text;
}

// The n-th word, counted from 0.
std::string word(const std::string& text, int n) {
  std::istringstream words(text);
  std::string out;
  for (int i = 0; i <= n; ++i) {
    if (!(words >> out)) return "";
  }
  return out;
}

}  // namespace

bool fips_is_on(const World& world) {
  const std::string path = world.root + "/proc/sys/crypto/fips_enabled";
  return file_exists(world.sys, path) && read_text(world.sys, path).starts_with('1');
}

HostKey ensure_host_key(Session& session, const SshdProgram& sshd, const SshdFolders& folders) {
  Sys& sys = session.world.sys;
  const bool fips = fips_is_on(session.world);
  HostKey key;
  key.path = folders.state + (fips ? "/host_ecdsa" : "/host_ed25519");
  if (!file_exists(sys, key.path)) {
    key.is_new = true;
    std::vector<std::string> arguments = {"-q", "-N", "", "-C", "envrun", "-f", key.path, "-t"};
    arguments.insert(arguments.end(), fips
                                          ? std::initializer_list<std::string>{"ecdsa", "-b", "256"}
                                          : std::initializer_list<std::string>{"ed25519"});
    const Captured made = keygen(session, sshd, std::move(arguments));
    // Another server of the same user may have been faster: then its key is as good.
    if (made.code != 0 && !file_exists(sys, key.path)) {
      throw Error(ExitCode::kIo, "cannot make a host key")
          .where(key.path)
          .why(trimmed(made.error.empty() ? made.out : made.error));
    }
  }
  // A key that lost its mode (a copied home) would be refused by sshd.
  if (const int set = sys.fchmodat(AT_FDCWD, key.path.c_str(), 0600); set < 0) {
    throw system_error(-set, "cannot make the host key private", key.path);
  }
  const Captured read = keygen(session, sshd, {"-y", "-P", "", "-f", key.path});
  const Captured shown = keygen(session, sshd, {"-l", "-f", key.path});
  key.fingerprint = word(shown.out, 1);
  if (read.code != 0 || shown.code != 0 || key.fingerprint.empty()) {
    throw Error(ExitCode::kIo, "the host key cannot be used")
        .where(key.path)
        .why(trimmed(read.error + shown.error))
        .hint("remove it and its .pub; the next start makes a new one, and clients must be told");
  }
  key.public_line = word(read.out, 0) + " " + word(read.out, 1);
  return key;
}

KeyCount count_keys(Session& session, const SshdProgram& sshd, const std::string& path,
                    const std::string& text) {
  if (text.find("PRIVATE KEY-----") != std::string::npos) {
    throw Error(ExitCode::kUsage, "this is a private key")
        .where(path)
        .hint(
            "name the public half, which ends in .pub; the private one stays where you log in "
            "from");
  }
  KeyCount count;
  int lines = 0;
  std::istringstream input(text);
  for (std::string line; std::getline(input, line);) {
    const size_t begin = line.find_first_not_of(" \t\r");
    lines += begin != std::string::npos && line[begin] != '#' ? 1 : 0;
  }
  if (lines == 0) return count;
  // One line a key: "256 SHA256:… comment (ED25519)".
  std::istringstream listed(keygen(session, sshd, {"-l", "-f", path}).out);
  for (std::string line; std::getline(listed, line);) {
    ++count.good;
    count.not_for_fips += line.find("ED25519") != std::string::npos ? 1 : 0;
  }
  count.bad = lines > count.good ? lines - count.good : 0;
  return count;
}

KeyCount adopt_authorized_keys(Session& session, const SshdProgram& sshd,
                               const SshdFolders& folders, const std::string& source) {
  const std::string text = read_text(session.world.sys, source);
  const KeyCount count = count_keys(session, sshd, source, text);
  if (count.good == 0) {
    throw Error(ExitCode::kUsage, "there is no key in the file of authorized keys")
        .where(source)
        .why(count.bad > 0 ? "no line of it is a public key" : "it is empty")
        .hint("each line is a public key such as ~/.ssh/id_ed25519.pub holds");
  }
  write_private_text(session.world.sys, folders.authorized_keys(), text);
  return count;
}

Error no_keys_error(const World& world, const SshdFolders& folders) {
  Error error(ExitCode::kUsage, "no key may log in, so sshd is not started");
  error.where(folders.authorized_keys()).why("there is no public key in it");
  bool named = false;
  for (const char* name : {"authorized_keys", "id_ed25519.pub", "id_ecdsa.pub", "id_rsa.pub"}) {
    const std::string path = world.variables.get("HOME") + "/.ssh/" + name;
    if (named || !file_exists(world.sys, path)) continue;
    named = true;
    error.hint("to let in whoever has your own key: --authorized-keys " + path);
  }
  if (!named) {
    error.hint(
        "make a key where you log in from with 'ssh-keygen -t ed25519', bring the .pub file here");
  }
  return error.hint(
      "--authorized-keys FILE copies the public keys of FILE to where sshd reads them");
}

}  // namespace eb
