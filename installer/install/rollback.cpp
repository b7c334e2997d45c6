#include "installer/install/rollback.hpp"

#include <fcntl.h>

#include <algorithm>
#include <sstream>

#include "installer/base/error.hpp"
#include "installer/install/floor.hpp"
#include "installer/install/image_check.hpp"
#include "installer/install/module_files.hpp"
#include "installer/install/publish.hpp"
#include "installer/install/release_check.hpp"
#include "installer/install/small_file.hpp"

namespace eb {
namespace {

constexpr size_t kMaxLogBytes = 16u << 20;

std::string listed(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : ", ") + name;
  return out;
}

std::string choose(Sys& sys, const PrefixView& view, const std::optional<std::string>& release) {
  if (release) {
    if (std::ranges::binary_search(view.releases, *release)) return *release;
    throw Error(ExitCode::kUsage, "there is no release " + *release)
        .where(view.path)
        .why("there are: " + listed(view.releases))
        .hint("'envinstall list " + view.path + "' shows the releases");
  }
  std::vector<std::string> others = view.releases;
  if (view.current) std::erase(others, *view.current);
  if (others.empty()) {
    throw Error(ExitCode::kUsage, "there is no other release to go back to")
        .where(view.path)
        .hint("install the bundle of the release that you want");
  }
  if (others.size() == 1) return others.front();
  const std::string log = std::string(kStateDir) + "/log";
  const std::string before =
      active_before(read_small_file(sys, view.dir.get(), log, kMaxLogBytes).value_or(""),
                    view.current.value_or(""), view.releases);
  if (!before.empty()) return before;
  throw Error(ExitCode::kUsage, "nobody can tell which release was active before")
      .where(view.path + "/" + log)
      .why("there are: " + listed(others))
      .hint("name one: envinstall rollback " + view.path + " " + others.front());
}

// As an install that finds its release there: whole by size and mode, or not to be used. Returns
// the index of what it has as files.
Index check_whole(Sys& sys, const PrefixView& view, const std::string& release, const Host& host,
                  EventSink& events, const StopFlag& stop, std::string* id) {
  const std::string below = std::string(kReleasesDir) + "/" + release;
  const std::string where = view.path + "/" + below;
  const Index index = read_release_index(sys, view.dir.get(), below, view.path, id);
  const Fd folder =
      open_at(sys, view.dir.get(), below.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, where);
  const ReleaseCheckOptions options{.contents = false, .added = false, .jobs = host.cpus};
  Index own;
  const ReleaseCheck check =
      check_installed(sys, folder.get(), where, index, options, events, stop, &own);
  if (!check.differences.empty()) {
    const Difference& first = check.differences.front();
    throw Error(ExitCode::kDigestMismatch, "the release is damaged")
        .where(where)
        .why(first.path + ": " + first.detail)
        .hint("see all of it: envinstall verify " + view.path + " " + release)
        .hint("nothing was changed");
  }
  return own;
}

}  // namespace

std::string active_before(const std::string& log, const std::string& current,
                          const std::vector<std::string>& releases) {
  std::string before;
  std::string active;
  for (const std::string& line : lines_of(log)) {
    // TIME (installed|activated) RELEASE …, TIME rolled back to RELEASE …
    std::istringstream words(line);
    std::string time, verb, name;
    words >> time >> verb >> name;
    if (verb == "rolled") words >> name >> name;
    if (verb != "installed" && verb != "activated" && verb != "rolled") continue;
    if (!std::ranges::binary_search(releases, name) || name == active) continue;
    before = active;
    active = name;
  }
  return active == current ? before : active;
}

RollbackReport rollback(Sys& sys, PrefixView view, const std::optional<std::string>& release,
                        const Host& host, EventSink& events, const StopFlag& stop) {
  RollbackReport report;
  report.prefix = view.path;
  report.previous = view.current;
  report.release = choose(sys, view, release);
  const Index index = check_whole(sys, view, report.release, host, events, stop, &report.id);
  report.changed = view.current != report.release;
  if (!report.changed) return report;
  stop.check();
  Prefix prefix = make_prefix(sys, std::move(view));
  make_top_links(sys, prefix, index, events);
  // A rebuilt version may have taken the place of this release's module files.
  refresh_module_files(sys, prefix, report.release, host.now, events);
  bool is_current = false;
  try {
    flip_current(sys, prefix, report.release, random_name(), &is_current);
  } catch (Error& error) {
    error.hint(is_current ? "release " + report.release + " is the active one now"
                          : "nothing was changed");
    throw;
  }
  drop_top_links(sys, prefix.root.get(), &index);
  append_log(sys, prefix.state.get(), host.now,
             "rolled back to " + report.release + " id " + report.id + " from " +
                 report.previous.value_or("none") + " uid " + std::to_string(host.uid));
  return report;
}

}  // namespace eb
