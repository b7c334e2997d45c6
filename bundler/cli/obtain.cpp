#include "bundler/cli/obtain.hpp"

#include <algorithm>

#include "installer/base/error.hpp"
#include "installer/base/file.hpp"

namespace eb {
namespace {

constexpr size_t kMaxLockSize = 64u << 20;
constexpr size_t kMaxNamed = 10;

std::vector<const Artifact*> missing_artifacts(const Lock& lock, const ArtifactCache& cache) {
  std::vector<const Artifact*> out;
  for (const Artifact& artifact : lock.artifacts) {
    if (artifact.kind == ArtifactKind::kFolder) continue;
    std::error_code error;
    const uint64_t size = std::filesystem::file_size(cache.path_of(artifact.digest), error);
    if (error || size != artifact.size_bytes) out.push_back(&artifact);
  }
  return out;
}

Error missing_error(const std::vector<const Artifact*>& missing, const ArtifactCache& cache,
                    const std::filesystem::path& lock) {
  std::string names;
  for (size_t i = 0; i < std::min(missing.size(), kMaxNamed); ++i) {
    names += (names.empty() ? "" : ", ") + missing[i]->file_name;
  }
  if (missing.size() > kMaxNamed) {
    names += " and " + std::to_string(missing.size() - kMaxNamed) + " more";
  }
  return Error(ExitCode::kNetwork, "artifacts are missing in the cache")
      .where(cache.directory().string())
      .why(std::to_string(missing.size()) + " of them: " + names)
      .hint("run `envbundle fetch " + lock.string() +
            "` on a machine with internet, or leave out "
            "--offline");
}

std::vector<FetchRequest> requests_without_places(const Lock& lock) {
  std::vector<FetchRequest> out;
  for (const Artifact& artifact : lock.artifacts) {
    if (artifact.kind == ArtifactKind::kFolder) continue;
    out.push_back({artifact.file_name, artifact.size_bytes, artifact.digest, {}});
  }
  return out;
}

std::vector<FetchResult> look_up_and_fetch(const LockFile& lock, const SourceArguments& arguments,
                                           const ArtifactCache& cache, EventSink& events,
                                           const FetchHooks& hooks) {
  const auto missing = missing_artifacts(lock.lock, cache);
  const auto any_of_kind = [&](ArtifactKind kind) {
    return std::any_of(missing.begin(), missing.end(),
                       [&](const Artifact* artifact) { return artifact->kind == kind; });
  };
  const Sources sources = find_sources(arguments.sources, any_of_kind(ArtifactKind::kWheel),
                                       any_of_kind(ArtifactKind::kDeb));
  FetchOptions options = arguments.fetch;
  if (options.ca_file.empty()) options.ca_file = sources.ca_file;
  SourceFinder finder(lock.lock, sources, lock.folder, options);
  return fetch_all(fetch_requests(lock.lock, finder, cache, events), cache, options, events, hooks);
}

}  // namespace

ArtifactCache SourceArguments::open_cache() const {
  return ArtifactCache(cache.empty() ? ArtifactCache::default_directory()
                                     : std::filesystem::path(cache));
}

void add_cache_option(CLI::App& app, SourceArguments& arguments) {
  app.add_option("--cache", arguments.cache,
                 "Where downloads are kept (default: $ENVBUNDLE_CACHE, else ~/.cache/envbundle)")
      ->type_name("DIR");
}

void add_source_options(CLI::App& app, SourceArguments& arguments) {
  add_cache_option(app, arguments);
  app.add_option("--index-url", arguments.sources.index_urls,
                 "Wheel index (default: the one that pip uses); may be repeated")
      ->type_name("URL")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app.add_option("--archive-url", arguments.sources.archive_urls,
                 "Root of a Debian archive (default: those that apt uses); may be repeated")
      ->type_name("[ARCHIVE=]URL")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app.add_option("--sources", arguments.sources.file, "TOML file that names index and archives")
      ->type_name("FILE");
  app.add_option("--python", arguments.sources.python, "Whose pip is asked for its index")
      ->type_name("PROGRAM")
      ->capture_default_str();
  app.add_option("--connections", arguments.fetch.connections, "Downloads at once")
      ->type_name("N")
      ->check(CLI::Range(1U, 64U))
      ->capture_default_str();
}

LockFile read_lock(const std::filesystem::path& file) {
  std::vector<std::byte> text;
  try {
    text = read_file_at(real_sys(), AT_FDCWD, file.c_str(), kMaxLockSize, file.string());
  } catch (Error& error) {
    std::error_code ignored;
    if (!std::filesystem::exists(file, ignored)) {
      error.hint("`envbundle lock MANIFEST` makes a lock");
    }
    throw;
  }
  return {parse_lock(as_text(text), file.string()), sha256(text),
          file.has_parent_path() ? file.parent_path() : std::filesystem::path("."), file.string()};
}

Obtained obtain(const LockFile& lock, const SourceArguments& arguments, EventSink& events,
                const FetchHooks& hooks) {
  const ArtifactCache cache = arguments.open_cache();
  const auto missing = missing_artifacts(lock.lock, cache);
  if (arguments.offline && !missing.empty()) throw missing_error(missing, cache, lock.folder);
  std::vector<FetchResult> results;
  if (missing.empty()) {
    try {
      results =
          fetch_all(requests_without_places(lock.lock), cache, arguments.fetch, events, hooks);
    } catch (const Error&) {
      // A damaged file is removed when it is found; then it is missing like any other.
      if (arguments.offline) throw;
      results = look_up_and_fetch(lock, arguments, cache, events, hooks);
    }
  } else {
    results = look_up_and_fetch(lock, arguments, cache, events, hooks);
  }
  Obtained out;
  for (const FetchResult& result : results) ++(result.was_cached ? out.cached : out.fetched);
  return out;
}

}  // namespace eb
