#include <array>
#include <ctime>

#include "bundler/cli/commands.hpp"
#include "bundler/cli/json_line.hpp"
#include "bundler/cli/pipeline.hpp"
#include "bundler/pack/frame_compressor.hpp"
#include "installer/install/size_text.hpp"

namespace eb {
namespace {

struct BuildOptions {
  CommonOptions common;
  SourceArguments sources;
  std::string lock;
  std::string output;
  std::vector<std::string> keys;
  std::string work_dir;
  std::string installer;
  bool no_installer = false;
  bool fast = false;
  bool best = false;
  int level = 0;
  bool force = false;
  std::optional<uint64_t> counter;
  std::string not_after;
};

std::string default_key(const BundlerEnvironment& environment) {
  const std::string config =
      environment.variable_or("XDG_CONFIG_HOME", environment.variable_or("HOME", "") + "/.config");
  return config + "/envbundle/signing_key";
}

std::vector<std::unique_ptr<SigningKey>> load_keys(const BuildOptions& options,
                                                   const BundlerEnvironment& environment) {
  std::vector<std::string> files = options.keys;
  if (files.empty()) {
    files.push_back(default_key(environment));
    std::error_code ignored;
    if (!std::filesystem::exists(files.front(), ignored)) {
      throw Error(ExitCode::kUsage, "no key to sign the bundle with")
          .why("there is no --key, and no " + files.front())
          .hint("`envbundle keygen " + files.front() +
                "` makes one; an OpenSSH Ed25519 key does, too");
    }
  }
  std::vector<std::unique_ptr<SigningKey>> out;
  for (const std::string& file : files) {
    auto key = load_signing_key(file, environment.variable_or("SSH_AUTH_SOCK", ""));
    for (const auto& other : out) {
      if (other->public_key() == key->public_key()) {
        throw Error(ExitCode::kUsage, "the same key twice")
            .where(file)
            .why("a second signature by one key adds nothing: " + key->public_key().fingerprint());
      }
    }
    out.push_back(std::move(key));
  }
  return out;
}

/// The installer that belongs to this program: beside it, where packages put it, or where the build
/// of the project does.
std::filesystem::path find_installer(const BuildOptions& options,
                                     const BundlerEnvironment& environment) {
  if (options.no_installer) return {};
  if (!options.installer.empty()) return options.installer;
  const std::filesystem::path here = environment.program.parent_path();
  for (const char* place :
       {"envinstall", "../libexec/envbundle/envinstall", "../../installer/cli/envinstall"}) {
    std::error_code ignored;
    if (std::filesystem::is_regular_file(here / place, ignored)) {
      return (here / place).lexically_normal();
    }
  }
  throw Error(ExitCode::kUsage, "no envinstall to put beside the bundle")
      .where(here.string())
      .why("build writes a copy of it that trusts the signers, and there is none beside envbundle")
      .hint("name one with --installer FILE, or do without: --no-installer");
}

/// Seconds at the end of a day, UTC: "2026-12-31" still counts as valid.
std::optional<int64_t> parse_not_after(const std::string& text) {
  if (text.empty()) return std::nullopt;
  struct tm day {};
  const char* end = ::strptime(text.c_str(), "%Y-%m-%d", &day);
  if (end == nullptr || *end != '\0' || text.size() != 10) {
    throw Error(ExitCode::kUsage, "not a date")
        .where("--not-after " + text)
        .hint("write it as YYYY-MM-DD");
  }
  return ::timegm(&day) + 86399;
}

int level_of(const BuildOptions& options) {
  if (options.fast) return kFastLevel;
  if (options.best) return kMaxLevel;
  return options.level;
}

void print_report(const BuildOptions& options, const BuildRequest& request,
                  const BuildReport& report, BundlerEnvironment& environment) {
  if (options.common.json) {
    nlohmann::ordered_json signers = nlohmann::ordered_json::array();
    for (const auto& key : request.keys) signers.push_back(key->public_key().fingerprint());
    const nlohmann::ordered_json record = {
        {"record", "build"},         {"bundle", options.output},
        {"id", report.id.hex()},     {"up_to_date", report.up_to_date},
        {"size", report.size_bytes}, {"artifacts_size", report.artifact_size_bytes},
        {"signers", signers},        {"installer", report.installer.string()}};
    environment.out << json_line(record);
    return;
  }
  if (report.up_to_date) {
    environment.out << options.output
                    << " is up to date: same lock, program, signers and options made it\n";
  }
  environment.out << "bundle     " << options.output << ", " << size_text(report.size_bytes);
  if (report.artifact_size_bytes > 0) {
    environment.out << " from " << size_text(report.artifact_size_bytes) << " of artifacts";
  }
  environment.out << "\nID         " << report.id.hex() << "\n";
  for (const auto& key : request.keys) {
    environment.out << "signed by  " << key->public_key().fingerprint() << "\n";
  }
  if (!report.installer.empty()) {
    environment.out << "installer  " << report.installer.string()
                    << ", trusts the signers of this bundle\n";
  }
  environment.out << "checksums  " << (request.folder() / "SHA256SUMS").lexically_normal().string()
                  << "\n";
}

ExitCode build(const BuildOptions& options, BundlerEnvironment& environment) {
  BuildRequest request;
  request.lock = read_lock(options.lock);
  request.sources = options.sources;
  request.output = options.output;
  request.work_parent = options.work_dir;
  request.keys = load_keys(options, environment);
  request.installer = find_installer(options, environment);
  request.program = environment.program;
  request.level = level_of(options);
  request.threads = options.common.threads();
  request.counter = options.counter;
  request.not_after = parse_not_after(options.not_after);
  request.force = options.force;
  if (!std::filesystem::is_directory(request.folder())) {
    throw Error(ExitCode::kUsage, "the folder of the output does not exist")
        .where(request.folder().string())
        .hint("mkdir -p " + request.folder().string());
  }
  ProgressPrinter events(environment.err, progress_style(options.common, environment));
  const BuildReport report = build_bundle(request, events);
  events.clear_bar();
  print_report(options, request, report, environment);
  return ExitCode::kOk;
}

}  // namespace

void add_build_command(CLI::App& app, ChosenCommand& chosen) {
  auto options = std::make_shared<BuildOptions>();
  CLI::App* command = app.add_subcommand("build", "Make a signed bundle of what a lock names");
  command->add_option("LOCK", options->lock, "The lock")->required();
  command->add_option("-o,--output", options->output, "The bundle")->type_name("FILE")->required();
  command
      ->add_option(
          "-k,--key", options->keys,
          "OpenSSH private key to sign with (default: ~/.config/envbundle/signing_key), or a "
          "public key that the ssh-agent has; may be repeated")
      ->type_name("FILE")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  command
      ->add_option("--installer", options->installer,
                   "envinstall to put beside the bundle (default: the one beside envbundle)")
      ->type_name("FILE");
  command->add_flag("--no-installer", options->no_installer, "Put no envinstall beside the bundle");
  auto* fast = command->add_flag(
      "--fast", options->fast,
      "Quick to build and to install, and larger (level " + std::to_string(kFastLevel) + ")");
  auto* best =
      command->add_flag("--best", options->best, "Compress as well as possible (level 19)");
  auto* level =
      command
          ->add_option("--level", options->level,
                       "Compression level (default: " + std::to_string(kDefaultLevel) + ")")
          ->type_name("N")
          ->check(CLI::Range(1, kMaxLevel));
  fast->excludes(best)->excludes(level);
  best->excludes(level);
  command->add_flag("--offline", options->sources.offline, "Use what is in the cache, no network");
  command->add_flag("--force", options->force, "Build even when the result is there");
  command
      ->add_option("--counter", options->counter,
                   "Number of the release, for the rule that none is replaced by an older one "
                   "(default: the lock's time)")
      ->type_name("N")
      ->check(CLI::Range(uint64_t{0}, kMaxCounter));
  command->add_option("--not-after", options->not_after, "Last day on which it may be installed")
      ->type_name("YYYY-MM-DD");
  command
      ->add_option("--work-dir", options->work_dir, "Where to unpack (default: beside the output)")
      ->type_name("DIR");
  add_source_options(*command, options->sources);
  add_jobs_option(*command, options->common);
  add_common_options(*command, options->common);
  command->footer(
      "\nFetches what is missing, stages it, makes bytecode, packs, signs, and verifies the "
      "result. "
      "Beside the bundle come envinstall, which trusts the signers, and SHA256SUMS. The same lock "
      "and envbundle give the same bytes.\n"
      "\nExample:\n  envbundle build manifests/python-small.lock -o out/small.bundle.zst --key "
      "key");
  command->callback([options, &chosen] {
    chosen.json = options->common.json;
    chosen.run = [options](BundlerEnvironment& environment) {
      return build(*options, environment);
    };
  });
}

}  // namespace eb
