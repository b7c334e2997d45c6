#include "bundler/lock/describe_wheels.hpp"

#include <fcntl.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <map>
#include <mutex>
#include <set>

#include "bundler/fetch/url.hpp"
#include "bundler/lock/remote_metadata.hpp"
#include "bundler/lock/snapshot.hpp"
#include "bundler/manifest/requirement.hpp"
#include "installer/base/error.hpp"
#include "installer/base/file.hpp"
#include "installer/base/worker_pool.hpp"

namespace eb {
namespace {

constexpr unsigned kWheelsAtOnce = 8;
constexpr size_t kMaxMetadataBytes = size_t{8} << 20;

std::optional<std::string> read_local_metadata(const std::filesystem::path& path) {
  Sys& sys = real_sys();
  const int raw = sys.openat(AT_FDCWD, path.c_str(), O_RDONLY | O_CLOEXEC, 0);
  if (raw < 0) return std::nullopt;
  const Fd file(sys, raw);
  struct stat info {};
  if (sys.fstat(file.get(), &info) < 0) return std::nullopt;
  return read_metadata_by_ranges(
      static_cast<uint64_t>(info.st_size),
      [&](uint64_t offset, uint64_t size) -> std::optional<std::string> {
        std::string out(size, '\0');
        if (pread_up_to(sys, file.get(), out.data(), size, offset, path.string()) != size) {
          return std::nullopt;
        }
        return out;
      });
}

/// One wheel on its way from a resolver's answer to an artifact.
class Description {
 public:
  Description(const ChosenWheel& wheel, IndexReader& index, std::filesystem::path directory,
              const ArtifactCache& cache, const FetchOptions& options)
      : wheel_(wheel),
        index_(index),
        directory_(std::move(directory)),
        cache_(cache),
        options_(options) {}

  Artifact artifact() {
    Artifact out;
    out.kind = ArtifactKind::kWheel;
    out.name = wheel_.name;
    out.version = wheel_.version;
    out.file_name = wheel_.wheel.file_name;
    out.digest = *wheel_.wheel.digest;
    find_places();
    out.size_bytes = size();
    return out;
  }

  /// After artifact().
  std::string metadata(const Artifact& artifact) {
    for (const auto& path : local_places(artifact)) {
      if (auto text = read_local_metadata(path)) return *std::move(text);
    }
    for (const auto& file : files_) {
      if (auto text = beside(file)) return *std::move(text);
    }
    for (const auto& url : urls_) {
      if (local_path(url)) continue;
      if (auto text = read_remote_metadata(url, artifact.size_bytes, options_)) {
        return *std::move(text);
      }
    }
    return whole(artifact);
  }

  int64_t upload_time() const { return upload_time_; }
  bool is_yanked() const {
    return !files_.empty() && std::all_of(files_.begin(), files_.end(),
                                          [](const IndexFile& file) { return file.yanked; });
  }

 private:
  /// The resolver's own address first, then what the index says about this very file.
  void find_places() {
    const PylockWheel& wheel = wheel_.wheel;
    if (wheel.is_path) {
      urls_.push_back((directory_ / wheel.place).string());
      return;
    }
    urls_.push_back(wheel.place);
    upload_time_ = parse_rfc3339(wheel.upload_time).value_or(0);
    for (const auto& file : index_.files(wheel_.name)) {
      if (file.file_name != wheel.file_name) continue;
      if (file.digest && *file.digest != *wheel.digest) continue;
      files_.push_back(file);
      if (file.url != wheel.place) urls_.push_back(file.url);
      if (upload_time_ == 0) upload_time_ = parse_rfc3339(file.upload_time).value_or(0);
    }
  }

  uint64_t size() const {
    if (wheel_.wheel.size_bytes) return *wheel_.wheel.size_bytes;
    for (const auto& file : files_) {
      if (file.size_bytes) return *file.size_bytes;
    }
    for (const auto& url : urls_) {
      if (const auto path = local_path(url)) {
        std::error_code problem;
        const auto bytes = std::filesystem::file_size(*path, problem);
        if (!problem) return bytes;
      } else if (const auto bytes = read_remote_size(url, options_)) {
        return *bytes;
      }
    }
    throw Error(ExitCode::kUnresolvable, "cannot find out the size of " + wheel_.wheel.file_name)
        .where(shown_url(urls_.front()))
        .why("neither the index nor the server tells it")
        .hint("an index with the JSON interface (PEP 691) does");
  }

  std::vector<std::filesystem::path> local_places(const Artifact& artifact) const {
    std::vector<std::filesystem::path> out = {cache_.path_of(artifact.digest)};
    for (const auto& url : urls_) {
      if (const auto path = local_path(url)) out.push_back(*path);
    }
    return out;
  }

  std::optional<std::string> beside(const IndexFile& file) const {
    if (!file.has_metadata || local_path(file.url)) return std::nullopt;
    HttpDocument document = fetch_document(file.url + ".metadata", {}, kMaxMetadataBytes, options_);
    if (document.status != 200) return std::nullopt;
    if (file.metadata_digest && sha256(as_bytes(document.body)) != *file.metadata_digest) {
      return std::nullopt;
    }
    return std::move(document.body);
  }

  std::string whole(const Artifact& artifact) const {
    NullSink quiet;
    const auto files =
        fetch_all({{artifact.file_name, artifact.size_bytes, artifact.digest, urls_}}, cache_,
                  options_, quiet);
    if (auto text = read_local_metadata(files.front().path)) return *std::move(text);
    throw Error(ExitCode::kUnresolvable, "no METADATA in " + artifact.file_name)
        .where(shown_url(urls_.front()));
  }

  const ChosenWheel& wheel_;
  IndexReader& index_;
  std::filesystem::path directory_;
  const ArtifactCache& cache_;
  const FetchOptions& options_;
  std::vector<std::string> urls_;
  std::vector<IndexFile> files_;
  int64_t upload_time_ = 0;
};

}  // namespace

std::vector<std::vector<std::string>> find_askers(const std::vector<NamedMetadata>& packages,
                                                  const std::vector<std::string>& requirements,
                                                  const MarkerEnvironment& target,
                                                  std::vector<std::string>* missing) {
  std::map<std::string, size_t> places;
  for (size_t i = 0; i < packages.size(); ++i) places.emplace(packages[i].name, i);
  std::vector<std::set<std::string>> askers(packages.size());
  std::vector<std::set<std::string>> extras(packages.size());
  std::set<std::string> lacking;
  std::vector<size_t> to_visit;

  const auto ask = [&](const std::string& who, const Requirement& requirement) {
    const auto found = places.find(requirement.name);
    if (found == places.end()) {
      lacking.insert(who + " asks for " + requirement.name);
      return;
    }
    const size_t at = found->second;
    if (who != requirement.name) askers[at].insert(who);  // a[x] may name itself for a[y]
    bool grew = false;
    for (const auto& extra : requirement.extras) grew |= extras[at].insert(extra).second;
    if (grew) to_visit.push_back(at);
  };
  const auto visit = [&](size_t at) {
    for (const auto& text : packages[at].metadata.fields("Requires-Dist")) {
      const auto requirement = parse_requirement(text);
      if (!requirement) continue;  // old wheels have what no specification allows
      bool applies = requirement->applies(target);
      for (const auto& extra : extras[at]) applies |= requirement->applies(target, extra);
      if (applies) ask(packages[at].name, *requirement);
    }
  };

  for (const auto& text : requirements) {
    const auto requirement = parse_requirement(text);
    if (requirement && requirement->applies(target)) ask("manifest", *requirement);
  }
  to_visit.clear();
  for (size_t i = 0; i < packages.size(); ++i) to_visit.push_back(i);
  // A new extra adds requirements; extras are finite, so this ends.
  while (!to_visit.empty()) {
    const size_t at = to_visit.back();
    to_visit.pop_back();
    visit(at);
  }
  if (missing != nullptr) missing->assign(lacking.begin(), lacking.end());
  std::vector<std::vector<std::string>> out;
  out.reserve(askers.size());
  for (const auto& names : askers) out.emplace_back(names.begin(), names.end());
  return out;
}

DescribedWheels describe_wheels(const std::vector<ChosenWheel>& wheels,
                                const std::vector<std::string>& requirements,
                                const MarkerEnvironment& target, IndexReader& index,
                                const std::string& directory, const ArtifactCache& cache,
                                const FetchOptions& options, EventSink& events) {
  DescribedWheels out;
  out.artifacts.resize(wheels.size());
  std::vector<std::string> texts(wheels.size());
  std::vector<std::string> yanked;
  std::mutex mutex;
  uint64_t done = 0;
  const auto begin = std::chrono::steady_clock::now();
  events.on(PhaseStarted{.phase = "metadata", .total = wheels.size(), .unit = "files"});
  for_each_parallel(wheels.size(), kWheelsAtOnce, [&](size_t i) {
    Description description(wheels[i], index, directory, cache, options);
    out.artifacts[i] = description.artifact();
    texts[i] = description.metadata(out.artifacts[i]);
    const std::lock_guard lock(mutex);
    out.newest_upload = std::max(out.newest_upload, description.upload_time());
    if (description.is_yanked()) yanked.push_back(wheels[i].name + " " + wheels[i].version);
    events.on(PhaseProgress{++done});
  });
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  events.on(PhaseFinished{.phase = "metadata", .seconds = took.count()});

  std::vector<NamedMetadata> packages;
  packages.reserve(wheels.size());
  for (size_t i = 0; i < wheels.size(); ++i) {
    packages.push_back({wheels[i].name, CoreMetadata(texts[i])});
    out.artifacts[i].licence = packages[i].metadata.licence();
  }
  std::vector<std::string> missing;
  auto askers = find_askers(packages, requirements, target, &missing);
  for (size_t i = 0; i < wheels.size(); ++i) {
    // A pylock.toml does not say what was asked for; what nobody else requires was.
    if (askers[i].empty()) askers[i] = {"manifest"};
    out.artifacts[i].asked_by = std::move(askers[i]);
  }
  std::sort(yanked.begin(), yanked.end());
  for (const auto& name : yanked) events.on(Warning{name + " was yanked from its index"});
  for (const auto& text : missing) events.on(Warning{text + ", which is not in the lock"});
  return out;
}

}  // namespace eb
