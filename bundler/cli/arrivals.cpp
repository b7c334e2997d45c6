#include "bundler/cli/arrivals.hpp"

#include <algorithm>

#include "bundler/lock/sources.hpp"

namespace eb {

Arrivals::Arrivals(const Lock& lock, const std::filesystem::path& lock_folder) {
  for (const Artifact& artifact : lock.artifacts) {
    if (artifact.kind == ArtifactKind::kFolder) {
      put(artifact, local_source(artifact, lock_folder));
    } else {
      awaited_.emplace(artifact.digest, &artifact);
    }
  }
}

void Arrivals::arrived(const Sha256& digest, const std::filesystem::path& path) {
  const std::scoped_lock lock(mutex_);
  const auto [begin, end] = awaited_.equal_range(digest);
  for (auto i = begin; i != end; ++i) put(*i->second, path);
  awaited_.erase(begin, end);
  moved_.notify_all();
}

void Arrivals::close() {
  const std::scoped_lock lock(mutex_);
  closed_ = true;
  moved_.notify_all();
}

std::optional<Arrivals::Arrival> Arrivals::take() {
  std::unique_lock lock(mutex_);
  moved_.wait(lock, [this] { return closed_ || !there_.empty() || awaited_.empty(); });
  if (closed_ || there_.empty()) return std::nullopt;
  Arrival out = std::move(there_.back());
  there_.pop_back();
  return out;
}

bool Arrivals::all_taken() const {
  const std::scoped_lock lock(mutex_);
  return awaited_.empty() && there_.empty();
}

void Arrivals::put(const Artifact& artifact, const std::filesystem::path& path) {
  const auto size = [](const Arrival& each) { return each.artifact->size_bytes; };
  const auto at = std::ranges::upper_bound(there_, artifact.size_bytes, {}, size);
  there_.insert(at, {&artifact, path});
}

}  // namespace eb
