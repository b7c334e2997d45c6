#include "bundler/cli/verified_file.hpp"

#include "installer/install/bundle_check.hpp"
#include "installer/install/frame_pipeline.hpp"
#include "installer/install/open_bundle.hpp"

namespace eb {

VerifiedBundle verify_bundle_file(const std::filesystem::path& bundle, const TrustPolicy& policy,
                                  unsigned threads, EventSink& events) {
  // A signal ends the process by another way (interruption.hpp).
  const StopFlag never;
  const std::unique_ptr<BundleSource> source = open_bundle_file(real_sys(), bundle.string());
  VerifiedBundle verified =
      verify_bundle_header(read_bundle_header(*source), policy, source->name());
  const WorkerBudget budget = choose_workers(verified.index(), threads, threads, false);
  check_bundle(*source, verified, budget.jobs, events, never);
  return verified;
}

}  // namespace eb
