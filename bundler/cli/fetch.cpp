#include "bundler/cli/commands.hpp"
#include "bundler/cli/json_line.hpp"
#include "bundler/cli/obtain.hpp"
#include "installer/install/size_text.hpp"

namespace eb {
namespace {

struct FetchCommandOptions {
  CommonOptions common;
  SourceArguments sources;
  std::string lock;
};

ExitCode fetch(const FetchCommandOptions& options, BundlerEnvironment& environment) {
  ProgressPrinter events(environment.err, progress_style(options.common, environment));
  const LockFile lock = read_lock(options.lock);
  const Obtained obtained = obtain(lock, options.sources, events);
  events.clear_bar();
  uint64_t bytes = 0;
  for (const Artifact& artifact : lock.lock.artifacts) {
    if (artifact.kind != ArtifactKind::kFolder) bytes += artifact.size_bytes;
  }
  const std::filesystem::path cache = options.sources.open_cache().directory();
  if (options.common.json) {
    const nlohmann::ordered_json record = {
        {"record", "fetch"},           {"lock", options.lock},      {"cache", cache.string()},
        {"fetched", obtained.fetched}, {"cached", obtained.cached}, {"bytes", bytes}};
    environment.out << json_line(record);
    return ExitCode::kOk;
  }
  environment.out << obtained.fetched << " files fetched, " << obtained.cached
                  << " were there; together " << size_text(bytes) << " in " << cache.string()
                  << "\n";
  return ExitCode::kOk;
}

}  // namespace

void add_fetch_command(CLI::App& app, ChosenCommand& chosen) {
  auto options = std::make_shared<FetchCommandOptions>();
  CLI::App* command = app.add_subcommand("fetch", "Download what a lock names");
  command->add_option("LOCK", options->lock, "The lock")->required();
  add_source_options(*command, options->sources);
  add_common_options(*command, options->common);
  command->footer(
      "\nEvery file is checked against the lock's size and sha256. What is there already is not "
      "downloaded again; what was interrupted goes on where it stopped. Proxies and ~/.netrc are "
      "honoured.\n"
      "\nExample:\n  envbundle fetch manifests/python-small.lock");
  command->callback([options, &chosen] {
    chosen.json = options->common.json;
    chosen.run = [options](BundlerEnvironment& environment) {
      return fetch(*options, environment);
    };
  });
}

}  // namespace eb
