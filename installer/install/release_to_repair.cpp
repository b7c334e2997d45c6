#include "installer/install/release_to_repair.hpp"

#include <algorithm>

#include "installer/base/error.hpp"
#include "installer/install/image_form.hpp"

namespace eb {

std::string release_to_repair(const PrefixView& view, const VerifiedBundle& bundle,
                              const std::optional<std::string>& named) {
  std::string tree = bundle.release_name();
  std::string image = image_release_name(tree);
  const auto is_there = [&](const std::string& name) {
    return std::ranges::binary_search(view.releases, name);
  };
  if (named) {
    if (!is_there(*named)) {
      throw Error(ExitCode::kUsage, "there is no release " + *named)
          .where(view.path)
          .hint("'envinstall list " + view.path + "' shows the releases");
    }
    if (*named == tree || *named == image) return *named;
  } else {
    // The one that is in use, where the bundle is there in both forms.
    if (view.current == image || !is_there(tree)) {
      if (is_there(image)) return image;
    }
    if (is_there(tree)) return tree;
  }
  throw Error(ExitCode::kUsage, "the bundle is not the one that the release came from")
      .where(view.path)
      .why("it holds " + tree +
           (named ? ", the release is " + *named : ", which is not installed there"))
      .hint("'envinstall list " + view.path + "' shows the releases; each needs its own bundle");
}

}  // namespace eb
