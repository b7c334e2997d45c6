#include "installer/install/install_plan.hpp"

#include <algorithm>

namespace eb {

InstallPlan plan_install(Sys& sys, const VerifiedBundle& bundle, const Host& host,
                         const InstallOptions& options, bool is_stream, EventSink& events) {
  InstallPlan plan;
  plan.release = bundle.release_name();
  plan.id = bundle.id().hex();
  plan.totals = totals(bundle.index());
  plan.form = options.form;
  std::optional<uint64_t> image;
  if (plan.form == ReleaseForm::kImage) {
    plan.release = image_release_name(plan.release);
    plan.outside = outside_paths(bundle.index());
    image = plan.outside.size();
  }
  plan.prefix = look_at_prefix(sys, options.prefix, host.home, options.create_parents);
  if (plan.prefix.exists) {
    plan.floor = read_floor(sys, plan.prefix.dir.get(), plan.prefix.releases);
  }
  check_policy(bundle, host, plan.floor, options.allow_downgrade, events);

  const bool is_there = std::ranges::binary_search(plan.prefix.releases, plan.release);
  plan.action = !is_there                             ? InstallAction::kInstall
                : plan.prefix.current == plan.release ? InstallAction::kNothing
                                                      : InstallAction::kActivate;
  plan.space = read_space(sys, plan.prefix.dir.get(), bundle, image, plan.prefix.path);
  if (plan.action == InstallAction::kInstall) {
    plan.space.quota = read_quota(sys, plan.prefix.dir.get(), host);
  }
  plan.durability = judge_durability(plan.space.fs_type, host);
  plan.advice = advise_form(plan.space, plan.durability);
  plan.workers = choose_workers(bundle.index(), options.jobs, host.cpus, is_stream);
  if (plan.action != InstallAction::kNothing) {
    check_writable(sys, plan.prefix, plan.space, host);
  }
  if (plan.action == InstallAction::kInstall) {
    check_space(plan.space, bundle, options.max_bytes, plan.prefix.path);
  }
  return plan;
}

}  // namespace eb
