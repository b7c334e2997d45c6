#include "bundler/fetch/fetch.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <mutex>

#include "bundler/fetch/fetch_run.hpp"
#include "bundler/fetch/partial_file.hpp"
#include "bundler/fetch/sigpipe_block.hpp"
#include "installer/base/error.hpp"
#include "installer/base/file.hpp"
#include "installer/base/worker_pool.hpp"

namespace eb {
namespace {

class Phase {
 public:
  Phase(EventSink& events, std::string name, uint64_t total)
      : events_(events), name_(std::move(name)), begun_(std::chrono::steady_clock::now()) {
    events_.on(PhaseStarted{.phase = name_, .total = total, .unit = "bytes"});
  }
  void finished() {
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begun_;
    events_.on(PhaseFinished{.phase = name_, .seconds = took.count()});
  }

 private:
  EventSink& events_;
  std::string name_;
  std::chrono::steady_clock::time_point begun_;
};

/// One file of the lock; several requests may name it.
struct Wanted {
  const FetchRequest* request = nullptr;
  std::filesystem::path path;  ///< empty until obtained
  bool was_cached = false;
  bool poisoned = false;

  FetchResult result() const {
    return {.digest = request->digest, .path = path, .was_cached = was_cached};
  }
};

std::map<Sha256, Wanted> distinct(const std::vector<FetchRequest>& requests) {
  std::map<Sha256, Wanted> out;
  for (const FetchRequest& request : requests) {
    const auto [at, is_new] = out.emplace(request.digest, Wanted{.request = &request, .path = {}});
    if (!is_new && at->second.request->size_bytes != request.size_bytes) {
      throw Error(ExitCode::kInvalidLock, "two files have the same digest and different sizes")
          .where(at->second.request->label + " and " + request.label)
          .why("sha256 " + request.digest.hex() + ": " +
               std::to_string(at->second.request->size_bytes) + " and " +
               std::to_string(request.size_bytes) + " bytes");
    }
  }
  return out;
}

void check_cache(const ArtifactCache& cache, std::map<Sha256, Wanted>& files,
                 const FetchHooks& hooks, EventSink& events) {
  std::vector<Wanted*> present;
  uint64_t total = 0;
  for (auto& [digest, file] : files) {
    struct stat info {};
    if (cache.sys().fstatat(AT_FDCWD, cache.path_of(digest).c_str(), &info, AT_SYMLINK_NOFOLLOW) ==
        0) {
      present.push_back(&file);
      total += file.request->size_bytes;
    }
  }
  if (present.empty()) return;
  Phase phase(events, "check cache", total);
  std::mutex mutex;
  uint64_t done = 0;
  // The largest first: who waits for them has the most to do with them.
  std::ranges::stable_sort(present, std::ranges::greater(),
                           [](const Wanted* file) { return file->request->size_bytes; });
  for_each_parallel(present.size(), available_cpus(), [&](size_t i) {
    if (hooks.stop.stop_requested()) return;
    Wanted& file = *present[i];
    const auto path = cache.find(file.request->digest, file.request->size_bytes, &file.poisoned);
    const std::lock_guard lock(mutex);
    if (path) {
      file.path = *path;
      file.was_cached = true;
      if (hooks.obtained) hooks.obtained(file.result());
    }
    done += file.request->size_bytes;
    events.on(PhaseProgress{done});
  });
  if (hooks.stop.stop_requested()) return;
  phase.finished();
  for (const Wanted* file : present) {
    if (!file->poisoned) continue;
    events.on(Warning{"the cached copy of " + file->request->label +
                      " was damaged; it was removed and is fetched again"});
  }
}

std::string bytes_text(uint64_t bytes) {
  if (bytes < (uint64_t{1} << 20)) return std::to_string(bytes) + " bytes";
  return std::to_string(bytes >> 20) + " MiB";
}

// Before the first byte: finding out after an hour that the disk is too small helps nobody.
void check_space(const ArtifactCache& cache, const std::vector<Wanted*>& missing) {
  const std::string where = cache.directory().string();
  const Fd dir = open_at(cache.sys(), AT_FDCWD, where.c_str(), O_RDONLY | O_DIRECTORY, 0, where);
  struct statfs space {};
  if (cache.sys().fstatfs(dir.get(), &space) < 0 || space.f_blocks == 0) return;
  uint64_t needed = 0;
  for (const Wanted* file : missing) {
    const uint64_t have = partial_size_on_disk(cache, file->request->digest);
    needed += file->request->size_bytes - std::min(have, file->request->size_bytes);
  }
  const uint64_t free =
      static_cast<uint64_t>(space.f_bavail) * static_cast<uint64_t>(space.f_bsize);
  if (needed <= free) return;
  throw Error(ExitCode::kNoSpace, "not enough space for the downloads")
      .where(where)
      .why(bytes_text(needed) + " are needed, " + bytes_text(free) + " are free")
      .hint("ENVBUNDLE_CACHE names another place for the cache");
}

void fetch_missing(const ArtifactCache& cache, const std::vector<Wanted*>& missing,
                   size_t file_count, const FetchOptions& options, const FetchHooks& hooks,
                   EventSink& events) {
  check_space(cache, missing);
  remove_stale_partials(cache);
  uint64_t total = 0;
  for (const Wanted* file : missing) total += file->request->size_bytes;
  Phase phase(events, "fetch", total);
  std::vector<FetchFailure> failures;
  const SigpipeBlock no_sigpipe;
  try {
    FetchRun run(cache, options, hooks, events);
    for (Wanted* file : missing) run.add(*file->request, &file->path);
    failures = run.run();
  } catch (Error& error) {
    error.hint("what was downloaded so far is kept; run the same command again to go on");
    if (error.code() == ExitCode::kNoSpace) {
      error.hint("ENVBUNDLE_CACHE names another place for the cache");
    }
    throw;
  }
  if (!failures.empty()) throw describe_failures(failures, file_count);
  if (!hooks.stop.stop_requested()) phase.finished();
}

}  // namespace

std::vector<FetchResult> fetch_all(const std::vector<FetchRequest>& requests,
                                   const ArtifactCache& cache, const FetchOptions& options,
                                   EventSink& events, const FetchHooks& hooks) {
  std::map<Sha256, Wanted> files = distinct(requests);
  check_cache(cache, files, hooks, events);
  std::vector<Wanted*> missing;
  for (const FetchRequest& request : requests) {
    Wanted& file = files.at(request.digest);
    if (file.path.empty() && std::find(missing.begin(), missing.end(), &file) == missing.end()) {
      missing.push_back(&file);
    }
  }
  if (!missing.empty() && !hooks.stop.stop_requested()) {
    fetch_missing(cache, missing, files.size(), options, hooks, events);
  }
  std::vector<FetchResult> out;
  out.reserve(requests.size());
  for (const FetchRequest& request : requests) {
    out.push_back(files.at(request.digest).result());
  }
  return out;
}

}  // namespace eb
