#include "bundler/pack/temporaries.hpp"

#include <algorithm>
#include <mutex>
#include <system_error>
#include <vector>

namespace eb {
namespace {

struct Registry {
  std::mutex mutex;
  std::vector<std::filesystem::path> paths;
};

// Never destroyed: the signal thread may come while the process ends.
Registry& registry() {
  static auto* const instance = new Registry;
  return *instance;
}

}  // namespace

Temporary::Temporary(std::filesystem::path path) : path_(std::move(path)) {
  const std::scoped_lock lock(registry().mutex);
  registry().paths.push_back(path_);
}

Temporary::~Temporary() {
  const std::scoped_lock lock(registry().mutex);
  std::erase(registry().paths, path_);
}

void remove_temporaries() noexcept {
  const std::scoped_lock lock(registry().mutex);
  for (const std::filesystem::path& path : registry().paths) {
    // A thread that is still writing may add a name between the listing and the removal.
    for (int i = 0; i < 5; ++i) {
      std::error_code error;
      std::filesystem::remove_all(path, error);
      if (!error) break;
    }
  }
}

}  // namespace eb
