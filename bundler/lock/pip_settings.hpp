#pragma once

#include <string>
#include <vector>

namespace eb {

/// Where pip on this machine looks for wheels.
struct PipSettings {
  std::string index_url;  ///< "" with no-index
  std::vector<std::string> extra_index_urls, find_links, trusted_hosts;
  std::string cert;  ///< "" = pip's own choice
};

/// Asks pip itself, so that pip.conf, environment and pip's own default count as they do for
/// `pip install`. Throws Error(kNetwork) when `python` has no pip, with the way around.
PipSettings ask_pip(const std::string& python);

}  // namespace eb
