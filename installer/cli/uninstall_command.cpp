#include "installer/base/error.hpp"
#include "installer/cli/command_line.hpp"
#include "installer/cli/commands.hpp"
#include "installer/cli/progress_printer.hpp"
#include "installer/cli/report_table.hpp"
#include "installer/install/gc.hpp"
#include "installer/install/size_text.hpp"
#include "installer/install/uninstall.hpp"

namespace eb {
namespace {

void print(const UninstallReport& report, const OutputOptions& output, Environment& environment) {
  for (const auto& [release, result] : report.removed) {
    if (output.json) {
      print_record(environment.out, {{"record", "uninstall"},
                                     {"release", release},
                                     {"prefix", report.prefix},
                                     {"removed_files", result.removed},
                                     {"kept_files", result.left_count},
                                     {"kept_at", result.kept_at}});
      continue;
    }
    if (output.quiet) continue;
    ReportTable table(environment.out);
    table.headline("uninstalled", release);
    table.row("prefix", report.prefix);
    table.row("removed", count_text(result.removed, "file", "files"));
    if (result.left_count > 0) {
      table.row("kept", count_text(result.left_count, "name", "names") + " that no bundle brought" +
                            (result.kept_at.empty() ? std::string() : ", in " + result.kept_at));
      for (const std::string& path : result.left) table.row("", path);
    }
  }
}

// It is not refused: who names a release has decided. But nobody should be surprised.
void warn_of_use(const PrefixView& view, const UninstallOptions& options, const Host& host,
                 Environment& environment, EventSink& events) {
  const UseReport use = find_use(environment.sys, view, host, GcOptions().older_than_seconds);
  for (const auto& [release, user] : use.releases) {
    if (options.release && *options.release != release) continue;
    events.on(Warning{"release " + release + " is in use: " + user.text() +
                      "; what it has not opened yet will be missing"});
  }
}

}  // namespace

int uninstall_command(const std::vector<std::string>& arguments, Environment& environment) {
  std::string path;
  std::string release;
  UninstallOptions options;
  OutputOptions output;
  CommandLine line("uninstall");
  CLI::App& app = line.app();
  app.add_option("PREFIX", path);
  app.add_option("RELEASE", release);
  app.add_flag("--all", options.all);
  app.add_option_function<std::string>("--wait", [&](const std::string& text) {
    options.wait_seconds = parse_count("--wait", text, 0, 86400);
  });
  output.add_to(app);
  if (!line.parse(arguments, environment)) return 0;
  if (path.empty()) {
    throw Error(ExitCode::kUsage, "no prefix is named")
        .hint("envinstall uninstall PREFIX [RELEASE]");
  }
  if (!release.empty() && options.all) {
    throw Error(ExitCode::kUsage, "a release and --all exclude each other")
        .hint("leave one of them out");
  }
  if (!release.empty()) options.release = release;
  ProgressPrinter progress(environment.err, progress_style(output, environment));
  const Host host = read_host(environment.sys, environment.variable("HOME"), environment.root);
  PrefixView view = open_prefix(environment.sys, path);
  warn_of_use(view, options, host, environment, progress);
  const UninstallReport report =
      uninstall(environment.sys, std::move(view), options, host, progress, environment.stop);
  print(report, output, environment);
  return 0;
}

}  // namespace eb
