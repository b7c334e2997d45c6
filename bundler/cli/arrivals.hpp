#pragma once

#include <condition_variable>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <vector>

#include "bundler/lock/lock.hpp"

namespace eb {

/// The artifacts of a lock on their way from the network or the cache to those who unpack them: one
/// side says what has arrived, the other takes it, whatever order it comes in. Safe for any number
/// of threads on both sides. `lock` must outlive it.
class Arrivals {
 public:
  struct Arrival {
    const Artifact* artifact;
    std::filesystem::path path;
  };

  /// Folders of this machine have arrived already; a relative one is relative to `lock_folder`.
  Arrivals(const Lock& lock, const std::filesystem::path& lock_folder);

  /// Every artifact with that digest lies at `path`. Saying so again changes nothing.
  void arrived(const Sha256& digest, const std::filesystem::path& path);
  /// Nothing further comes, or is wanted: whoever waits is let go.
  void close();

  /// The largest of those that are there, so that no thread is left alone with it in the end; waits
  /// while there is none. Nothing once all were taken, or after close().
  std::optional<Arrival> take();
  bool all_taken() const;

 private:
  mutable std::mutex mutex_;
  std::condition_variable moved_;
  std::multimap<Sha256, const Artifact*> awaited_;
  std::vector<Arrival> there_;  ///< by size, the largest last
  bool closed_ = false;

  void put(const Artifact& artifact, const std::filesystem::path& path);
};

}  // namespace eb
