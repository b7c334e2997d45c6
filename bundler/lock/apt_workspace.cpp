#include "bundler/lock/apt_workspace.hpp"

#include <stdlib.h>  // NOLINT(modernize-deprecated-headers): mkdtemp

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <fstream>
#include <set>
#include <sstream>

#include "bundler/lock/apt_settings.hpp"
#include "bundler/lock/snapshot.hpp"
#include "installer/base/error.hpp"

namespace eb {
namespace {

constexpr const char* kDebianKeyring = "/usr/share/keyrings/debian-archive-keyring.gpg";

std::filesystem::path make_folder() {
  std::string name = (std::filesystem::temp_directory_path() / "envbundle-apt-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) throw system_error(errno, "cannot make a folder", name);
  return name;
}

std::string read_text(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

std::vector<std::string> error_lines(const std::string& text) {
  std::vector<std::string> out;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("E: ") || line.starts_with("W: ")) out.push_back(line.substr(3));
  }
  return out;
}

/// A suite is served when some root names it; a root without a list serves suite, updates and, for
/// the security archive, suite-security.
std::vector<std::string> suites_of(const ArchiveRoot& root, const std::string& suite) {
  std::vector<std::string> out;
  for (const auto& served : root.suites) {
    if (served == suite || served.starts_with(suite + "-") || served.starts_with(suite + "/")) {
      // Backports are another set of versions; proposed updates are not released yet.
      if (served.find("backports") == std::string::npos &&
          served.find("proposed") == std::string::npos) {
        out.push_back(served);
      }
    }
  }
  if (!root.suites.empty()) return out;
  if (root.archive == "debian-security") return {suite + "-security"};
  return {suite, suite + "-updates"};
}

}  // namespace

std::string debian_architecture(const std::string& platform) {
  return platform == "linux-aarch64" ? "arm64" : "amd64";
}

std::string transport_settings(const std::string& dump) {
  constexpr std::array<std::string_view, 7> kKept = {
      "Acquire::http",      "Acquire::https",    "Acquire::socks",
      "Acquire::Retries",   "Acquire::ForceIPv", "Acquire::Check-Valid-Until",
      "Acquire::Check-Date"};
  std::string out;
  std::istringstream lines(dump);
  for (std::string line; std::getline(lines, line);) {
    const bool kept = std::any_of(kKept.begin(), kKept.end(), [&](std::string_view prefix) {
      return line.starts_with(prefix);
    });
    if (kept) out += line + "\n";
  }
  return out;
}

std::vector<std::pair<std::string, std::string>> parse_simulation(const std::string& text) {
  // Inst libssl3 [installed] (3.0.17-1~deb12u2 Debian:12.11/stable [amd64])
  std::vector<std::pair<std::string, std::string>> out;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("Inst ")) continue;
    const size_t end = line.find(' ', 5);
    const size_t open = line.find('(', 5);
    if (end == std::string::npos || open == std::string::npos) continue;
    const std::string name = line.substr(5, std::min(line.find(':', 5), end) - 5);
    out.emplace_back(name, line.substr(open + 1, line.find(' ', open) - open - 1));
  }
  return out;
}

// apt writes `+` and `~` of a file name as %2b and %7e in a URI; `Filename` has them plain.
static std::string percent_decoded(const std::string& text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() &&
        std::isxdigit(static_cast<unsigned char>(text[i + 1])) &&
        std::isxdigit(static_cast<unsigned char>(text[i + 2]))) {
      out += static_cast<char>(std::stoi(text.substr(i + 1, 2), nullptr, 16));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::vector<std::string> parse_install_uris(const std::string& text) {
  std::vector<std::string> out;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const size_t end = line.find('\'', 1);
    if (line.empty() || line.front() != '\'' || end == std::string::npos) continue;
    out.push_back(percent_decoded(line.substr(1, end - 1)));
  }
  return out;
}

AptWorkspace::AptWorkspace(const std::vector<ArchiveRoot>& roots, const std::string& suite,
                           const std::string& architecture, const std::string& keyring)
    : folder_(make_folder()), roots_(roots), suite_(suite) {
  try {
    if (!program_exists("apt-get")) {
      throw Error(ExitCode::kInternal, "a base of Debian packages needs apt to be resolved")
          .where("apt-get")
          .why("there is no such program")
          .hint("make the lock on a Debian or Ubuntu machine; fetch and build run anywhere");
    }
    for (const char* name : {"state/lists/partial", "cache/archives/partial", "etc", "log"}) {
      std::filesystem::create_directories(folder_ / name);
    }
    write("status", "");
    write("preferences", "");
    write_configuration(architecture);
    write_sources(roots, keyring);
    update();
  } catch (...) {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
    throw;
  }
}

AptWorkspace::~AptWorkspace() {
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

ProgramResult AptWorkspace::run(std::vector<std::string> argv) const {
  return run_program(
      {std::move(argv),
       {{"APT_CONFIG", (folder_ / "apt.conf").string()}, {"DEBIAN_FRONTEND", "noninteractive"}}});
}

void AptWorkspace::write(const std::string& name, const std::string& text) const {
  std::ofstream out(folder_ / name, std::ios::binary | std::ios::trunc);
  out << text;
  out.close();
  if (!out) throw system_error(errno, "cannot write a file for apt", (folder_ / name).string());
}

void AptWorkspace::write_configuration(const std::string& architecture) const {
  const std::string at = folder_.string();
  std::string text = transport_settings(run_program({{"apt-config", "dump"}, {}}).output);
  // APT_CONFIG is read before the machine's own files; naming others for those keeps hooks, pins
  // and architectures of the machine out.
  for (const auto& [key, value] : {std::pair{"Dir::Etc::parts", "/dev/null"},
                                   {"Dir::Etc::main", "/dev/null"},
                                   {"Dir::Etc::sourcelist", "/dev/null"},
                                   {"APT::Install-Recommends", "false"},
                                   {"APT::Install-Suggests", "false"},
                                   {"APT::Sandbox::User", "root"},
                                   {"APT::Update::Error-Mode", "any"},
                                   {"Acquire::Languages", "none"},
                                   {"Dpkg::Use-Pty", "false"}}) {
    text += std::string(key) + " \"" + value + "\";\n";
  }
  for (const auto& [key, value] : {std::pair{"Dir::State", "/state"},
                                   {"Dir::State::status", "/status"},
                                   {"Dir::Cache", "/cache"},
                                   {"Dir::Log", "/log"},
                                   {"Dir::Etc::sourceparts", "/etc"},
                                   {"Dir::Etc::preferences", "/preferences"},
                                   {"Dir::Etc::preferencesparts", "/none"}}) {
    text += std::string(key) + " \"" + at + value + "\";\n";
  }
  text += "APT::Architecture \"" + architecture + "\";\nAPT::Architectures { \"" + architecture +
          "\"; };\n";
  write("apt.conf", text);
}

void AptWorkspace::write_sources(const std::vector<ArchiveRoot>& roots,
                                 const std::string& keyring) const {
  std::error_code ignored;
  std::string signed_by = keyring;
  if (signed_by.empty() && std::filesystem::exists(kDebianKeyring, ignored)) {
    signed_by = kDebianKeyring;
  }
  std::string text;
  for (const auto& root : roots) {
    const auto suites = suites_of(root, suite_);
    if (suites.empty()) continue;
    text += "Types: deb\nURIs: " + root.url + "\nSuites:";
    for (const auto& suite : suites) text += " " + suite;
    text += "\nComponents: main\n";
    if (!signed_by.empty()) text += "Signed-By: " + signed_by + "\n";
    // A snapshot is out of date by its nature; its time stands in its address.
    if (root.url.starts_with("https://snapshot.debian.org/")) text += "Check-Valid-Until: no\n";
    text += "\n";
  }
  write("etc/bundle.sources", text);
}

void AptWorkspace::update() const {
  const ProgramResult result = run({"apt-get", "update", "-q"});
  if (result.status == 0) return;
  Error error(ExitCode::kNetwork, "apt cannot read the archive's lists");
  std::string where;
  for (const auto& root : roots_) where += (where.empty() ? "" : ", ") + root.url;
  error.where(where);
  const auto lines = error_lines(result.errors);
  std::string why;
  for (const auto& line : lines) {
    if (line.find("Some index files failed") == std::string::npos)
      why += (why.empty() ? "" : "; ") + line;
  }
  error.why(why.empty() ? last_lines(result.errors, 2) : why);
  const bool key = why.find("NO_PUBKEY") != std::string::npos ||
                   why.find("not signed") != std::string::npos ||
                   why.find("keyring") != std::string::npos;
  if (key) {
    error.hint(
        "install the package debian-archive-keyring, or name the key: keyring = \"FILE\" in "
        "the sources file");
  } else {
    error.hint("another archive can be named: --archive-url URL, --sources FILE");
  }
  throw error;
}

std::vector<ControlStanza> AptWorkspace::show(const std::vector<std::string>& packages) const {
  std::vector<std::string> argv = {"apt-cache", "show", "--no-all-versions"};
  argv.insert(argv.end(), packages.begin(), packages.end());
  // Names that the archive does not have make the status non-zero; the others are shown.
  return parse_control(run(std::move(argv)).output);
}

void AptWorkspace::pretend_installed(const std::vector<std::string>& names) {
  if (names.empty()) return;
  // With the archive's own version, so that a dependency on a range of versions is satisfied too.
  std::map<std::string, ControlStanza> known;
  for (auto& stanza : show(names)) known.emplace(control_field(stanza, "package"), stanza);
  std::string status;
  for (const auto& name : std::set<std::string>(names.begin(), names.end())) {
    const ControlStanza& stanza = known[name];
    const auto line = [&](const char* field, const char* key, const char* otherwise) {
      const std::string& value = control_field(stanza, key);
      if (!value.empty() || *otherwise != '\0') {
        status += std::string(field) + ": " + (value.empty() ? otherwise : value) + "\n";
      }
    };
    status += "Package: " + name + "\nStatus: install ok installed\n";
    line("Architecture", "architecture", "all");
    line("Version", "version", "1");
    line("Multi-Arch", "multi-arch", "");
    line("Provides", "provides", "");
    status += "Maintainer: none\nDescription: left out of the base\n\n";
    // The archive's package of the same version has dependencies, so apt takes it for another one
    // and would upgrade to it.
    excluded_pins_ += "Package: " + name + "\nPin: release c=main\nPin-Priority: -1\n\n";
  }
  write("status", status);
  write("preferences", excluded_pins_);
}

void AptWorkspace::prefer(const std::map<std::string, std::string>& versions) {
  std::string text = excluded_pins_;
  for (const auto& [name, version] : versions) {
    // Above 1000 a version is taken even where a newer one exists (apt_preferences(5)).
    text.append("Package: ").append(name).append("\nPin: version ").append(version);
    text += "\nPin-Priority: 1001\n\n";
  }
  write("preferences", text);
}

std::vector<AptPackage> AptWorkspace::resolve(const std::vector<std::string>& names) const {
  const auto install = [&](const char* mode) {
    std::vector<std::string> argv = {"apt-get", "install", "-q", "-y", "--no-remove", mode};
    argv.insert(argv.end(), names.begin(), names.end());
    ProgramResult result = run(std::move(argv));
    if (result.status == 0) return std::move(result.output);
    std::string why;
    for (const auto& line : error_lines(result.errors)) why += (why.empty() ? "" : "; ") + line;
    // What cannot be satisfied stands on stdout, indented, after this line.
    const size_t unmet = result.output.find("unmet dependencies:\n");
    if (unmet != std::string::npos) {
      const std::string rest = result.output.substr(unmet);
      why += ": " + rest.substr(rest.find('\n') + 1);
      std::replace(why.begin(), why.end(), '\n', ' ');
    }
    throw Error(ExitCode::kUnresolvable, "apt cannot resolve the base")
        .where("suite " + suite_)
        .why(why)
        .hint("[base] packages names what is wanted, exclude what must not be pulled in");
  };
  std::vector<std::string> exact;
  for (const auto& [name, version] : parse_simulation(install("--simulate"))) {
    exact.emplace_back(name).append("=").append(version);
  }
  const auto uris = parse_install_uris(install("--print-uris"));
  std::vector<AptPackage> out;
  for (auto& stanza : show(exact)) {
    const std::string path = control_field(stanza, "filename");
    for (const auto& root : roots_) {
      if (path.empty() || std::find(uris.begin(), uris.end(), root.url + path) == uris.end()) {
        continue;
      }
      out.push_back({std::move(stanza), path, root.archive});
      break;
    }
  }
  if (out.size() != exact.size()) {
    throw Error(ExitCode::kInternal, "apt's answers do not fit together")
        .where("suite " + suite_)
        .why("it would install " + std::to_string(exact.size()) + " packages and describes " +
             std::to_string(out.size()));
  }
  std::sort(out.begin(), out.end(), [](const AptPackage& a, const AptPackage& b) {
    return control_field(a.control, "package") < control_field(b.control, "package");
  });
  return out;
}

int64_t AptWorkspace::release_time() const {
  int64_t newest = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder_ / "state/lists")) {
    const std::string name = entry.path().filename().string();
    if (!name.ends_with("_InRelease") && !name.ends_with("_Release")) continue;
    std::istringstream lines(read_text(entry.path()));
    for (std::string line; std::getline(lines, line);) {
      if (!line.starts_with("Date: ")) continue;
      newest = std::max(newest, parse_release_date(line.substr(6)).value_or(0));
      break;
    }
  }
  return newest;
}

}  // namespace eb
