#include <fcntl.h>

#include "installer/base/error.hpp"
#include "installer/cli/command_line.hpp"
#include "installer/cli/commands.hpp"
#include "installer/cli/progress_printer.hpp"
#include "installer/cli/report_table.hpp"
#include "installer/install/gc.hpp"
#include "installer/install/remove_tree.hpp"
#include "installer/install/size_text.hpp"
#include "installer/install/small_file.hpp"
#include "installer/lease/lease.hpp"

namespace eb {
namespace {

// 7d, 12h, 30m; a number alone is days.
int64_t parse_age(const std::string& text) {
  std::string digits = text;
  int64_t unit = 86400;
  if (!digits.empty()) {
    const char last = digits.back();
    if (last == 'h') unit = 3600;
    if (last == 'm') unit = 60;
    if (last == 'd' || last == 'h' || last == 'm') digits.pop_back();
  }
  const auto number = parse_number(digits);
  if (!number || *number > 36500) {
    throw Error(ExitCode::kUsage, "--older-than wants a time")
        .why("got '" + printable(text) + "'")
        .hint("for example --older-than 7d, 12h or 30m");
  }
  return static_cast<int64_t>(*number) * unit;
}

// On: a folder that every user may write into and nobody remove others' files from, as /tmp.
void switch_leases(const std::string& path, const std::string& word, const OutputOptions& output,
                   Environment& environment) {
  if (word != "on" && word != "off") {
    throw Error(ExitCode::kUsage, "--leases knows no '" + printable(word) + "'")
        .hint("it is one of on, off");
  }
  const PrefixView view = open_prefix(environment.sys, path);
  const std::string where = view.path + "/" + kStateDir + "/" + kLeasesDir;
  const Fd state = open_dir_at(environment.sys, view.dir.get(), kStateDir, view.path);
  if (word == "off") {
    if (const int r = remove_tree(environment.sys, state.get(), kLeasesDir); r < 0) {
      throw system_error(-r, "cannot remove the leases", where);
    }
  } else {
    make_directory(environment.sys, state.get(), kLeasesDir, 0755, where);
    const int r = environment.sys.fchmodat(state.get(), kLeasesDir, 01777);
    if (r < 0) throw system_error(-r, "cannot open the folder of leases to all", where);
  }
  if (output.json) {
    print_record(environment.out, {{"record", "leases"}, {"on", word == "on"}, {"folder", where}});
  } else if (!output.quiet) {
    environment.out << "leases are " << word << ": " << printable(where) << "\n";
  }
}

void print(const GcReport& report, const GcOptions& options, const OutputOptions& output,
           std::ostream& out) {
  const char* goes = options.dry_run ? "would remove" : "removed";
  if (output.json) {
    for (const GcVerdict& verdict : report.verdicts) {
      print_record(out, {{"record", "gc"},
                         {"prefix", report.prefix},
                         {"release", verdict.release},
                         {"action", verdict.goes ? goes : "kept"},
                         {"why", verdict.why}});
    }
    for (const auto& [release, result] : report.removed) {
      print_record(out, {{"record", "uninstall"},
                         {"release", release},
                         {"prefix", report.prefix},
                         {"removed_files", result.removed},
                         {"kept_files", result.left_count},
                         {"kept_at", result.kept_at}});
    }
    return;
  }
  if (output.quiet) return;
  for (const GcVerdict& verdict : report.verdicts) {
    ReportTable table(out);
    table.headline(verdict.goes ? goes : "kept", verdict.release);
    table.row("why", verdict.why);
    for (const auto& [release, result] : report.removed) {
      if (release != verdict.release) continue;
      table.row("removed", count_text(result.removed, "file", "files"));
      if (result.left_count > 0) table.row("left", "what no bundle brought, in " + result.kept_at);
    }
  }
  if (report.verdicts.empty())
    out << "no release is installed in " << printable(report.prefix) << "\n";
}

}  // namespace

int gc_command(const std::vector<std::string>& arguments, Environment& environment) {
  std::string path;
  std::string leases;
  GcOptions options;
  OutputOptions output;
  CommandLine line("gc");
  CLI::App& app = line.app();
  app.add_option("PREFIX", path);
  app.add_option_function<std::string>("--keep", [&](const std::string& text) {
    options.keep = parse_count("--keep", text, 1, 1000);
  });
  app.add_option_function<std::string>("--older-than", [&](const std::string& text) {
    options.older_than_seconds = parse_age(text);
  });
  app.add_flag("--dry-run", options.dry_run);
  app.add_option("--leases", leases);
  app.add_option_function<std::string>("--wait", [&](const std::string& text) {
    options.wait_seconds = parse_count("--wait", text, 0, 86400);
  });
  output.add_to(app);
  if (!line.parse(arguments, environment)) return 0;
  if (path.empty()) {
    throw Error(ExitCode::kUsage, "no prefix is named").hint("envinstall gc PREFIX [--keep N]");
  }
  if (!leases.empty()) {
    switch_leases(path, leases, output, environment);
    return 0;
  }
  ProgressPrinter progress(environment.err, progress_style(output, environment));
  const Host host = read_host(environment.sys, environment.variable("HOME"), environment.root);
  const GcReport report =
      collect_garbage(environment.sys, path, options, host, progress, environment.stop);
  if (report.unreadable_processes > 0) {
    progress.on(Note{"of " + count_text(report.unreadable_processes, "process", "processes") +
                     " of other users on this machine nothing can be seen"});
  }
  print(report, options, output, environment.out);
  return 0;
}

}  // namespace eb
