#include "installer/base/error.hpp"
#include "installer/cli/command_line.hpp"
#include "installer/cli/commands.hpp"
#include "installer/cli/progress_printer.hpp"
#include "installer/cli/report_table.hpp"
#include "installer/install/frame_pipeline.hpp"
#include "installer/install/prewarm.hpp"
#include "installer/install/size_text.hpp"

namespace eb {

int prewarm_command(const std::vector<std::string>& arguments, Environment& environment) {
  std::string path;
  std::string release;
  PrewarmOptions options;
  OutputOptions output;
  CommandLine line("prewarm");
  line.app().add_option("PREFIX", path);
  line.app().add_option("RELEASE", release);
  unsigned jobs = 0;
  line.app().add_option_function<std::string>("-j,--jobs", [&jobs](const std::string& text) {
    jobs = parse_count("--jobs", text, 1, kMaxJobs);
  });
  line.app().add_option_function<std::string>("--max-bytes", [&options](const std::string& text) {
    options.max_bytes = parse_size("--max-bytes", text);
  });
  output.add_to(line.app());
  if (!line.parse(arguments, environment)) return 0;
  if (path.empty()) {
    throw Error(ExitCode::kUsage, "no prefix is named").hint("envinstall prewarm PREFIX [RELEASE]");
  }
  if (!release.empty()) options.release = release;
  ProgressPrinter progress(environment.err, progress_style(output, environment));
  const Host host = read_host(environment.sys, environment.variable("HOME"), environment.root);
  options.jobs = jobs != 0 ? jobs : std::min(host.cpus, kMaxDefaultJobs);
  const PrewarmReport report = prewarm(environment.sys, open_prefix(environment.sys, path), options,
                                       host, progress, environment.stop);
  if (output.json) {
    print_record(environment.out, {{"record", "prewarm"},
                                   {"prefix", report.prefix},
                                   {"release", report.release},
                                   {"files", report.files},
                                   {"bytes", report.bytes},
                                   {"left_out", report.left_out},
                                   {"seconds", report.seconds}});
  } else if (!output.quiet) {
    ReportTable table(environment.out);
    table.headline("in memory", report.release);
    table.row("prefix", report.prefix);
    table.row("read", count_text(report.files, "file", "files") + ", " + size_text(report.bytes) +
                          ", in " + duration_text(report.seconds));
    if (report.left_out > 0) {
      table.row("left out", count_text(report.left_out, "file", "files") +
                                " that would take more than --max-bytes, or half of the memory");
    }
  }
  return 0;
}

}  // namespace eb
