#include "bundler/lock/resolve_base.hpp"

#include <algorithm>
#include <array>
#include <ctime>
#include <map>
#include <mutex>
#include <set>

#include "bundler/artifact/deb.hpp"
#include "bundler/lock/apt_settings.hpp"
#include "bundler/lock/apt_workspace.hpp"
#include "bundler/lock/debian_copyright.hpp"
#include "bundler/lock/snapshot.hpp"
#include "installer/base/error.hpp"
#include "installer/base/worker_pool.hpp"

namespace eb {
namespace {

std::vector<ArchiveRoot> roots_for(const Sources& sources, const std::string& suite,
                                   EventSink& events) {
  std::vector<ArchiveRoot> out;
  for (const auto& root : sources.archives) {
    if (serves_suite(root, suite)) out.push_back(root);
  }
  if (!out.empty()) return out;
  if (!sources.snapshot) {
    throw Error(ExitCode::kUnresolvable, "no archive serves the suite " + suite)
        .why("apt on this machine has no source for it, and snapshots are switched off")
        .hint("name an archive: --archive-url URL, or --sources FILE");
  }
  events.on(Warning{"apt on this machine has no source for " + suite +
                    "; snapshot.debian.org is used (--archive-url URL names another)"});
  const std::string now = format_timestamp(std::time(nullptr));
  for (const char* archive : {"debian", "debian-security"}) {
    out.push_back({archive, snapshot_roots(archive, now).back(), {}});
  }
  return out;
}

/// Who pulled a package in: the packages of the set that depend on it, "manifest" for the asked.
std::map<std::string, std::set<std::string>> askers(const std::vector<AptPackage>& packages,
                                                    const std::vector<std::string>& asked) {
  std::map<std::string, std::set<std::string>> providers;
  for (const auto& package : packages) {
    const std::string& name = control_field(package.control, "package");
    providers[name].insert(name);
    for (const auto& group : parse_relations(control_field(package.control, "provides"))) {
      providers[group.front()].insert(name);
    }
  }
  std::map<std::string, std::set<std::string>> out;
  for (const auto& name : asked) {
    for (const auto& provider : providers[name]) out[provider].insert("manifest");
  }
  for (const auto& package : packages) {
    const std::string& name = control_field(package.control, "package");
    for (const char* field : {"depends", "pre-depends"}) {
      for (const auto& group : parse_relations(control_field(package.control, field))) {
        // The first alternative that is there is the one that counts.
        for (const auto& alternative : group) {
          const auto found = providers.find(alternative);
          if (found == providers.end() || found->second.empty()) continue;
          for (const auto& provider : found->second) {
            if (provider != name) out[provider].insert(name);
          }
          break;
        }
      }
    }
  }
  return out;
}

Artifact artifact_of(const AptPackage& package) {
  Artifact out;
  out.kind = ArtifactKind::kDeb;
  out.name = control_field(package.control, "package");
  out.version = control_field(package.control, "version");
  out.source = package.source;
  out.file_name = package.source.substr(package.source.rfind('/') + 1);
  out.archive = package.archive;
  try {
    out.digest = Sha256::from_hex(control_field(package.control, "sha256"));
    out.size_bytes = std::stoull(control_field(package.control, "size"));
  } catch (const std::exception&) {
    throw Error(ExitCode::kUnresolvable, "the archive gives no sha256 and size of " + out.file_name)
        .where(package.source)
        .why("its lists hold weaker digests only");
  }
  return out;
}

/// debian/copyright of a package, or the package in whose documentation it lies.
struct Copyright {
  std::string text;
  std::string other_package;
};

Copyright read_copyright(const std::filesystem::path& path, const Artifact& artifact) {
  constexpr size_t kMaxCopyright = size_t{8} << 20;
  const std::string folder = "usr/share/doc/" + artifact.name;
  Copyright out;
  DebReader deb(path, artifact.name + " " + artifact.version);
  TarEntry entry;
  while (deb.next(entry)) {
    if (entry.type == TarEntry::Type::kSymlink &&
        (entry.path == folder || entry.path == folder + "/copyright")) {
      // "gcc-12-base" or "../gcc-12-base/copyright"
      std::string target = entry.target;
      if (target.starts_with("../")) target = target.substr(3);
      out.other_package = target.substr(0, target.find('/'));
    }
    if (entry.path != folder + "/copyright" || entry.type != TarEntry::Type::kFile) continue;
    std::array<char, 65536> buffer;
    while (const size_t count = deb.read(buffer.data(), buffer.size())) {
      out.text.append(buffer.data(), count);
      if (out.text.size() > kMaxCopyright) break;
    }
    break;
  }
  return out;
}

void add_licences(std::vector<Artifact>& artifacts, const std::vector<FetchResult>& files) {
  std::map<std::string, Copyright> copyrights;
  std::mutex mutex;
  for_each_parallel(artifacts.size(), available_cpus(), [&](size_t i) {
    Copyright copyright = read_copyright(files[i].path, artifacts[i]);
    const std::lock_guard lock(mutex);
    copyrights.emplace(artifacts[i].name, std::move(copyright));
  });
  for (auto& artifact : artifacts) {
    const Copyright* copyright = &copyrights.at(artifact.name);
    // Packages of one source share a folder; the link leads there at once.
    if (copyright->text.empty() && copyrights.count(copyright->other_package) != 0) {
      copyright = &copyrights.at(copyright->other_package);
    }
    artifact.licence = summarise_copyright(copyright->text);
  }
}

}  // namespace

ResolvedBase resolve_base(const Manifest& manifest, const Sources& sources,
                          const std::vector<Artifact>& preferred, const LockOptions& options,
                          const ArtifactCache& cache, EventSink& events) {
  const auto roots = roots_for(sources, manifest.suite, events);
  events.on(Note{"resolving " + std::to_string(manifest.packages.size()) + " packages of " +
                 manifest.suite + " with apt"});
  AptWorkspace apt(roots, manifest.suite, debian_architecture(manifest.platform), sources.keyring);
  apt.pretend_installed(manifest.excluded_packages);
  std::map<std::string, std::string> versions;
  for (const auto& artifact : preferred) versions.emplace(artifact.name, artifact.version);
  apt.prefer(versions);
  const auto packages = apt.resolve(manifest.packages);
  const auto asked_by = askers(packages, manifest.packages);

  ResolvedBase out;
  out.release_time = apt.release_time();
  std::vector<FetchRequest> requests;
  for (const auto& package : packages) {
    Artifact artifact = artifact_of(package);
    if (const auto found = asked_by.find(artifact.name); found != asked_by.end()) {
      artifact.asked_by.assign(found->second.begin(), found->second.end());
    }
    std::vector<std::string> urls;
    for (const auto& root : roots) {
      if (root.archive == artifact.archive) urls.push_back(root.url + artifact.source);
    }
    requests.push_back({artifact.file_name, artifact.size_bytes, artifact.digest, std::move(urls)});
    out.artifacts.push_back(std::move(artifact));
  }
  add_licences(out.artifacts, fetch_all(requests, cache, options.fetch, events));
  return out;
}

std::string python_of_base(const std::vector<Artifact>& artifacts, const std::string& python) {
  for (const auto& artifact : artifacts) {
    if (artifact.kind != ArtifactKind::kDeb || artifact.name != "python" + python) continue;
    const size_t epoch = artifact.version.find(':');
    const std::string version =
        epoch == std::string::npos ? artifact.version : artifact.version.substr(epoch + 1);
    return version.substr(0, version.find_first_not_of("0123456789."));
  }
  return "";
}

}  // namespace eb
