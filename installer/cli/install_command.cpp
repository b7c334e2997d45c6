#include "installer/base/error.hpp"
#include "installer/cli/bundle_argument.hpp"
#include "installer/cli/command_line.hpp"
#include "installer/cli/commands.hpp"
#include "installer/cli/gpu_check.hpp"
#include "installer/cli/image_root.hpp"
#include "installer/cli/install_report.hpp"
#include "installer/cli/module_options.hpp"
#include "installer/cli/progress_printer.hpp"
#include "installer/install/existing_release.hpp"
#include "installer/install/install.hpp"
#include "installer/install/prewarm.hpp"
#include "installer/install/size_text.hpp"

namespace eb {
namespace {

struct InstallArguments {
  std::string bundle;
  InstallOptions install;
  TrustArguments trust;
  GpuCheckOptions check;
  ModuleOptions modules;
  OutputOptions output;
  bool dry_run = false;
  bool prewarm = false;
  bool check_mode = false;  ///< as dry_run, and the exit code says whether anything would change

  bool parse(const std::vector<std::string>& arguments, Environment& environment);
};

bool InstallArguments::parse(const std::vector<std::string>& arguments, Environment& environment) {
  CommandLine line("");
  CLI::App& app = line.app();
  app.add_option("BUNDLE", bundle);
  app.add_option("--prefix", install.prefix);
  app.add_flag("--parents", install.create_parents);
  app.add_flag("--dry-run", dry_run);
  app.add_flag("--check", check_mode);
  app.add_flag("--prewarm", prewarm);
  app.add_flag_callback("--as-image", [this] { install.form = ReleaseForm::kImage; });
  app.add_flag("--allow-downgrade", install.exceptions.downgrade);
  add_work_options(app, install);
  trust.add_to(app);
  check.add_to(app);
  modules.add_to(app);
  output.add_to(app);
  if (!line.parse(arguments, environment)) return false;
  install.exceptions.expired = trust.allow_expired;
  if (bundle.empty()) {
    throw Error(ExitCode::kUsage, "no bundle is named")
        .hint("to install: envinstall BUNDLE --prefix DIR")
        .hint("'envinstall --help' shows what there is");
  }
  if (install.prefix.empty()) {
    throw Error(ExitCode::kUsage, "no prefix is named")
        .hint("say where to install: envinstall " + bundle + " --prefix /opt/dl");
  }
  return true;
}

// The check between publishing and activating; its report, where there was one, goes to `kept`.
std::function<void(const Prefix&, const std::string&)> gate(const GpuCheckOptions& options,
                                                            const GpuOutlook& outlook,
                                                            const std::string& id, const Host& host,
                                                            const Environment& environment,
                                                            EventSink& events,
                                                            std::optional<CheckReport>* kept) {
  if (options.mode == GpuCheckMode::kSkip || !outlook.demand.needs_gpu() ||
      !outlook.verdict.is_testable) {
    return {};
  }
  return [=, &options, &outlook, &host, &environment, &events](const Prefix& prefix,
                                                               const std::string& release) {
    const std::string folder = prefix.at(kReleasesDir) + "/" + release;
    const std::string root = reachable_root(folder, environment);
    if (root.empty() && options.mode == GpuCheckMode::kRequire) {
      throw Error(ExitCode::kSmokeTest, "the GPU check could not test a GPU")
          .where(folder)
          .why("the image can be seen in a namespace only")
          .hint(image_hint(folder, prefix.path));
    }
    if (root.empty()) {
      events.on(Warning{"the GPU was not tested: the image can be seen in a namespace only; " +
                        image_hint(folder, prefix.path)});
      return;
    }
    const CheckedRelease checked{.prefix = prefix.path,
                                 .release = release,
                                 .id = id,
                                 .folder = root,
                                 .is_install = true,
                                 .state_dir = prefix.state.get()};
    kept->emplace(check_release_gpu(checked, outlook, options, host, environment, events));
    require_passed(**kept, options.mode);
  };
}

}  // namespace

int install_command(const std::vector<std::string>& arguments, Environment& environment) {
  InstallArguments given;
  if (!given.parse(arguments, environment)) return 0;
  ProgressPrinter progress(environment.err, progress_style(given.output, environment));
  const Host host = read_host(environment.sys, environment.variable("HOME"), environment.root);
  std::optional<OpenedBundle> opened;
  std::optional<InstallPlan> plan;
  std::optional<GpuOutlook> outlook;
  try {
    given.trust.not_before = remembered_time(environment.sys, given.install.prefix);
    opened.emplace(open_named_bundle(given.bundle, given.trust, host, environment, progress));
    for (const AcceptedSignature& signature : opened->bundle.accepted()) {
      progress.line("verify", "signed by " + signer_text(signature, opened->trust));
    }
    given.modules.apply(environment.sys, opened->bundle.index(), given.install);
    plan.emplace(plan_install(environment.sys, opened->bundle, host, given.install,
                              opened->source->is_stream(), progress));
    outlook.emplace(gpu_outlook(opened->bundle.index(), environment));
    if (given.check_mode && plan->action != InstallAction::kInstall) {
      // What the run itself would refuse.
      require_intact(environment.sys, plan->prefix.dir.get(), plan->prefix.path, plan->release,
                     opened->bundle, plan->workers.jobs, progress, environment.stop);
    }
    if (plan->action != InstallAction::kNothing) require_fit(*outlook, given.check.mode);
    if (const std::string text = verdict_warning(outlook->verdict); !text.empty()) {
      progress.on(Warning{text});
    }
  } catch (Error& error) {
    progress.clear_bar();
    // Up to here nothing was written.
    if (error.code() != ExitCode::kUsage) error.hint("nothing was changed");
    throw;
  }
  if (given.dry_run || given.check_mode) {
    print_plan(*plan, *opened, *outlook, given.output, progress.warnings(), environment.out);
    const bool would_change = plan->action != InstallAction::kNothing;
    return static_cast<int>(given.check_mode && would_change ? ExitCode::kWouldChange
                                                             : ExitCode::kOk);
  }
  if (plan->action == InstallAction::kInstall) {
    progress.on(Note{count_text(plan->workers.jobs, "job", "jobs") + ", " +
                     size_text(plan->workers.memory_bytes) + " of memory for frames"});
  }
  std::optional<CheckReport> check;
  given.install.before_activation =
      gate(given.check, *outlook, opened->bundle.id().hex(), host, environment, progress, &check);
  const InstallReport report =
      install(environment.sys, *opened->source, opened->bundle, std::move(*plan), opened->trust,
              host, given.install, progress, environment.stop);
  if (given.prewarm) {
    PrewarmOptions options;
    options.jobs = std::min(host.cpus, kMaxDefaultJobs);
    prewarm(environment.sys, open_prefix(environment.sys, report.prefix), options, host, progress,
            environment.stop);
  }
  print_report({report, *opened, *outlook, check}, given.check.mode, given.output,
               progress.warnings(), environment.out);
  return 0;
}

}  // namespace eb
