#include "installer/install/existing_release.hpp"

#include <fcntl.h>

#include "installer/base/error.hpp"
#include "installer/base/file.hpp"
#include "installer/install/image_check.hpp"
#include "installer/install/prefix.hpp"
#include "installer/install/receipt.hpp"
#include "installer/install/release_check.hpp"

namespace eb {

void require_intact(Sys& sys, int root, const std::string& path, const std::string& release,
                    const VerifiedBundle& bundle, unsigned jobs, EventSink& events,
                    const StopFlag& stop) {
  const std::string where = path + "/" + kReleasesDir + "/" + release;
  const std::string below = std::string(kReleasesDir) + "/" + release;
  const Fd dir = open_at(sys, root, below.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, where);
  const std::string index_path = std::string(kBundleDir) + "/" + kIndexFile;
  const std::vector<std::byte> index = read_file_at(
      sys, dir.get(), index_path.c_str(), bundle.index_bytes().size(), where + "/" + index_path);
  std::string problem;
  if (index != bundle.index_bytes()) {
    problem = index_path + ": is not the bundle's";
  } else {
    const ReleaseCheckOptions options{.contents = false, .added = false, .jobs = jobs};
    const ReleaseCheck check =
        check_installed(sys, dir.get(), where, bundle.index(), options, events, stop);
    if (!check.differences.empty()) {
      const Difference& first = check.differences.front();
      problem = first.path + ": " + first.detail;
      if (check.differences.size() > 1) {
        problem += ", and " + std::to_string(check.differences.size() - 1) + " more";
      }
    }
  }
  if (problem.empty()) return;
  throw Error(ExitCode::kDigestMismatch, "the release is installed, but damaged")
      .where(where)
      .why(problem)
      .hint("see all of it: envinstall verify " + path)
      .hint("repair it: envinstall repair " + path + " " + release + " --from BUNDLE");
}

}  // namespace eb
