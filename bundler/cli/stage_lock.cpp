#include "bundler/cli/stage_lock.hpp"

#include <fnmatch.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <mutex>
#include <optional>

#include "bundler/artifact/wheel.hpp"
#include "bundler/cli/embedded.hpp"
#include "bundler/cli/module_files.hpp"
#include "bundler/cli/release_notes.hpp"
#include "bundler/demand/cuda_libraries.hpp"
#include "bundler/demand/first_import.hpp"
#include "bundler/pack/output_file.hpp"
#include "bundler/stage/archive_stage.hpp"
#include "bundler/stage/debian_base.hpp"
#include "bundler/stage/debian_package.hpp"
#include "bundler/stage/place_launchers.hpp"
#include "bundler/stage/wheel_install.hpp"
#include "installer/base/error.hpp"
#include "installer/base/worker_pool.hpp"

namespace eb {
namespace {

constexpr char kOrigin[] = "envbundle";

std::string origin_of(const Artifact& artifact) {
  return artifact.version.empty() ? artifact.name : artifact.name + " " + artifact.version;
}

/// "3.11" of "3.11.2".
std::string short_python(const std::string& version) {
  const size_t first = version.find('.');
  return first == std::string::npos ? version : version.substr(0, version.find('.', first + 1));
}

bool asked_by_manifest(const Artifact& artifact) {
  return std::find(artifact.asked_by.begin(), artifact.asked_by.end(), "manifest") !=
         artifact.asked_by.end();
}

/// Lets one thread at a time through.
class LockedSink final : public EventSink {
 public:
  LockedSink(EventSink& events, std::mutex& mutex) : events_(events), mutex_(mutex) {}
  void on(const Event& event) noexcept override {
    const std::scoped_lock lock(mutex_);
    events_.on(event);
  }

 private:
  EventSink& events_;
  std::mutex& mutex_;
};

void note(EventSink& events, const std::string& origin, const std::string& text) {
  std::string line = origin;
  events.on(Note{line.append(": ").append(text)});
}

void stage_artifact(const Lock& lock, const Artifact& artifact, const std::filesystem::path& path,
                    Staging& staging, EventSink& events) {
  const std::string origin = origin_of(artifact);
  switch (artifact.kind) {
    case ArtifactKind::kWheel: {
      const Wheel wheel(path, artifact.file_name, origin);
      const InstalledWheel done = install_wheel(
          wheel, {.python = short_python(lock.python), .requested = asked_by_manifest(artifact)},
          origin, staging);
      for (const std::string& warning : done.warnings) note(events, origin, warning);
      return;
    }
    case ArtifactKind::kDeb: {
      DebReader package(path, origin);
      for (const std::string& link : stage_deb(package, origin, staging)) {
        note(events, origin, "left out " + link);
      }
      return;
    }
    case ArtifactKind::kTar:
      return stage_tar(path, artifact, staging);
    case ArtifactKind::kFile:
      return stage_file(path, artifact, staging);
    case ArtifactKind::kFolder:
      return stage_folder(path, artifact, staging);
    case ArtifactKind::kRedist:
    case ArtifactKind::kConda:
      throw Error(ExitCode::kInvalidLock, "this kind of artifact cannot be staged yet")
          .where(artifact.file_name)
          .why("kind '" + std::string(to_string(artifact.kind)) + "'");
  }
}

void stage_artifacts(const Lock& lock, Arrivals& arrivals, unsigned threads, Staging& staging,
                     EventSink& events) {
  std::mutex mutex;
  LockedSink locked(events, mutex);
  uint64_t done = 0;
  // Each item is a whole worker, which takes artifacts until there are none.
  for_each_parallel(threads, threads, [&](size_t) {
    try {
      while (const auto arrival = arrivals.take()) {
        stage_artifact(lock, *arrival->artifact, arrival->path, staging, locked);
        const std::scoped_lock lock_progress(mutex);
        done += arrival->artifact->size_bytes;
        events.on(PhaseProgress{done});
      }
    } catch (...) {
      arrivals.close();
      throw;
    }
  });
  if (!arrivals.all_taken()) throw Error(ExitCode::kInternal, "not every artifact was obtained");
  std::vector<std::string> origins;
  for (const Artifact& artifact : lock.artifacts) origins.push_back(origin_of(artifact));
  staging.order_origins(origins);
}

/// Where a file of the overlay goes. "lib/python/" stands for the folder of the lock's Python;
/// without a Python what would lie there is left out.
std::optional<std::string> overlay_path(const Lock& lock, std::string_view path) {
  constexpr std::string_view kPython = "lib/python/";
  if (!path.starts_with(kPython)) return std::string(path);
  if (lock.python.empty()) return {};
  return "lib/python" + short_python(lock.python) + "/" + std::string(path.substr(kPython.size()));
}

void stage_overlay(const Lock& lock, Staging& staging) {
  const bool has_cuda = !lock.cuda.empty() || find_cuda_libraries(staging).has_gpu_content();
  for (const EmbeddedFile& file : embedded_overlay()) {
    if (file.needs_cuda && !has_cuda) continue;
    const std::optional<std::string> path = overlay_path(lock, file.path);
    if (path) staging.add_file(RelPath(*path), file.content, file.executable, kOrigin);
  }
}

void place_launchers_in(const std::filesystem::path& work, Staging& staging, EventSink& events) {
  const std::filesystem::path launcher = work / "envlaunch";
  OutputFile file(launcher, 0755);
  file.write(embedded_launcher(), 0);
  file.commit();
  for (const std::string& program : place_launchers(staging, launcher)) {
    events.on(Note{"launcher: " + program});
  }
}

}  // namespace

size_t prune(const std::vector<std::string>& patterns, Staging& staging) {
  std::vector<RelPath> matched;
  for (const auto& item : staging.items()) {
    const RelPath& path = item.first;
    if (std::any_of(patterns.begin(), patterns.end(), [&](const std::string& pattern) {
          return ::fnmatch(pattern.c_str(), path.str().c_str(), 0) == 0;
        })) {
      matched.push_back(path);
    }
  }
  const size_t before = staging.items().size();
  for (const RelPath& path : matched) {
    // It may have gone with its directory.
    if (staging.find(path) != nullptr) staging.remove(path);
  }
  return before - staging.items().size();
}

BytecodeResult stage_lock(const Lock& lock, Arrivals& arrivals, const std::filesystem::path& work,
                          unsigned threads, Staging& staging, EventSink& events) {
  const auto begun = std::chrono::steady_clock::now();
  uint64_t total = 0;
  for (const Artifact& artifact : lock.artifacts) total += artifact.size_bytes;
  events.on(PhaseStarted{"stage", total, "bytes"});
  stage_artifacts(lock, arrivals, threads, staging, events);
  staging.check_conflicts();
  finish_debian_base(staging);
  stage_overlay(lock, staging);
  if (!lock.prune.empty()) {
    events.on(Note{"pruned " + std::to_string(prune(lock.prune, staging)) + " entries"});
  }
  stage_wheel_licences(staging);
  stage_package_list(lock, staging);
  place_launchers_in(work, staging, events);
  stage_first_imports(staging, threads);
  stage_module_files(lock, staging);
  for (const std::string& link : remove_dangling_links(staging)) {
    events.on(Note{"removed a link to nothing: " + link});
  }
  staging.check_conflicts();
  staging.check_names();
  events.on(PhaseFinished{
      "stage", std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count()});

  const auto interpreter = staged_interpreter(staging);
  if (!interpreter) return {};
  BytecodeResult bytecode = compile_bytecode(staging, *interpreter, threads, events);
  for (const std::string& file : bytecode.skipped) events.on(Note{"no bytecode: " + file});
  return bytecode;
}

Tree tree_of(const Staging& staging) {
  Tree tree{staging.root(), {}};
  tree.entries.reserve(staging.items().size());
  for (const auto& [path, item] : staging.items()) {
    Entry entry{.path = path, .digest = {}, .target = {}};
    switch (item.type) {
      case Staging::Item::Type::kDirectory:
        entry.type = EntryType::kDirectory;
        break;
      case Staging::Item::Type::kSymlink:
        entry.type = EntryType::kSymlink;
        entry.target = item.target;
        break;
      case Staging::Item::Type::kFile:
        entry.type = EntryType::kFile;
        entry.executable = item.executable;
        entry.size_bytes = item.size_bytes;
        entry.digest = item.digest;
        break;
    }
    tree.entries.push_back(std::move(entry));
  }
  return tree;
}

}  // namespace eb
