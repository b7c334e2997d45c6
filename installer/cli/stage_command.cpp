#include <algorithm>

#include "installer/base/error.hpp"
#include "installer/cli/bundle_argument.hpp"
#include "installer/cli/command_line.hpp"
#include "installer/cli/commands.hpp"
#include "installer/cli/progress_printer.hpp"
#include "installer/cli/report_table.hpp"
#include "installer/install/install.hpp"
#include "installer/install/local_disk.hpp"
#include "installer/install/staging_yard.hpp"

namespace eb {
namespace {

constexpr char kAuto[] = "auto";

struct StageArguments {
  std::string bundle;  ///< with --remove also a staged prefix
  std::string to = kAuto;
  bool remove = false;
  InstallOptions install;
  TrustArguments trust;
  OutputOptions output;

  bool parse(const std::vector<std::string>& arguments, Environment& environment);
};

bool StageArguments::parse(const std::vector<std::string>& arguments, Environment& environment) {
  CommandLine line("stage");
  CLI::App& app = line.app();
  app.add_option("BUNDLE", bundle);
  app.add_option("--to", to);
  app.add_flag("--remove", remove);
  add_work_options(app, install);
  trust.add_to(app);
  output.add_to(app);
  if (!line.parse(arguments, environment)) return false;
  install.exceptions.expired = trust.allow_expired;
  if (bundle.empty()) {
    throw Error(ExitCode::kUsage, "no bundle is named").hint("envinstall stage BUNDLE [--to DIR]");
  }
  return true;
}

std::vector<DiskCandidate> candidates(const StageArguments& given, const Environment& environment) {
  if (given.to == kAuto) return disk_candidates(environment.variable);
  return {{given.to, given.to}};
}

// The folder to stage into. Where the release is, or is being made, comes first: with it there, the
// disk may have no room for another.
std::string choose_disk(const StageArguments& given, const VerifiedBundle& bundle, const Host& host,
                        Environment& environment) {
  const std::vector<DiskCandidate> all = candidates(given, environment);
  for (const DiskCandidate& each : all) {
    if (StagingYard::has_release(environment.sys, each.path, bundle.release_name(), host)) {
      return each.path;
    }
  }
  Error error(ExitCode::kUnsupportedFs, given.to == kAuto
                                            ? "no disk of this machine can take the release"
                                            : "that folder cannot take the release");
  error.where(given.to == kAuto ? host.node : given.to);
  std::string why;
  for (const DiskCandidate& each : all) {
    std::string reason =
        refuse_disk(environment.sys, each.path, bundle, job_memory(environment.variable), host);
    if (reason.empty()) return each.path;
    why += (why.empty() ? "" : "; ") + (all.size() > 1 ? each.name + ": " : "") + reason;
  }
  throw std::move(error)
      .why(why)
      .hint("name a folder on a disk of this machine with --to DIR")
      .hint("for a folder on a server install once for all nodes: envinstall BUNDLE --prefix DIR");
}

void print(const StageArguments& given, const InstallReport& report, Environment& environment) {
  if (!given.output.json) {
    environment.out << report.prefix << "\n";
    return;
  }
  const bool changed = report.action != InstallAction::kNothing;
  print_record(environment.out, {{"record", "stage"},
                                 {"action", changed ? "staged" : "none"},
                                 {"changed", changed},
                                 {"release", report.release},
                                 {"id", report.id},
                                 {"prefix", report.prefix},
                                 {"seconds", report.seconds}});
}

void stage(StageArguments& given, const Host& host, ProgressPrinter& progress,
           Environment& environment) {
  OpenedBundle opened = open_named_bundle(given.bundle, given.trust, host, environment, progress);
  const std::string release = opened.bundle.release_name();
  StagingYard yard =
      StagingYard::open(environment.sys, choose_disk(given, opened.bundle, host, environment), host,
                        given.install.wait_seconds, progress, environment.stop);
  yard.lease(release, lease_holder(environment.sys, environment.variable, host));
  given.install.prefix = yard.prefix_of(release);
  given.install.durable = host.boot_id.empty();
  InstallPlan plan = plan_install(environment.sys, opened.bundle, host, given.install,
                                  opened.source->is_stream(), progress);
  print(given,
        install(environment.sys, *opened.source, opened.bundle, std::move(plan), opened.trust, host,
                given.install, progress, environment.stop),
        environment);
}

// A staged prefix was named, so the bundle need not be there any more.
bool split_prefix(const std::string& path, std::string* base, std::string* release) {
  std::string text = path;
  while (text.size() > 1 && text.ends_with('/')) text.pop_back();
  const size_t last = text.rfind('/');
  const size_t middle =
      last == std::string::npos || last == 0 ? std::string::npos : text.rfind('/', last - 1);
  if (middle == std::string::npos) return false;
  *base = text.substr(0, std::max<size_t>(middle, 1));
  *release = text.substr(last + 1);
  return !release->empty() && *release != "." && *release != "..";
}

void remove(const StageArguments& given, const Host& host, ProgressPrinter& progress,
            Environment& environment) {
  std::string base;
  std::string release;
  std::vector<std::string> bases;
  if (is_folder(environment.sys, given.bundle)) {
    if (!split_prefix(given.bundle, &base, &release) ||
        !StagingYard::has_release(environment.sys, base, release, host) ||
        StagingYard::path_in(base, host) + "/" + release != given.bundle) {
      throw Error(ExitCode::kUsage, "nothing was staged there")
          .where(given.bundle)
          .hint("name the path that 'envinstall stage' printed, or the bundle")
          .hint("a prefix goes with 'envinstall uninstall'");
    }
    bases.push_back(base);
  } else {
    const OpenedBundle opened =
        open_named_bundle(given.bundle, given.trust, host, environment, progress);
    release = opened.bundle.release_name();
    for (const DiskCandidate& each : candidates(given, environment)) {
      if (StagingYard::has_release(environment.sys, each.path, release, host)) {
        bases.push_back(each.path);
      }
    }
  }
  const LeaseHolder holder = lease_holder(environment.sys, environment.variable, host);
  for (const std::string& each : bases) {
    StagingYard yard = StagingYard::open(environment.sys, each, host, given.install.wait_seconds,
                                         progress, environment.stop);
    const auto other = yard.give_up(release, holder);
    if (given.output.json) {
      print_record(environment.out, {{"record", "stage"},
                                     {"action", other ? "kept" : "removed"},
                                     {"changed", !other},
                                     {"release", release},
                                     {"prefix", yard.prefix_of(release)},
                                     {"used_by", other ? Json(*other) : Json()}});
    } else {
      progress.line("stage",
                    other ? "kept, because " + *other + " uses it: " + yard.prefix_of(release)
                          : "removed " + yard.prefix_of(release));
    }
  }
}

}  // namespace

int stage_command(const std::vector<std::string>& arguments, Environment& environment) {
  StageArguments given;
  if (!given.parse(arguments, environment)) return 0;
  ProgressPrinter progress(environment.err, progress_style(given.output, environment));
  const Host host = read_host(environment.sys, environment.variable("HOME"), environment.root);
  given.remove ? remove(given, host, progress, environment)
               : stage(given, host, progress, environment);
  return 0;
}

}  // namespace eb
