#include "installer/install/install_plan.hpp"

#include <fcntl.h>

#include <algorithm>

#include "installer/install/prefix_owners.hpp"

namespace eb {
namespace {

bool has_stages(Sys& sys, const PrefixView& view) {
  if (!view.exists) return false;
  const int fd =
      sys.openat(view.dir.get(), kStateDir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
  if (fd < 0) return false;
  const Fd state(sys, fd);
  std::vector<DirEntry> entries;
  sys.list(fd, &entries);
  return std::ranges::any_of(entries, [](const DirEntry& entry) {
    return entry.name.starts_with("stage-") || entry.name.starts_with("trash-");
  });
}

}  // namespace

InstallPlan plan_install(Sys& sys, const VerifiedBundle& bundle, const Host& host,
                         const InstallOptions& options, bool is_stream, EventSink& events) {
  InstallPlan plan;
  plan.release = bundle.release_name();
  plan.id = bundle.id().hex();
  plan.totals = totals(bundle.index());
  plan.form = options.form;
  if (plan.form == ReleaseForm::kImage) {
    plan.release = image_release_name(plan.release);
    plan.outside = outside_paths(bundle.index());
  }
  plan.prefix = look_at_prefix(sys, options.prefix, host.home, options.create_parents);
  if (!options.insecure_prefix) require_own_path(sys, plan.prefix, host);
  if (plan.prefix.exists) {
    plan.floor = read_floor(sys, plan.prefix.dir.get(), plan.prefix.releases);
  }
  check_policy(bundle, host, plan.floor, options.exceptions, events);

  const bool is_there = std::ranges::binary_search(plan.prefix.releases, plan.release);
  plan.action = !is_there                             ? InstallAction::kInstall
                : plan.prefix.current == plan.release ? InstallAction::kNothing
                                                      : InstallAction::kActivate;
  plan.space =
      read_space(sys, plan.prefix.dir.get(), bundle, plan.image_outside(), plan.prefix.path);
  if (plan.action == InstallAction::kInstall) {
    plan.space.quota = read_quota(sys, plan.prefix.dir.get(), host);
    if (options.reuse && plan.form == ReleaseForm::kTree) {
      const StopFlag never;
      plan.reusable = reusable_of_active(sys, plan.prefix, bundle.index(),
                                         std::clamp(host.cpus, 1u, kMaxDefaultJobs), never);
      plan.space.need.spare(plan.reusable.files(), plan.reusable.bytes());
    }
  }
  plan.durability = judge_durability(plan.space.fs_type, host);
  plan.advice = advise_form(plan.space, plan.durability);
  // What is not to be durable is for a job that starts at once: it had better stay in memory.
  plan.past_cache =
      plan.durability.past_cache && options.durable && plan.form == ReleaseForm::kTree;
  // Half of them wait for the disk then, while the others decode.
  const unsigned cpus = plan.past_cache ? 2 * host.cpus : host.cpus;
  plan.workers = choose_workers(bundle.index(), options.jobs, cpus, is_stream);
  if (plan.action != InstallAction::kNothing) {
    check_writable(sys, plan.prefix, plan.space, host);
  }
  if (plan.action == InstallAction::kInstall) {
    // Where another run is at it, or was killed, its files take the room that is asked for here:
    // install() looks again when it has the lock and has tidied up.
    plan.space_is_certain = !has_stages(sys, plan.prefix);
    if (plan.space_is_certain) {
      check_space(plan.space, bundle, options.max_bytes, plan.prefix.path);
    }
  }
  return plan;
}

}  // namespace eb
