#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "bundler/lock/index_page.hpp"
#include "bundler/lock/sources.hpp"

namespace eb {

/// The pages of the indexes that a Sources names; each is read once. Safe for many threads.
class IndexReader {
 public:
  IndexReader(Sources sources, FetchOptions options);

  /// Every file of the project, index by index, then find-links. Throws Error(kNetwork) when an
  /// index cannot be asked.
  const std::vector<IndexFile>& files(const std::string& project);

  const Sources& sources() const { return sources_; }

 private:
  std::vector<IndexFile> read(const std::string& project) const;

  Sources sources_;
  FetchOptions options_;
  std::mutex mutex_;
  std::map<std::string, std::vector<IndexFile>> pages_;  ///< elements stay where they are
};

}  // namespace eb
