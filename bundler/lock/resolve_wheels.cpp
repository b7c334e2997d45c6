#include "bundler/lock/resolve_wheels.hpp"

#include <stdlib.h>  // NOLINT(modernize-deprecated-headers): mkdtemp

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "bundler/fetch/url.hpp"
#include "bundler/lock/program.hpp"
#include "bundler/manifest/requirement.hpp"
#include "bundler/manifest/toml_value.hpp"
#include "installer/base/error.hpp"

namespace eb {
namespace {

/// Files for a resolver, gone at the end.
class Folder {
 public:
  Folder() {
    std::string name =
        (std::filesystem::temp_directory_path() / "envbundle-wheels-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw system_error(errno, "cannot make a folder", name);
    path_ = name;
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  std::string write(const char* name, const std::string& text) const {
    const auto path = path_ / name;
    std::ofstream out(path, std::ios::binary | std::ios::trunc);
    out << text;
    out.close();
    if (!out) throw system_error(errno, "cannot write a file for the resolver", path.string());
    return path.string();
  }
  std::string read(const std::string& path) const {
    std::ifstream in(path, std::ios::binary);
    std::ostringstream out;
    out << in.rdbuf();
    return out.str();
  }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

int glibc_minor(const std::string& glibc) { return std::stoi(glibc.substr(glibc.find('.') + 1)); }

/// uv knows some platforms by name; the newest that is not above the target's glibc.
std::string uv_platform(const WheelWish& wish) {
  constexpr std::array<int, 12> kKnown = {17, 28, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40};
  int chosen = kKnown.front();
  for (const int known : kKnown) {
    if (known <= glibc_minor(wish.glibc)) chosen = known;
  }
  const std::string machine = wish.platform.substr(wish.platform.find('-') + 1);
  return machine + "-manylinux_2_" + std::to_string(chosen);
}

/// uv keeps the versions of an output file that is there already. Only names and versions of it
/// count; the format wants a file for each.
std::string preference_file(const std::map<std::string, std::string>& preferred) {
  std::string out = "lock-version = \"1.0\"\ncreated-by = \"envbundle\"\n";
  for (const auto& [name, version] : preferred) {
    out += "\n[[packages]]\nname = " + toml_string(name) + "\nversion = " + toml_string(version);
    out.append("\nwheels = [{ url = \"https://index.invalid/")
        .append(name)
        .append("-")
        .append(version);
    out += "-py3-none-any.whl\", hashes = { sha256 = \"" + std::string(64, '0') + "\" } }]\n";
  }
  return out;
}

/// The resolver's words without its drawing characters, on one line.
std::string words_of(const std::string& errors) {
  std::string out;
  for (size_t i = 0; i < errors.size(); ++i) {
    const auto c = static_cast<unsigned char>(errors[i]);
    if (c >= 0x80) continue;
    const bool blank = c == '\n' || c == ' ' || c == '\t';
    if (!blank) out += errors[i];
    if (blank && !out.empty() && out.back() != ' ') out += ' ';
  }
  while (!out.empty() && out.back() == ' ') out.pop_back();
  if (const size_t at = out.find("Because "); at != std::string::npos) out = out.substr(at);
  return out;
}

Error resolver_error(const std::string& program, const WheelWish& wish, const std::string& errors) {
  constexpr std::array<std::string_view, 6> kNetworkWords = {
      "error sending request", "Failed to fetch", "Connection", "timed out",
      "Could not connect",     "dns error"};
  const bool network = std::any_of(kNetworkWords.begin(), kNetworkWords.end(), [&](auto word) {
    return errors.find(word) != std::string::npos;
  });
  std::string asked;
  for (const auto& url : wish.sources.index_urls) {
    asked += (asked.empty() ? "" : ", ") + shown_url(url);
  }
  if (network) {
    return Error(ExitCode::kNetwork, program + " cannot read the package index")
        .where(asked)
        .why(without_credentials(words_of(errors)))
        .hint("another index can be named: --index-url URL, --sources FILE");
  }
  return Error(ExitCode::kUnresolvable, "the requirements cannot be resolved")
      .where("Python " + wish.python + ", " + wish.platform + ", glibc " + wish.glibc)
      .why(without_credentials(words_of(errors)))
      .hint("asked: " + asked);
}

Pylock resolve_with_uv(const WheelWish& wish) {
  const Folder folder;
  std::string input;
  for (const auto& requirement : wish.requirements) input += requirement + "\n";
  const std::string input_path = folder.write("requirements.in", input);
  const std::string output_path = (folder.path() / "pylock.toml").string();
  if (!wish.preferred.empty()) folder.write("pylock.toml", preference_file(wish.preferred));
  Program program;
  program.argv = uv_arguments(wish, input_path, output_path);
  program.argv.insert(program.argv.begin(), wish.uv);
  // Indexes are those that pip is configured with, or that a person named; nothing else.
  for (const char* name : {"UV_INDEX", "UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL",
                           "UV_FIND_LINKS", "UV_INDEX_STRATEGY", "UV_CONSTRAINT", "UV_OVERRIDE",
                           "UV_EXCLUDE_NEWER", "UV_PRERELEASE", "UV_RESOLUTION", "VIRTUAL_ENV"}) {
    program.environment.emplace_back(name, "");
  }
  if (!wish.sources.ca_file.empty()) {
    program.environment.emplace_back("SSL_CERT_FILE", wish.sources.ca_file);
  }
  const ProgramResult result = run_program(program);
  if (result.status != 0) throw resolver_error("uv", wish, result.errors);
  return parse_pylock(folder.read(output_path), "uv's pylock.toml");
}

struct MachinePython {
  std::string minor, machine;
};

MachinePython machine_python(const std::string& program) {
  const ProgramResult result = run_program(
      {{program, "-c", "import platform, sys; print(*sys.version_info[:2], platform.machine())"},
       {}});
  std::istringstream in(result.output);
  std::string major, minor;
  MachinePython out;
  in >> major >> minor >> out.machine;
  out.minor = major + "." + minor;
  return out;
}

std::vector<std::string> pip_arguments(const WheelWish& wish, const std::string& report,
                                       const std::string& target) {
  const std::string minor = wish.python.substr(0, wish.python.find('.', 2));
  std::string digits = minor;
  digits.erase(digits.find('.'), 1);
  std::vector<std::string> out = {"-m",
                                  "pip",
                                  "install",
                                  "--dry-run",
                                  "--ignore-installed",
                                  "--quiet",
                                  "--no-input",
                                  "--only-binary",
                                  ":all:",
                                  "--implementation",
                                  "cp",
                                  "--python-version",
                                  wish.python,
                                  "--abi",
                                  "cp" + digits,
                                  "--abi",
                                  "abi3",
                                  "--abi",
                                  "none",
                                  "--report",
                                  report,
                                  "--target",
                                  target};
  const WheelTags tags(wish.python, wish.platform, wish.glibc);
  for (const auto& platform : tags.platforms()) {
    out.insert(out.end(), {"--platform", platform});
  }
  for (const auto& url : wish.sources.index_urls) {  // one at most: resolve_with_pip()
    out.insert(out.end(), {"--index-url", url});
  }
  for (const auto& place : wish.sources.find_links) out.insert(out.end(), {"--find-links", place});
  return out;
}

Pylock resolve_with_pip(const WheelWish& wish, EventSink& events) {
  const MachinePython machine = machine_python(wish.python_program);
  const std::string wanted = wish.python.substr(0, wish.python.find('.', 2));
  if (machine.minor != wanted || !wish.platform.ends_with(machine.machine)) {
    throw Error(ExitCode::kInternal, "no resolver for this target")
        .where(wish.uv)
        .why("there is no uv, and pip resolves for its own Python " + machine.minor + " on " +
             machine.machine + " alone, not for Python " + wanted + " on " +
             wish.platform.substr(wish.platform.find('-') + 1))
        .hint("install uv (pip install uv), or name it: --uv PROGRAM");
  }
  if (wish.sources.index_urls.size() > 1) {
    std::string shown;
    for (const auto& url : wish.sources.index_urls) {
      shown += (shown.empty() ? "" : ", ") + shown_url(url);
    }
    throw Error(ExitCode::kUnresolvable, "pip cannot keep to the order of several indexes")
        .where(shown)
        .why(
            "pip takes the highest version that any of them has, so one index could put its "
            "package "
            "in the place of another's of the same name")
        .hint("install uv (pip install uv), or name it: --uv PROGRAM")
        .hint("or name one index only: --index-url URL");
  }
  const Folder folder;
  const std::string report = (folder.path() / "report.json").string();
  std::string constraints;
  for (const auto& [name, version] : wish.preferred) {
    constraints.append(name).append("==").append(version).append("\n");
  }
  const std::string constraints_path = folder.write("constraints.txt", constraints);
  const auto run = [&](bool constrained) {
    Program program;
    program.argv = pip_arguments(wish, report, (folder.path() / "target").string());
    program.argv.insert(program.argv.begin(), wish.python_program);
    if (constrained) program.argv.insert(program.argv.end(), {"--constraint", constraints_path});
    program.argv.insert(program.argv.end(), wish.requirements.begin(), wish.requirements.end());
    return run_program(program);
  };
  ProgramResult result = run(!wish.preferred.empty());
  if (result.status != 0 && !wish.preferred.empty()) {
    events.on(Warning{"the versions of the previous lock do not fit any more; pip chooses anew"});
    result = run(false);
  }
  if (result.status != 0) throw resolver_error("pip", wish, result.errors);
  return parse_pip_report(folder.read(report));
}

}  // namespace

std::vector<std::string> uv_arguments(const WheelWish& wish, const std::string& input,
                                      const std::string& output) {
  std::vector<std::string> out = {"pip",
                                  "compile",
                                  input,
                                  "--no-config",
                                  "--quiet",
                                  "--no-header",
                                  "--no-progress",
                                  "--no-python-downloads",
                                  "--generate-hashes",
                                  "--only-binary",
                                  ":all:",
                                  "--format",
                                  "pylock.toml",
                                  "--index-strategy",
                                  "first-index",
                                  "--python-version",
                                  wish.python,
                                  "--python-platform",
                                  uv_platform(wish),
                                  "--output-file",
                                  output};
  const auto& urls = wish.sources.index_urls;
  if (urls.empty()) out.emplace_back("--no-index");
  for (size_t i = 0; i < urls.size(); ++i) {
    out.insert(out.end(), {i == 0 ? "--default-index" : "--index", urls[i]});
  }
  for (const auto& place : wish.sources.find_links) out.insert(out.end(), {"--find-links", place});
  return out;
}

Pylock parse_pip_report(const std::string& text) {
  const auto bad = [](std::string why) {
    return Error(ExitCode::kInternal, "cannot read pip's report").why(std::move(why));
  };
  const auto report = nlohmann::json::parse(text, nullptr, false);
  if (!report.is_object() || !report.contains("install")) throw bad("it is no JSON object");
  if (report.value("version", "") != "1") throw bad("it has another version than 1");
  Pylock out;
  try {
    for (const auto& item : report.at("install")) {
      const auto& metadata = item.at("metadata");
      const auto& download = item.at("download_info");
      PylockPackage package;
      package.name = normalise_name(metadata.at("name").get<std::string>());
      package.version = metadata.at("version").get<std::string>();
      PylockWheel wheel;
      wheel.place = download.at("url").get<std::string>();
      const std::string path = wheel.place.substr(0, wheel.place.find_first_of("?#"));
      wheel.file_name = path.substr(path.rfind('/') + 1);
      for (size_t at = wheel.file_name.find("%2B"); at != std::string::npos;
           at = wheel.file_name.find("%2B")) {
        wheel.file_name.replace(at, 3, "+");
      }
      const auto hashes = download.at("archive_info").value("hashes", nlohmann::json::object());
      if (hashes.contains("sha256")) {
        wheel.digest = Sha256::from_hex(hashes.at("sha256").get<std::string>());
      }
      package.wheels.push_back(std::move(wheel));
      out.packages.push_back(std::move(package));
    }
  } catch (const nlohmann::json::exception& problem) {
    throw bad(problem.what());
  }
  return out;
}

Pylock resolve_wheels(const WheelWish& wish, EventSink& events) {
  const bool has_uv = program_exists(wish.uv);
  events.on(Note{"resolving " + std::to_string(wish.requirements.size()) + " requirements with " +
                 (has_uv ? "uv" : "pip")});
  return has_uv ? resolve_with_uv(wish) : resolve_with_pip(wish, events);
}

}  // namespace eb
