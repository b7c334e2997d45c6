#include "bundler/lock/make_lock.hpp"

#include <fcntl.h>

#include <algorithm>
#include <iterator>
#include <map>

#include "bundler/lock/describe_wheels.hpp"
#include "bundler/lock/lock_checks.hpp"
#include "bundler/lock/lock_items.hpp"
#include "bundler/lock/pylock.hpp"
#include "bundler/lock/resolve_base.hpp"
#include "bundler/lock/resolve_wheels.hpp"
#include "bundler/lock/snapshot.hpp"
#include "installer/base/error.hpp"
#include "installer/base/file.hpp"

namespace eb {
namespace {

// Without an archive's or a wheel's time: a zip file (an egg, a .pyc archive) can hold nothing
// older.
constexpr int64_t kOldestEpoch = 315532800;  // 1980-01-01T00:00:00Z
constexpr size_t kMaxPylockBytes = size_t{64} << 20;

std::vector<Artifact> of_kind(const Lock& lock, ArtifactKind kind) {
  std::vector<Artifact> out;
  std::copy_if(lock.artifacts.begin(), lock.artifacts.end(), std::back_inserter(out),
               [kind](const Artifact& artifact) { return artifact.kind == kind; });
  return out;
}

const char* group_of(ArtifactKind kind) { return kind == ArtifactKind::kDeb ? "debs" : "wheels"; }

/// Whether `names` touches this kind: by its group, or by one of its packages.
bool is_renewed(const Upgrade& upgrade, ArtifactKind kind, const std::vector<Artifact>& previous) {
  if (upgrade.all || upgrade.names.count(group_of(kind)) != 0) return true;
  return std::any_of(previous.begin(), previous.end(), [&](const Artifact& artifact) {
    return upgrade.names.count(artifact.name) != 0;
  });
}

/// The previous artifacts that may not move while another one does.
std::vector<Artifact> preferred(const Upgrade& upgrade, ArtifactKind kind,
                                std::vector<Artifact> previous) {
  if (upgrade.all || upgrade.names.count(group_of(kind)) != 0) return {};
  previous.erase(std::remove_if(previous.begin(), previous.end(),
                                [&](const Artifact& artifact) {
                                  return upgrade.names.count(artifact.name) != 0;
                                }),
                 previous.end());
  return previous;
}

void check_names(const Upgrade& upgrade, const std::optional<Lock>& previous) {
  for (const auto& name : upgrade.names) {
    if (name == "debs" || name == "wheels") continue;
    const bool known =
        previous && std::any_of(previous->artifacts.begin(), previous->artifacts.end(),
                                [&](const Artifact& artifact) { return artifact.name == name; });
    if (known) continue;
    throw Error(ExitCode::kUsage, "nothing to upgrade: the lock has no package '" + name + "'")
        .hint(
            "`--upgrade` renews everything, `--upgrade=debs` the base, `--upgrade=wheels` the "
            "Python packages");
  }
}

std::string read_text(const std::filesystem::path& path) {
  const auto data =
      read_file_at(real_sys(), AT_FDCWD, path.c_str(), kMaxPylockBytes, path.string());
  return std::string(as_text(data));
}

/// What one run of `lock` works with.
class LockRun {
 public:
  LockRun(const Manifest& manifest, const LockOptions& options, const ArtifactCache& cache,
          EventSink& events)
      : manifest_(manifest), options_(options), cache_(cache), events_(events) {
    if (options.previous) previous_ = *options.previous;
    // The lock of another manifest, or of an older text of this one: its versions are preferred.
    same_manifest_ = options.previous && previous_.manifest_digest == manifest.digest;
  }

  Lock run() {
    check_names(options_.upgrade, options_.previous);
    prepare();
    find_places();
    lock_.artifacts = lock_items(manifest_, options_.lock_directory);
    add_base();
    add_wheels();
    check_cuda(manifest_, lock_.artifacts);
    check_licences(manifest_, lock_.artifacts);
    set_time();
    // Through the text, so that what is returned is what will be read.
    return parse_lock(encode_lock(lock_), manifest_.name + ".lock");
  }

 private:
  bool has_base() const { return !manifest_.packages.empty(); }
  bool has_wheels() const { return !manifest_.requirements.empty() || !manifest_.pylock.empty(); }
  bool keeps(ArtifactKind kind) const {
    return same_manifest_ && !is_renewed(options_.upgrade, kind, of_kind(previous_, kind));
  }

  void prepare() {
    lock_.manifest_name = manifest_.name;
    lock_.version = manifest_.version;
    lock_.manifest_digest = manifest_.digest;
    lock_.platform = manifest_.platform;
    lock_.python = manifest_.python;
    lock_.glibc = manifest_.glibc;
    lock_.suite = has_base() ? manifest_.suite : "";
    lock_.cuda = manifest_.cuda;
    lock_.min_driver = manifest_.min_driver;
    lock_.prune = manifest_.prune;
    lock_.module_conflicts = manifest_.module_conflicts;
    lock_.accepted_licences = manifest_.accepted_licences;
    std::sort(lock_.accepted_licences.begin(), lock_.accepted_licences.end());
  }

  void find_places() {
    const bool wheels = has_wheels() && !keeps(ArtifactKind::kWheel);
    const bool debs = has_base() && !keeps(ArtifactKind::kDeb);
    if (wheels || debs) sources_ = find_sources(options_.sources, wheels, debs);
  }

  void add(std::vector<Artifact> artifacts) {
    lock_.artifacts.insert(lock_.artifacts.end(), std::make_move_iterator(artifacts.begin()),
                           std::make_move_iterator(artifacts.end()));
  }

  void add_base() {
    if (!has_base()) return;
    const auto previous = of_kind(previous_, ArtifactKind::kDeb);
    if (keeps(ArtifactKind::kDeb)) {
      add(previous);
      base_time_ = previous_.epoch;
      return;
    }
    ResolvedBase base =
        resolve_base(manifest_, sources_, preferred(options_.upgrade, ArtifactKind::kDeb, previous),
                     options_, cache_, events_);
    // An archive is signed anew several times a day; a lock changes only with a package.
    const bool same = base.artifacts == previous && previous_.suite == manifest_.suite;
    base_time_ = same ? previous_.epoch : base.release_time;
    add(std::move(base.artifacts));
  }

  /// The target's whole version: the base's where it brings the interpreter.
  std::string full_python() const {
    const auto dots = std::count(manifest_.python.begin(), manifest_.python.end(), '.');
    if (dots == 2) return manifest_.python;
    const std::string of_base = python_of_base(lock_.artifacts, manifest_.python);
    return of_base.empty() ? manifest_.python + ".0" : of_base;
  }

  Pylock resolve(const std::string& python) {
    if (!manifest_.pylock.empty()) {
      const auto path = manifest_.directory / manifest_.pylock;
      return parse_pylock(read_text(path), path.string());
    }
    WheelWish wish;
    wish.requirements = manifest_.requirements;
    wish.platform = manifest_.platform;
    wish.python = python;
    wish.glibc = manifest_.glibc;
    wish.sources = sources_;
    wish.uv = options_.uv;
    wish.python_program = options_.sources.python;
    for (const auto& artifact : preferred(options_.upgrade, ArtifactKind::kWheel,
                                          of_kind(previous_, ArtifactKind::kWheel))) {
      wish.preferred.emplace(artifact.name, artifact.version);
    }
    return resolve_wheels(wish, events_);
  }

  void add_wheels() {
    if (!has_wheels()) return;
    if (keeps(ArtifactKind::kWheel)) {
      add(of_kind(previous_, ArtifactKind::kWheel));
      return;
    }
    const std::string python = full_python();
    const Pylock pylock = resolve(python);
    const std::string file = manifest_.pylock.empty()
                                 ? manifest_.file
                                 : (manifest_.directory / manifest_.pylock).string();
    const MarkerEnvironment target = target_environment(manifest_.platform, python);
    const auto chosen =
        choose_wheels(pylock, target, WheelTags(python, manifest_.platform, manifest_.glibc), file);
    IndexReader index(sources_, options_.fetch);
    FetchOptions fetch = options_.fetch;
    if (fetch.ca_file.empty()) fetch.ca_file = sources_.ca_file;
    DescribedWheels wheels = describe_wheels(chosen, manifest_.requirements, target, index,
                                             manifest_.directory.string(), cache_, fetch, events_);
    wheel_time_ = wheels.newest_upload;
    add(std::move(wheels.artifacts));
  }

  void set_time() {
    if (has_base()) {
      lock_.epoch = base_time_;
    } else if (has_wheels()) {
      lock_.epoch = keeps(ArtifactKind::kWheel) ? previous_.epoch : wheel_time_;
    }
    lock_.epoch = std::max(lock_.epoch, kOldestEpoch);
    lock_.timestamp = format_timestamp(lock_.epoch);
  }

  const Manifest& manifest_;
  const LockOptions& options_;
  const ArtifactCache& cache_;
  EventSink& events_;
  Lock previous_;
  bool same_manifest_ = false;
  Sources sources_;
  Lock lock_;
  int64_t base_time_ = 0;
  int64_t wheel_time_ = 0;
};

}  // namespace

Lock make_lock(const Manifest& manifest, const LockOptions& options, const ArtifactCache& cache,
               EventSink& events) {
  return LockRun(manifest, options, cache, events).run();
}

std::vector<std::string> stale_reasons(const Manifest& manifest, const Lock& lock,
                                       const std::filesystem::path& lock_directory) {
  std::vector<std::string> out;
  if (lock.manifest_digest != manifest.digest) {
    out.push_back("the manifest has changed since the lock was made");
    return out;
  }
  const auto items = lock_items(manifest, lock_directory);
  for (const auto& item : items) {
    const auto found =
        std::find_if(lock.artifacts.begin(), lock.artifacts.end(), [&](const Artifact& artifact) {
          return artifact.kind == item.kind && artifact.name == item.name;
        });
    if (found == lock.artifacts.end()) {
      out.push_back("the lock has no " + std::string(to_string(item.kind)) + " " + item.name);
    } else if (found->digest != item.digest) {
      out.push_back(std::string(to_string(item.kind)) + " " + item.name +
                    " has changed since the lock was made");
    }
  }
  return out;
}

}  // namespace eb
