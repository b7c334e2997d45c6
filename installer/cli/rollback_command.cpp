#include "installer/base/error.hpp"
#include "installer/cli/command_line.hpp"
#include "installer/cli/commands.hpp"
#include "installer/cli/progress_printer.hpp"
#include "installer/cli/report_table.hpp"
#include "installer/install/rollback.hpp"

namespace eb {

int rollback_command(const std::vector<std::string>& arguments, Environment& environment) {
  std::string path;
  std::string release;
  OutputOptions output;
  CommandLine line("rollback");
  line.app().add_option("PREFIX", path);
  line.app().add_option("RELEASE", release);
  output.add_to(line.app());
  if (!line.parse(arguments, environment)) return 0;
  if (path.empty()) {
    throw Error(ExitCode::kUsage, "no prefix is named")
        .hint("envinstall rollback PREFIX [RELEASE]");
  }
  ProgressPrinter progress(environment.err, progress_style(output, environment));
  const Host host = read_host(environment.sys, environment.variable("HOME"), environment.root);
  const RollbackReport report = rollback(environment.sys, open_prefix(environment.sys, path),
                                         release.empty() ? std::nullopt : std::optional(release),
                                         host, progress, environment.stop);
  if (output.json) {
    print_record(environment.out, {{"record", "rollback"},
                                   {"release", report.release},
                                   {"id", report.id},
                                   {"previous", report.previous.value_or("")},
                                   {"prefix", report.prefix},
                                   {"changed", report.changed}});
  } else if (!output.quiet) {
    ReportTable table(environment.out);
    table.headline(report.changed ? "active now" : "active already", report.release);
    table.row("prefix", report.prefix);
    if (report.changed && report.previous) table.row("before", *report.previous);
    table.row("bundle ID", report.id);
  }
  return 0;
}

}  // namespace eb
