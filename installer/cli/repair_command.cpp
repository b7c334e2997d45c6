#include "installer/base/error.hpp"
#include "installer/cli/bundle_argument.hpp"
#include "installer/cli/command_line.hpp"
#include "installer/cli/commands.hpp"
#include "installer/cli/progress_printer.hpp"
#include "installer/cli/report_table.hpp"
#include "installer/install/repair.hpp"
#include "installer/install/size_text.hpp"

namespace eb {
namespace {

constexpr size_t kMaxShown = 20;  // paths; --json has them all

void print(const RepairReport& report, const OpenedBundle& opened, const OutputOptions& output,
           Environment& environment) {
  if (output.json) {
    print_record(environment.out, {{"record", "repair"},
                                   {"release", report.release},
                                   {"id", report.id},
                                   {"prefix", report.prefix},
                                   {"changed", !report.rewritten.empty()},
                                   {"files", report.files},
                                   {"rewritten", report.rewritten},
                                   {"modes", report.modes},
                                   {"bytes", report.bytes},
                                   {"frames_read", report.frames_read},
                                   {"frames", report.frames},
                                   {"added", report.added},
                                   {"kept_at", report.kept_at},
                                   {"signers", signers_json(opened.bundle, opened.trust)}});
    return;
  }
  if (output.quiet) return;
  ReportTable table(environment.out);
  table.headline(report.rewritten.empty() ? "nothing done" : "repaired", report.release);
  table.row("prefix", report.prefix);
  if (report.rewritten.empty()) {
    table.row("found", "every byte of " + count_text(report.files, "file", "files") + " is right");
  } else {
    table.row("repaired", count_text(report.rewritten.size(), "name", "names") + ", " +
                              size_text(report.bytes) + " written, " +
                              std::to_string(report.frames_read) + " of " +
                              count_text(report.frames, "frame", "frames") + " read");
    for (size_t i = 0; i < std::min(report.rewritten.size(), kMaxShown); ++i) {
      table.row("", report.rewritten[i]);
    }
    if (report.rewritten.size() > kMaxShown) {
      table.row("", "and " + std::to_string(report.rewritten.size() - kMaxShown) + " more");
    }
  }
  if (!report.added.empty()) {
    table.row("left alone", count_text(report.added.size(), "name", "names") +
                                " that no bundle brought, " + report.added.front() +
                                (report.added.size() > 1 ? " among them" : ""));
  }
  if (!report.kept_at.empty()) table.row("moved", "what stood in the way, to " + report.kept_at);
  add_signer_rows(table, opened.bundle, opened.trust);
}

}  // namespace

int repair_command(const std::vector<std::string>& arguments, Environment& environment) {
  std::string path;
  std::string release;
  std::string bundle;
  unsigned jobs = 0;
  RepairOptions options;
  TrustArguments trust;
  OutputOptions output;
  CommandLine line("repair");
  CLI::App& app = line.app();
  app.add_option("PREFIX", path);
  app.add_option("RELEASE", release);
  app.add_option("--from", bundle);
  app.add_option_function<std::string>("-j,--jobs", [&](const std::string& text) {
    jobs = parse_count("--jobs", text, 1, kMaxJobs);
  });
  app.add_option_function<std::string>("--wait", [&](const std::string& text) {
    options.wait_seconds = parse_count("--wait", text, 0, 86400);
  });
  trust.add_to(app);
  output.add_to(app);
  if (!line.parse(arguments, environment)) return 0;
  if (path.empty() || bundle.empty()) {
    throw Error(ExitCode::kUsage, path.empty() ? "no prefix is named" : "no bundle is named")
        .hint("envinstall repair PREFIX [RELEASE] --from BUNDLE");
  }
  if (bundle == "-") {
    throw Error(ExitCode::kUsage, "a repair needs the bundle as a file")
        .why("of a pipe the parts cannot be had that are needed")
        .hint("name the bundle's path: --from BUNDLE");
  }
  if (!release.empty()) options.release = release;
  ProgressPrinter progress(environment.err, progress_style(output, environment));
  const Host host = read_host(environment.sys, environment.variable("HOME"), environment.root);
  PrefixView view = open_prefix(environment.sys, path);
  trust.not_before = remembered_time(environment.sys, path);
  const OpenedBundle opened = open_named_bundle(bundle, trust, host, environment, progress);
  options.jobs = choose_workers(opened.bundle.index(), jobs, host.cpus, false).jobs;
  const RepairReport report =
      repair(environment.sys, *opened.source, opened.bundle, std::move(view), options, opened.trust,
             host, progress, environment.stop);
  progress.clear_bar();
  print(report, opened, output, environment);
  return 0;
}

}  // namespace eb
