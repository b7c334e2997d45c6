#include "runtime/envrun/ssh/sshd_config.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace eb {
namespace {

constexpr std::array<std::string_view, 21> kPrefixes = {
    "SLURM_", "PBS_",      "LSB_",   "CUDA_",    "NVIDIA_",    "NCCL_",      "OMP_",
    "MKL_",   "OPENBLAS_", "TORCH_", "PYTORCH_", "ENVBUNDLE_", "ENVLAUNCH_", "GPU_",
    "UCX_",   "FI_",       "OMPI_",  "PMIX_",    "KMP_",       "HF_",        "MODULE"};
constexpr std::array<std::string_view, 9> kNames = {"PATH",   "PYTHONNOUSERSITE", "LD_LIBRARY_PATH",
                                                    "TMPDIR", "SCRATCH",          "WORK",
                                                    "TZ",     "LOADEDMODULES",    "_LMFILES_"};
constexpr std::array<std::string_view, 5> kSecrets = {"TOKEN", "SECRET", "PASSW", "CREDENTIAL",
                                                      "_KEY"};

bool is_for_sessions(const std::string& name) {
  if (std::ranges::any_of(kSecrets, [&](auto each) { return name.find(each) != name.npos; })) {
    return false;
  }
  return std::ranges::find(kNames, name) != kNames.end() ||
         std::ranges::any_of(kPrefixes, [&](auto each) { return name.starts_with(each); });
}

// One word of sshd_config: in double quotes, in which a backslash escapes (OpenSSH >= 8.7).
std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

// AuthorizedKeysFile knows tokens such as %h.
std::string without_tokens(const std::string& path) {
  std::string out;
  for (const char c : path) out += c == '%' ? "%%" : std::string(1, c);
  return out;
}

// AllowUsers takes patterns: in another name an "@" would begin a host, a "*" match others. Only
// the account that sshd runs as can log in anyway.
bool is_plain_name(const std::string& name) {
  return !name.empty() && name.find_first_not_of(
                              "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                              "0123456789._-$") == name.npos;
}

}  // namespace

Variables session_variables(const Variables& all) {
  Variables out;
  for (const std::string& entry : all.entries()) {
    const std::string name = entry.substr(0, entry.find('='));
    const bool one_line = std::ranges::none_of(
        entry, [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; });
    if (one_line && is_for_sessions(name)) out.set(name, all.get(name));
  }
  return out;
}

std::string render_sshd_config(const SshdConfig& config) {
  std::string text = "# Written by envrun sshd at every start; removed when it ends.\n";
  const auto line = [&](const std::string& name, const std::string& value) {
    text += name + " " + value + "\n";
  };
  line("Port", std::to_string(config.port));
  line("ListenAddress", config.address);
  line("HostKey", quoted(config.host_key));
  line("PidFile", quoted(config.pid_file));
  line("AuthorizedKeysFile", quoted(without_tokens(config.authorized_keys)));
  line("AuthenticationMethods", "publickey");
  line("PubkeyAuthentication", "yes");
  line("PasswordAuthentication", "no");
  line("KbdInteractiveAuthentication", "no");
  line("UsePAM", "no");  // the PAM stack needs root
  line("StrictModes", "yes");
  if (is_plain_name(config.user)) line("AllowUsers", config.user);
  line("PermitRootLogin", "no");
  line("MaxAuthTries", "6");
  line("X11Forwarding", "no");
  line("AllowAgentForwarding", "no");
  line("AllowTcpForwarding", "local");
  line("AllowStreamLocalForwarding", "no");
  line("PermitTunnel", "no");
  line("GatewayPorts", "no");
  line("PermitUserEnvironment", "no");
  line("AcceptEnv", "LANG LC_* COLORTERM");
  line("PrintMotd", "no");
  line("LogLevel", "INFO");
  line("Subsystem", "sftp internal-sftp");
  if (!config.session_program.empty()) line("SshdSessionPath", quoted(config.session_program));
  if (!config.auth_program.empty()) line("SshdAuthPath", quoted(config.auth_program));
  std::string variables;
  for (const std::string& entry : config.variables.entries()) variables += " " + quoted(entry);
  if (!variables.empty()) text += "SetEnv" + variables + "\n";
  return text;
}

}  // namespace eb
