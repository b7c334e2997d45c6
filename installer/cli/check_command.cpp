#include <fcntl.h>

#include "installer/base/error.hpp"
#include "installer/check/report_json.hpp"
#include "installer/cli/command_line.hpp"
#include "installer/cli/commands.hpp"
#include "installer/cli/gpu_check.hpp"
#include "installer/cli/image_root.hpp"
#include "installer/cli/progress_printer.hpp"
#include "installer/install/prefix.hpp"
#include "installer/install/release_check.hpp"
#include "installer/lease/lease.hpp"

namespace eb {
namespace {

struct CheckArguments {
  std::string prefix;
  std::string release;
  GpuCheckOptions check;
  OutputOptions output;
};

std::string chosen_release(const CheckArguments& given, const PrefixView& view) {
  if (!given.release.empty()) {
    for (const std::string& release : view.releases) {
      if (release == given.release) return release;
    }
    throw Error(ExitCode::kUsage, "there is no release " + given.release)
        .where(view.path)
        .hint("'envinstall list " + view.path + "' shows the releases");
  }
  if (view.current) return *view.current;
  throw Error(ExitCode::kUsage, "no release is active there")
      .where(view.path)
      .hint(view.releases.empty()
                ? "name the folder that was given with --prefix when it was installed"
                : "name the release too: envinstall check " + view.path + " " +
                      view.releases.back());
}

// What the static look says, for who wants nothing to be started.
void print_outlook(const GpuOutlook& outlook, const CheckedRelease& checked, bool json,
                   std::ostream& out) {
  if (json) {
    print_record(out, {{"record", "gpu"},
                       {"prefix", checked.prefix},
                       {"release", checked.release},
                       {"driver", outlook_json(outlook)}});
    return;
  }
  ReportTable table(out);
  table.headline("machine", "seen from outside; nothing was started (--gpu-check=skip)");
  table.row("release", checked.release);
  add_outlook_rows(table, outlook, true);
}

}  // namespace

int check_command(const std::vector<std::string>& arguments, Environment& environment) {
  CheckArguments given;
  CommandLine line("check");
  line.app().add_option("PREFIX", given.prefix);
  line.app().add_option("RELEASE", given.release);
  given.check.add_to(line.app());
  given.output.add_to(line.app());
  if (!line.parse(arguments, environment)) return 0;
  if (given.prefix.empty()) {
    throw Error(ExitCode::kUsage, "no prefix is named").hint("envinstall check PREFIX");
  }
  ProgressPrinter progress(environment.err, progress_style(given.output, environment));
  const Host host = read_host(environment.sys, environment.variable("HOME"), environment.root);
  const PrefixView view = open_prefix(environment.sys, given.prefix);
  CheckedRelease checked{
      .prefix = view.path, .release = chosen_release(given, view), .id = {}, .folder = {}};
  const std::string below = std::string(kReleasesDir) + "/" + checked.release;
  const std::string folder = view.path + "/" + below;
  checked.is_active = checked.release == view.current;
  const Index index =
      read_release_index(environment.sys, view.dir.get(), below, view.path, &checked.id);
  const GpuOutlook outlook = gpu_outlook(index, environment);
  if (given.check.mode == GpuCheckMode::kSkip) {
    print_outlook(outlook, checked, given.output.json, environment.out);
    return 0;
  }
  checked.folder = reachable_root(folder, environment);
  if (checked.folder.empty()) {
    throw Error(ExitCode::kUnsupportedFs, "the image can be seen in a namespace only")
        .where(folder)
        .hint(image_hint(folder, view.path));
  }
  const Fd state = open_dir_at(environment.sys, view.dir.get(), kStateDir, view.path);
  const HeldLease lease(environment.sys, {.prefix = view.path,
                                          .release = checked.release,
                                          .what = "envinstall check",
                                          .node = host.node,
                                          .root = environment.root});
  checked.state_dir = state.get();
  const CheckReport report =
      check_release_gpu(checked, outlook, given.check, host, environment, progress);
  progress.clear_bar();
  if (given.output.json) {
    print_record(environment.out, report_json(report));
  } else {
    environment.out << report_text(report) << std::flush;
  }
  // The tests ran first: what they say of a driver that is too old is worth having.
  require_fit(outlook, given.check.mode);
  require_passed(report, given.check.mode);
  return 0;
}

}  // namespace eb
