#include "installer/install/uninstall.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "installer/base/error.hpp"
#include "installer/install/check_files.hpp"
#include "installer/install/floor.hpp"
#include "installer/install/module_files.hpp"
#include "installer/install/publish.hpp"
#include "installer/install/release_check.hpp"
#include "installer/install/release_lock.hpp"
#include "installer/install/small_file.hpp"
#include "installer/install/stage.hpp"

namespace eb {
namespace {

std::string joined(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : ", ") + name;
  return out;
}

std::vector<std::string> choose(const PrefixView& view, const UninstallOptions& options) {
  if (view.releases.empty()) {
    throw Error(ExitCode::kUsage, "there is no release to uninstall")
        .where(view.path)
        .hint("name the folder that was given with --prefix when it was installed");
  }
  if (options.all) return view.releases;
  if (!options.release && view.releases.size() > 1) {
    throw Error(ExitCode::kUsage, "there are several releases")
        .where(view.path)
        .why(joined(view.releases))
        .hint("name the one to uninstall, or give --all");
  }
  const std::string name = options.release.value_or(view.releases.front());
  if (!std::ranges::binary_search(view.releases, name)) {
    throw Error(ExitCode::kUsage, "there is no release " + name)
        .where(view.path)
        .why("there are: " + joined(view.releases))
        .hint("'envinstall list " + view.path + "' shows the releases");
  }
  if (view.current == name && view.releases.size() > 1) {
    throw Error(ExitCode::kUsage, "the release is the active one")
        .where(view.path + "/" + kReleasesDir + "/" + name)
        .why("the prefix also has " + std::to_string(view.releases.size() - 1) +
             " other, and nothing would be active")
        .hint("make another one active first: envinstall rollback " + view.path +
              "; or give --all");
  }
  return {name};
}

// What is left of a release is removed by its folder, which a link is not: where it leads to is
// nobody's business here.
void check_is_folder(Sys& sys, const PrefixView& view, const std::string& release) {
  const std::string below = std::string(kReleasesDir) + "/" + release;
  struct stat info {};
  if (sys.fstatat(view.dir.get(), below.c_str(), &info, AT_SYMLINK_NOFOLLOW) < 0 ||
      S_ISDIR(info.st_mode)) {
    return;
  }
  std::string path = view.path;
  path.append("/").append(below);
  throw Error(ExitCode::kUsage, "somebody put a link or a file into the release's place")
      .where(path)
      .hint("remove that by hand, what it leads to stays: rm " + path)
      .hint("nothing was changed");
}

class UninstallRun {
 public:
  UninstallRun(Sys& sys, Prefix prefix, const UninstallOptions& options, const Host& host,
               EventSink& events, const StopFlag& stop)
      : sys_(sys),
        prefix_(std::move(prefix)),
        options_(options),
        host_(host),
        events_(events),
        stop_(stop) {}

  // Whoever looks must never see a `current` that leads nowhere.
  void drop_current() {
    drop_top_links(sys_, prefix_.root.get(), nullptr);
    const int r = sys_.unlinkat(prefix_.root.get(), kCurrentLink, 0);
    if (r < 0 && r != -ENOENT) {
      throw system_error(-r, "cannot remove the link", prefix_.at(kCurrentLink));
    }
    sync_directory(sys_, prefix_.root.get(), prefix_.path);
  }

  RemovedRelease remove(const std::string& release) {
    const std::string nonce = random_name();
    const std::string where = prefix_.at(kReleasesDir) + "/" + release;
    const ReleaseLock lock = ReleaseLock::acquire(
        sys_, prefix_, release, host_, nonce, options_.wait_seconds, [] { return false; }, events_,
        stop_);
    events_.on(Note{"removing " + where});
    const std::string trash = "trash-" + release + "-" + nonce;
    const int r =
        sys_.renameat(prefix_.releases.get(), release.c_str(), prefix_.state.get(), trash.c_str());
    // The name is this run's: where it is there, only the reply got lost (NFS).
    if (r < 0 && sys_.faccessat(prefix_.state.get(), trash.c_str(), F_OK) < 0)
      throw system_error(-r, "cannot take the release away", where);
    sync_directory(sys_, prefix_.releases.get(), prefix_.at(kReleasesDir));
    sync_directory(sys_, prefix_.state.get(), prefix_.at(kStateDir));
    remove_check_report(sys_, prefix_.state.get(), release);
    append_log(sys_, prefix_.state.get(), host_.now,
               "uninstalled " + release + " uid " + std::to_string(host_.uid));
    return {release, empty_trash(sys_, prefix_, trash)};
  }

  // As far as nothing else lies there; true when all of it is gone.
  bool remove_state() {
    prefix_.made_state = true;
    unmake_prefix(sys_, prefix_);
    return sys_.faccessat(prefix_.root.get(), kStateDir, F_OK) == -ENOENT;
  }

  Prefix& prefix() { return prefix_; }

 private:
  Sys& sys_;
  Prefix prefix_;
  const UninstallOptions& options_;
  const Host& host_;
  EventSink& events_;
  const StopFlag& stop_;
};

}  // namespace

UninstallReport uninstall(Sys& sys, PrefixView view, const UninstallOptions& options,
                          const Host& host, EventSink& events, const StopFlag& stop) {
  const std::vector<std::string> chosen = choose(view, options);
  const bool takes_all = chosen.size() == view.releases.size();
  const std::optional<std::string> current = view.current;
  // By its own index a release is removed; without a readable one nobody knows what is whose.
  for (const std::string& release : chosen) {
    check_is_folder(sys, view, release);
    std::string id;
    try {
      read_release_index(sys, view.dir.get(), std::string(kReleasesDir) + "/" + release, view.path,
                         &id);
    } catch (Error& error) {
      throw Error(error.code(), "the release cannot be uninstalled: its index cannot be read")
          .where(error.where())
          .why(error.why())
          .hint("remove the folder by hand: rm -r " + view.path + "/" + kReleasesDir + "/" +
                release);
    }
  }
  UninstallReport report;
  report.prefix = view.path;
  Prefix prefix = make_prefix(sys, std::move(view));
  UninstallRun run(sys, std::move(prefix), options, host, events, stop);
  remove_leftovers(sys, run.prefix(), host, {}, random_name(), events);
  if (takes_all || (current && std::ranges::find(chosen, *current) != chosen.end())) {
    run.drop_current();
  }
  for (const std::string& release : chosen) {
    stop.check();
    report.removed.push_back(run.remove(release));
  }
  refresh_module_files(sys, run.prefix(), takes_all ? "" : current.value_or(""), host.now, events);
  if (takes_all) report.prefix_is_empty = run.remove_state();
  return report;
}

}  // namespace eb
