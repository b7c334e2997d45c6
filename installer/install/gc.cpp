#include "installer/install/gc.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <functional>

#include "installer/install/history.hpp"
#include "installer/install/receipt.hpp"
#include "installer/install/size_text.hpp"

namespace eb {
namespace {

/// What is known of when a release was in use.
struct Age {
  std::string release;
  size_t event = 0;          ///< of the log, by which it became active last; 0 = it knows of none
  int64_t active_since = 0;  ///< last time that it became active; its install where nobody noted it
  std::optional<int64_t> inactive_since;
};

// The link's own time: whatever it does not name has not been active since.
std::optional<int64_t> last_flip(Sys& sys, const PrefixView& view) {
  struct stat info {};
  if (sys.fstatat(view.dir.get(), kCurrentLink, &info, AT_SYMLINK_NOFOLLOW) < 0) return {};
  return info.st_mtime;
}

// The active one, then what the log says; what it does not know of stands where its time puts it.
std::vector<Age> in_order_of_use(std::vector<Age> ages, const std::optional<std::string>& current) {
  std::ranges::stable_sort(ages, std::ranges::greater(), &Age::active_since);
  const auto unknown =
      std::stable_partition(ages.begin(), ages.end(), [](const Age& a) { return a.event != 0; });
  std::vector<Age> out(ages.begin(), unknown);
  std::ranges::sort(out, std::ranges::greater(), &Age::event);
  for (auto age = unknown; age != ages.end(); ++age) {
    const auto later = [&](const Age& other) { return other.active_since <= age->active_since; };
    out.insert(std::ranges::find_if(out, later), *age);
  }
  std::stable_partition(out.begin(), out.end(),
                        [&](const Age& age) { return age.release == current; });
  return out;
}

std::vector<Age> ages_of(Sys& sys, const PrefixView& view) {
  const std::map<std::string, ActiveTime> times =
      active_times(read_history(sys, view.dir.get(), nullptr));
  const std::optional<int64_t> flip = last_flip(sys, view);
  std::vector<Age> out;
  for (const std::string& release : view.releases) {
    Age age{release, 0, 0, flip};
    if (const auto at = times.find(release); at != times.end()) {
      age.active_since = at->second.since;
      age.event = at->second.event;
      // The log may lack a line (a run that was killed); the link knows better then.
      if (at->second.until) age.inactive_since = *at->second.until;
    } else if (const auto receipt =
                   read_receipt(sys, view.dir.get(), std::string(kReleasesDir) + "/" + release)) {
      age.active_since = receipt->installed;
      if (!flip) age.inactive_since = receipt->installed;
    }
    out.push_back(std::move(age));
  }
  return in_order_of_use(std::move(out), view.current);
}

std::string age_text(int64_t seconds) {
  const auto number = static_cast<uint64_t>(std::max<int64_t>(seconds, 0));
  if (number >= 86400) return count_text(number / 86400, "day", "days") + " ago";
  if (number >= 3600) return count_text(number / 3600, "hour", "hours") + " ago";
  return count_text(number / 60, "minute", "minutes") + " ago";
}

Fd open_state(Sys& sys, const PrefixView& view) {
  const int fd =
      sys.openat(view.dir.get(), kStateDir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
  return fd < 0 ? Fd() : Fd(sys, fd);
}

}  // namespace

std::vector<GcVerdict> judge_releases(Sys& sys, const PrefixView& view, const UseReport& use,
                                      const GcOptions& options, const Host& host) {
  std::vector<GcVerdict> out;
  size_t kept = 0;
  for (const Age& age : ages_of(sys, view)) {
    GcVerdict verdict;
    verdict.release = age.release;
    const auto in_use = use.releases.find(age.release);
    const int64_t seconds = host.now - age.inactive_since.value_or(host.now);
    if (age.release == view.current) {
      verdict.why = "it is the active one";
    } else if (kept < std::max(options.keep, 1u)) {
      verdict.why = kept == 0
                        ? "the one that was active last"
                        : "one of the " + std::to_string(options.keep) + " that were active last";
    } else if (in_use != use.releases.end()) {
      verdict.why = "in use: " + in_use->second.text();
    } else if (!age.inactive_since) {
      verdict.why = "nobody can tell when it was last active";
    } else if (seconds < options.older_than_seconds) {
      verdict.why = "was last active " + age_text(seconds);
    } else {
      verdict.goes = true;
      verdict.why = "was last active " + age_text(seconds);
    }
    ++kept;
    out.push_back(std::move(verdict));
  }
  return out;
}

GcReport collect_garbage(Sys& sys, const std::string& prefix, const GcOptions& options,
                         const Host& host, EventSink& events, const StopFlag& stop) {
  GcReport report;
  const auto look = [&](const PrefixView& view, UseReport* use) {
    *use = find_use(sys, view, host, options.older_than_seconds);
    return judge_releases(sys, view, *use, options, host);
  };
  {
    const PrefixView view = open_prefix(sys, prefix);
    report.prefix = view.path;
    UseReport use;
    report.verdicts = look(view, &use);
    report.unreadable_processes = use.unreadable;
    if (!options.dry_run && !use.over.empty()) {
      const Fd state = open_state(sys, view);
      remove_leases(sys, state.get(), use.over);
      report.leases_over = use.over.size();
    }
  }
  if (options.dry_run) return report;
  for (GcVerdict& verdict : report.verdicts) {
    if (!verdict.goes) continue;
    stop.check();
    // Somebody may have gone back to it, or begun to use it, since.
    PrefixView view = open_prefix(sys, prefix);
    UseReport use;
    const std::vector<GcVerdict> now = look(view, &use);
    const auto again = std::ranges::find(now, verdict.release, &GcVerdict::release);
    if (again == now.end() || !again->goes) {
      verdict.goes = false;
      verdict.why = again == now.end() ? "somebody else removed it" : again->why;
      continue;
    }
    UninstallReport done = uninstall(
        sys, std::move(view), {.release = verdict.release, .wait_seconds = options.wait_seconds},
        host, events, stop);
    std::ranges::move(done.removed, std::back_inserter(report.removed));
  }
  return report;
}

}  // namespace eb
