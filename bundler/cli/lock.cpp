#include "bundler/cli/commands.hpp"
#include "bundler/cli/json_line.hpp"
#include "bundler/cli/obtain.hpp"
#include "bundler/lock/lock_diff.hpp"
#include "bundler/lock/make_lock.hpp"
#include "bundler/manifest/manifest.hpp"
#include "bundler/pack/output_file.hpp"
#include "installer/install/size_text.hpp"

namespace eb {
namespace {

constexpr char kAll[] = "all";

struct LockCommandOptions {
  CommonOptions common;
  SourceArguments sources;
  std::string manifest;
  std::string output;
  std::vector<std::string> upgrade;
  std::string uv = "uv";
  bool check = false;

  std::filesystem::path lock_file() const {
    if (!output.empty()) return output;
    return std::filesystem::path(manifest).replace_extension(".lock");
  }
};

nlohmann::ordered_json names_of(const std::vector<Artifact>& artifacts) {
  nlohmann::ordered_json out = nlohmann::ordered_json::array();
  for (const Artifact& artifact : artifacts) {
    out.push_back({{"kind", to_string(artifact.kind)},
                   {"name", artifact.name},
                   {"version", artifact.version}});
  }
  return out;
}

void print_result(const LockCommandOptions& options, const Lock& lock,
                  const std::optional<Lock>& previous, bool written,
                  BundlerEnvironment& environment) {
  const std::string file = options.lock_file().string();
  const LockDiff diff = previous ? diff_locks(*previous, lock) : LockDiff{};
  if (options.common.json) {
    nlohmann::ordered_json changed = nlohmann::ordered_json::array();
    for (const auto& [before, after] : diff.changed) {
      changed.push_back({{"kind", to_string(after.kind)},
                         {"name", after.name},
                         {"from", before.version},
                         {"to", after.version}});
    }
    const nlohmann::ordered_json record = {{"record", "lock"},
                                           {"lock", file},
                                           {"written", written},
                                           {"artifacts", lock.artifacts.size()},
                                           {"added", names_of(diff.added)},
                                           {"removed", names_of(diff.removed)},
                                           {"changed", changed},
                                           {"settings", diff.settings}};
    environment.out << json_line(record);
    return;
  }
  if (previous) environment.out << render_diff(diff);
  uint64_t bytes = 0;
  for (const Artifact& artifact : lock.artifacts) bytes += artifact.size_bytes;
  environment.out << file << (written ? ": " : " is up to date: ") << lock.artifacts.size()
                  << " artifacts, " << size_text(bytes) << "\n";
}

std::optional<Lock> read_previous(const std::filesystem::path& file) {
  std::error_code ignored;
  if (!std::filesystem::exists(file, ignored)) return std::nullopt;
  return read_lock(file).lock;
}

ExitCode check_lock(const LockCommandOptions& options, const Manifest& manifest,
                    const std::optional<Lock>& previous, BundlerEnvironment& environment) {
  const std::filesystem::path file = options.lock_file();
  std::vector<std::string> reasons{"there is no lock"};
  if (previous) {
    reasons =
        stale_reasons(manifest, *previous,
                      file.has_parent_path() ? file.parent_path() : std::filesystem::path("."));
  }
  if (reasons.empty()) {
    environment.out << file.string() << " is current\n";
    return ExitCode::kOk;
  }
  std::string why;
  for (const std::string& reason : reasons) why += (why.empty() ? "" : "; ") + reason;
  throw Error(ExitCode::kInvalidLock, "the lock is not what the manifest asks for")
      .where(file.string())
      .why(why)
      .hint("`envbundle lock " + options.manifest + "` renews it");
}

ExitCode make(const LockCommandOptions& options, BundlerEnvironment& environment) {
  ProgressPrinter events(environment.err, progress_style(options.common, environment));
  const std::filesystem::path file = options.lock_file();
  const Manifest manifest = load_manifest(options.manifest);
  for (const std::string& note : manifest.notes) events.on(Warning{note});
  LockOptions lock_options;
  lock_options.lock_directory =
      file.has_parent_path() ? file.parent_path() : std::filesystem::path(".");
  lock_options.previous = read_previous(file);
  if (options.check) return check_lock(options, manifest, lock_options.previous, environment);
  for (const std::string& name : options.upgrade) {
    if (name == kAll) {
      lock_options.upgrade.all = true;
    } else {
      lock_options.upgrade.names.insert(name);
    }
  }
  lock_options.sources = options.sources.sources;
  lock_options.fetch = options.sources.fetch;
  lock_options.uv = options.uv;
  const Lock lock = make_lock(manifest, lock_options, options.sources.open_cache(), events);
  events.clear_bar();
  const bool is_new = !lock_options.previous || *lock_options.previous != lock;
  if (is_new) {
    OutputFile out(file);
    out.write(as_bytes(encode_lock(lock)), 0);
    out.commit();
  }
  print_result(options, lock, lock_options.previous, is_new, environment);
  return ExitCode::kOk;
}

}  // namespace

void add_lock_command(CLI::App& app, ChosenCommand& chosen) {
  auto options = std::make_shared<LockCommandOptions>();
  CLI::App* command = app.add_subcommand("lock", "Choose every version that a manifest asks for");
  command->add_option("MANIFEST", options->manifest, "The manifest (TOML)")->required();
  command->add_option("-o,--output", options->output, "The lock (default: MANIFEST with .lock)")
      ->type_name("FILE");
  command->add_flag(
      "--upgrade{all}", options->upgrade,
      "Leave the old lock's versions behind: all, or with --upgrade=NAME those of one "
      "package, of `debs` or of `wheels`; may be repeated");
  command->add_flag("--check", options->check,
                    "Only say whether the lock is current; asks no network");
  command->add_option("--uv", options->uv, "uv program; pip serves where it is absent")
      ->type_name("PROGRAM")
      ->capture_default_str();
  add_source_options(*command, options->sources);
  add_common_options(*command, options->common);
  command->footer(
      "\nVersions of an existing lock stay unless --upgrade names them; the difference is printed. "
      "This is the only step that chooses a version.\n"
      "\nExample:\n  envbundle lock manifests/python-small.toml --upgrade=numpy");
  command->callback([options, &chosen] {
    chosen.json = options->common.json;
    chosen.run = [options](BundlerEnvironment& environment) { return make(*options, environment); };
  });
}

}  // namespace eb
