#include "bundler/lock/sources.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <mutex>
#include <utility>

#include "bundler/fetch/url.hpp"
#include "bundler/lock/apt_settings.hpp"
#include "bundler/lock/index_reader.hpp"
#include "bundler/lock/pip_settings.hpp"
#include "bundler/lock/snapshot.hpp"
#include "bundler/manifest/table_reader.hpp"
#include "installer/base/error.hpp"
#include "installer/base/file.hpp"
#include "installer/base/worker_pool.hpp"

namespace eb {
namespace {

constexpr size_t kMaxSourcesFile = size_t{1} << 20;
constexpr unsigned kPagesAtOnce = 8;

std::string with_slash(std::string url) {
  if (!url.ends_with("/")) url += '/';
  return url;
}

/// `[ARCHIVE=]URL`
ArchiveRoot parse_archive_url(const std::string& text) {
  const size_t equals = text.find('=');
  const bool named = equals != std::string::npos && equals < text.find(':');
  const std::string url = with_slash(named ? text.substr(equals + 1) : text);
  if (named) return {text.substr(0, equals), url, {}};
  return {url.find("security") == std::string::npos ? "debian" : "debian-security", url, {}};
}

void read_sources_file(const std::filesystem::path& path, Sources& out) {
  const auto data =
      read_file_at(real_sys(), AT_FDCWD, path.c_str(), kMaxSourcesFile, path.string());
  const TomlValue document = parse_toml(as_text(data), path.string());
  TableReader top(document, path.string());
  out.index_urls = top.strings("index-urls");
  out.find_links = top.strings("find-links");
  out.ca_file = top.string("ca-file").value_or("");
  out.keyring = top.string("keyring").value_or("");
  if (const TomlValue* snapshot = top.value("snapshot")) {
    if (snapshot->type != TomlValue::Type::kBoolean) {
      throw top.error("snapshot", "'snapshot' must be a boolean");
    }
    out.snapshot = snapshot->boolean;
  }
  for (auto& table : top.tables("archive")) {
    ArchiveRoot root;
    root.url = with_slash(table.required_string("url"));
    root.archive = table.string("name").value_or(parse_archive_url(root.url).archive);
    root.suites = table.strings("suites");
    table.finish();
    out.archives.push_back(std::move(root));
  }
  top.finish();
}

void ask_pip_for(Sources& out, const std::string& python) {
  const PipSettings pip = ask_pip(python);
  if (!pip.index_url.empty()) out.index_urls.push_back(pip.index_url);
  out.index_urls.insert(out.index_urls.end(), pip.extra_index_urls.begin(),
                        pip.extra_index_urls.end());
  out.find_links.insert(out.find_links.end(), pip.find_links.begin(), pip.find_links.end());
  if (out.ca_file.empty()) out.ca_file = pip.cert;
  if (out.index_urls.empty() && out.find_links.empty()) {
    throw Error(ExitCode::kNetwork, "no place to look for wheels")
        .why("pip is configured with no-index and without find-links")
        .hint("name the index: --index-url URL");
  }
}

}  // namespace

Sources find_sources(const SourcesOptions& options, bool wheels, bool debs) {
  Sources out;
  if (!options.file.empty()) read_sources_file(options.file, out);
  if (!options.index_urls.empty()) out.index_urls = options.index_urls;
  if (!options.archive_urls.empty()) {
    out.archives.clear();
    for (const auto& text : options.archive_urls) out.archives.push_back(parse_archive_url(text));
  }
  if (wheels && out.index_urls.empty()) ask_pip_for(out, options.python);
  if (debs && out.archives.empty()) out.archives = ask_apt();
  return out;
}

struct SourceFinder::State {
  State(const Lock& lock_in, const Sources& sources, std::filesystem::path directory,
        FetchOptions options)
      : suite(lock_in.suite),
        timestamp(lock_in.timestamp),
        lock_directory(std::move(directory)),
        index(sources, std::move(options)) {}

  std::vector<std::string> wheel_urls(const Artifact& artifact);
  std::vector<std::string> deb_urls(const Artifact& artifact) const;

  std::string suite, timestamp;
  std::filesystem::path lock_directory;
  IndexReader index;
};

std::vector<std::string> SourceFinder::State::wheel_urls(const Artifact& artifact) {
  std::vector<std::string> out;
  bool has_name = false;
  for (const auto& file : index.files(artifact.name)) {
    if (file.file_name != artifact.file_name) continue;
    has_name = true;
    // A page without digests is no reason to pass a place over: the download is checked.
    if (file.digest && *file.digest != artifact.digest) continue;
    out.push_back(file.url);
  }
  if (!out.empty()) return out;
  std::string asked;
  for (const auto& url : index.sources().index_urls) {
    asked += (asked.empty() ? "" : ", ") + shown_url(url);
  }
  for (const auto& place : index.sources().find_links) {
    asked += (asked.empty() ? "" : ", ") + shown_url(place);
  }
  Error error(ExitCode::kNetwork, "no index has " + artifact.file_name);
  error.where(asked);
  if (has_name) {
    error.why("the file of this name there has another sha256 than the lock's " +
              artifact.digest.hex());
  } else {
    error.why("the project's page does not list it");
  }
  throw std::move(error.hint("another index can be named: --index-url URL, --sources FILE")
                      .hint("or renew the version: envbundle lock --upgrade=" + artifact.name));
}

std::vector<std::string> SourceFinder::State::deb_urls(const Artifact& artifact) const {
  std::vector<std::string> out;
  const Sources& sources = index.sources();
  for (const auto& root : sources.archives) {
    if (root.archive == artifact.archive && serves_suite(root, suite)) {
      out.push_back(root.url + artifact.source);
    }
  }
  if (sources.snapshot && !timestamp.empty()) {
    for (const auto& root : snapshot_roots(artifact.archive, timestamp)) {
      out.push_back(root + artifact.source);
    }
  }
  if (!out.empty()) return out;
  throw Error(ExitCode::kNetwork, "no archive for " + artifact.file_name)
      .why("apt on this machine has no source for " + suite + ", and snapshots are switched off")
      .hint("name an archive: --archive-url " + artifact.archive + "=URL, or --sources FILE");
}

SourceFinder::SourceFinder(const Lock& lock, const Sources& sources,
                           std::filesystem::path lock_directory, FetchOptions options)
    : state_(
          std::make_unique<State>(lock, sources, std::move(lock_directory), std::move(options))) {}
SourceFinder::~SourceFinder() = default;

std::vector<std::string> SourceFinder::urls(const Artifact& artifact) {
  switch (artifact.kind) {
    case ArtifactKind::kWheel:
      return state_->wheel_urls(artifact);
    case ArtifactKind::kDeb:
      return state_->deb_urls(artifact);
    case ArtifactKind::kTar:
    case ArtifactKind::kFile:
    case ArtifactKind::kFolder:
      if (artifact.source.find("://") != std::string::npos) return {artifact.source};
      return {local_source(artifact, state_->lock_directory).string()};
    case ArtifactKind::kRedist:
    case ArtifactKind::kConda:
      break;
  }
  throw Error(
      ExitCode::kInvalidLock,
      "artifacts of kind '" + std::string(to_string(artifact.kind)) + "' cannot be fetched yet")
      .where(artifact.file_name);
}

std::filesystem::path local_source(const Artifact& artifact,
                                   const std::filesystem::path& lock_directory) {
  return lock_directory / artifact.source;
}

std::vector<FetchRequest> fetch_requests(const Lock& lock, SourceFinder& finder,
                                         const ArtifactCache& cache, EventSink& events) {
  std::vector<FetchRequest> out;
  std::vector<std::pair<size_t, const Artifact*>> to_look_up;
  for (const auto& artifact : lock.artifacts) {
    if (artifact.kind == ArtifactKind::kFolder) continue;
    out.push_back({artifact.file_name, artifact.size_bytes, artifact.digest, {}});
    if (artifact.kind != ArtifactKind::kWheel) {
      out.back().urls = finder.urls(artifact);  // costs nothing
      continue;
    }
    struct stat info {};
    const bool cached = cache.sys().fstatat(AT_FDCWD, cache.path_of(artifact.digest).c_str(), &info,
                                            AT_SYMLINK_NOFOLLOW) == 0;
    if (!cached) to_look_up.emplace_back(out.size() - 1, &artifact);
  }
  if (to_look_up.empty()) return out;
  const auto begin = std::chrono::steady_clock::now();
  events.on(PhaseStarted{.phase = "look up", .total = to_look_up.size(), .unit = "files"});
  std::mutex mutex;
  uint64_t done = 0;
  for_each_parallel(to_look_up.size(), kPagesAtOnce, [&](size_t i) {
    out[to_look_up[i].first].urls = finder.urls(*to_look_up[i].second);
    const std::lock_guard guard(mutex);
    events.on(PhaseProgress{++done});
  });
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  events.on(PhaseFinished{.phase = "look up", .seconds = took.count()});
  return out;
}

}  // namespace eb
