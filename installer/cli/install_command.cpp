#include "installer/base/error.hpp"
#include "installer/cli/bundle_argument.hpp"
#include "installer/cli/command_line.hpp"
#include "installer/cli/commands.hpp"
#include "installer/cli/progress_printer.hpp"
#include "installer/cli/report_table.hpp"
#include "installer/install/install.hpp"
#include "installer/install/size_text.hpp"

namespace eb {
namespace {

struct InstallArguments {
  std::string bundle;
  InstallOptions install;
  TrustArguments trust;
  OutputOptions output;
  bool dry_run = false;

  bool parse(const std::vector<std::string>& arguments, Environment& environment);
};

bool InstallArguments::parse(const std::vector<std::string>& arguments, Environment& environment) {
  CommandLine line("");
  CLI::App& app = line.app();
  app.add_option("BUNDLE", bundle);
  app.add_option("--prefix", install.prefix);
  app.add_flag("--parents", install.create_parents);
  app.add_flag("--dry-run", dry_run);
  app.add_flag("--allow-downgrade", install.allow_downgrade);
  app.add_option_function<std::string>("-j,--jobs", [this](const std::string& text) {
    install.jobs = parse_count("--jobs", text, 1, kMaxJobs);
  });
  app.add_option_function<std::string>("--max-bytes", [this](const std::string& text) {
    install.max_bytes = parse_size("--max-bytes", text);
  });
  app.add_option_function<std::string>("--wait", [this](const std::string& text) {
    install.wait_seconds = parse_count("--wait", text, 0, 86400);
  });
  trust.add_to(app);
  output.add_to(app);
  if (!line.parse(arguments, environment)) return false;
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

std::string current_text(const std::optional<std::string>& before, const std::string& after) {
  if (before == after) return after + " (unchanged)";
  return before.value_or("none") + " -> " + after;
}

void print_plan(const InstallPlan& plan, const OpenedBundle& opened, const OutputOptions& output,
                const std::vector<std::string>& warnings, std::ostream& out) {
  static constexpr const char* kNames[] = {"install", "activate", "none"};
  if (output.json) {
    Json record = {{"record", "plan"},           {"action", kNames[static_cast<int>(plan.action)]},
                   {"release", plan.release},    {"id", plan.id},
                   {"prefix", plan.prefix.path}, {"creates_prefix", !plan.prefix.exists}};
    record.update(totals_json(plan.totals));
    record.update(Json{{"needed_bytes", plan.space.need.bytes},
                       {"available_bytes", plan.space.free_bytes},
                       {"needed_inodes", plan.space.need.inodes},
                       {"available_inodes", plan.space.free_inodes},
                       {"jobs", plan.workers.jobs},
                       {"memory_bytes", plan.workers.memory_bytes},
                       {"current", plan.prefix.current ? Json(*plan.prefix.current) : Json()},
                       {"current_after", plan.release},
                       {"signers", signers_json(opened.bundle, opened.trust)},
                       {"durability", plan.durability.promise},
                       {"driver", driver_json(plan.driver)},
                       {"warnings", warnings}});
    print_record(out, record);
    return;
  }
  static constexpr const char* kHeads[] = {"would install", "would activate", "nothing to do"};
  ReportTable table(out);
  table.headline(kHeads[static_cast<int>(plan.action)], plan.release);
  table.row("id", plan.id);
  table.row("prefix", plan.prefix.path + (plan.prefix.exists ? "" : " (to be made)"));
  table.row("current", current_text(plan.prefix.current, plan.release));
  table.row("content", content_text(plan.totals));
  if (plan.action == InstallAction::kInstall) {
    table.row("space", size_text(plan.space.need.bytes) + " needed, " +
                           size_text(plan.space.free_bytes) + " available");
    table.row("inodes", std::to_string(plan.space.need.inodes) + " needed, " +
                            (plan.space.counts_inodes ? std::to_string(plan.space.free_inodes)
                                                      : std::string("no fixed number")) +
                            " available");
    table.row("work", count_text(plan.workers.jobs, "job", "jobs") + ", " +
                          size_text(plan.workers.memory_bytes) + " of memory");
    table.row("durable", plan.durability.promise);
  }
  add_signer_rows(table, opened.bundle, opened.trust);
  table.row("driver", driver_text(plan.driver));
}

bool has_path(const Index& index, std::string_view path) {
  for (const Entry& entry : index.entries) {
    if (entry.path.str() == path) return true;
  }
  return false;
}

// What a person does next; only what the release really has.
std::vector<std::string> next_steps(const InstallReport& report, const Index& index) {
  std::vector<std::string> out;
  if (has_path(index, "bin/python")) out.push_back(report.prefix + "/bin/python");
  if (has_path(index, "share/envbundle/activate.sh")) {
    std::string others;
    for (const char* shell : {"fish", "csh"}) {
      if (has_path(index, std::string("share/envbundle/activate.") + shell)) {
        others += std::string(others.empty() ? "" : ", ") + "activate." + shell;
      }
    }
    out.push_back(". " + report.prefix + "/share/envbundle/activate.sh" +
                  (others.empty() ? "" : "   (bash, zsh; also " + others + ")"));
  }
  return out;
}

void print_report(const InstallReport& report, const OpenedBundle& opened,
                  const OutputOptions& output, const std::vector<std::string>& warnings,
                  std::ostream& out) {
  const std::vector<std::string> next = next_steps(report, opened.bundle.index());
  if (output.json) {
    static constexpr const char* kNames[] = {"installed", "activated", "none"};
    Json record = {{"record", "install"},
                   {"action", kNames[static_cast<int>(report.action)]},
                   {"release", report.release},
                   {"id", report.id},
                   {"prefix", report.prefix}};
    record.update(totals_json(report.totals));
    record.update(Json{{"seconds", report.seconds},
                       {"previous", report.previous ? Json(*report.previous) : Json()},
                       {"signers", signers_json(opened.bundle, opened.trust)},
                       {"durability", report.durability.promise},
                       {"driver", driver_json(report.driver)},
                       {"next", next},
                       {"warnings", warnings}});
    print_record(out, record);
    return;
  }
  if (output.quiet) return;
  ReportTable table(out);
  switch (report.action) {
    case InstallAction::kInstall:
      table.headline("installed", report.release);
      break;
    case InstallAction::kActivate:
      table.headline("activated", report.release + " (it was already installed)");
      break;
    case InstallAction::kNothing:
      table.headline("nothing done", report.release + " is already installed and active");
      break;
  }
  table.row("id", report.id);
  table.row("prefix", report.prefix);
  table.row("content", content_text(report.totals) + (report.action == InstallAction::kInstall
                                                          ? ", in " + duration_text(report.seconds)
                                                          : std::string()));
  if (report.action != InstallAction::kNothing && report.previous) {
    table.row("current", current_text(report.previous, report.release));
  }
  add_signer_rows(table, opened.bundle, opened.trust);
  if (report.action == InstallAction::kInstall) table.row("durable", report.durability.promise);
  table.row("driver", driver_text(report.driver));
  for (const std::string& step : next) table.row("next:", step);
}

}  // namespace

int install_command(const std::vector<std::string>& arguments, Environment& environment) {
  InstallArguments given;
  if (!given.parse(arguments, environment)) return 0;
  ProgressPrinter progress(environment.err, {.terminal = environment.err_is_terminal,
                                             .quiet = given.output.quiet,
                                             .verbose = given.output.verbose,
                                             .columns = environment.columns});
  const Host host = read_host(environment.sys, environment.variable("HOME"), environment.root);
  std::optional<OpenedBundle> opened;
  std::optional<InstallPlan> plan;
  try {
    opened.emplace(open_named_bundle(given.bundle, given.trust, host, environment, progress));
    for (const AcceptedSignature& signature : opened->bundle.accepted()) {
      progress.line("verify", "signed by " + signer_text(signature, opened->trust));
    }
    plan.emplace(plan_install(environment.sys, opened->bundle, host, given.install,
                              opened->source->is_stream(), progress));
    if (const std::string text = driver_warning(plan->driver); !text.empty()) {
      progress.on(Warning{text});
    }
  } catch (Error& error) {
    progress.clear_bar();
    // Up to here nothing was written.
    if (error.code() != ExitCode::kUsage) error.hint("nothing was changed");
    throw;
  }
  if (given.dry_run) {
    print_plan(*plan, *opened, given.output, progress.warnings(), environment.out);
    return 0;
  }
  if (plan->action == InstallAction::kInstall) {
    progress.on(Note{count_text(plan->workers.jobs, "job", "jobs") + ", " +
                     size_text(plan->workers.memory_bytes) + " of memory for frames"});
  }
  const InstallReport report =
      install(environment.sys, *opened->source, opened->bundle, std::move(*plan), opened->trust,
              host, given.install, progress, environment.stop);
  print_report(report, *opened, given.output, progress.warnings(), environment.out);
  return 0;
}

}  // namespace eb
