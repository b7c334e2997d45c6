#include "bundler/demand/first_import.hpp"

#include <algorithm>
#include <numeric>
#include <optional>
#include <set>
#include <string_view>

#include "installer/base/worker_pool.hpp"

namespace eb {
namespace {

constexpr char kOrigin[] = "envbundle";
constexpr std::string_view kSitePackages = "/site-packages/";

using Type = Staging::Item::Type;

bool is_library_name(std::string_view name) {
  return name.ends_with(".so") || name.find(".so.") != std::string_view::npos;
}

/// "torch" of lib/python3.11/site-packages/torch/_C.cpython-311-x86_64-linux-gnu.so.
std::optional<std::string> package_of_module(const RelPath& path) {
  const std::string& text = path.str();
  const size_t at = text.find(kSitePackages);
  if (!text.starts_with("lib/python") || at == std::string::npos) return std::nullopt;
  const std::string_view rest = std::string_view(text).substr(at + kSitePackages.size());
  const size_t slash = rest.find('/');
  if (slash == std::string_view::npos || rest.find('/', slash + 1) != std::string_view::npos ||
      !rest.ends_with(".so")) {
    return std::nullopt;
  }
  return std::string(rest.substr(0, slash));
}

/// The shared libraries of a tree, and where the names lead under which others ask for them.
class Libraries {
 public:
  Libraries(const Staging& staging, unsigned threads) {
    std::vector<const RelPath*> files;
    for (const auto& [path, item] : staging.items()) {
      if (!is_library_name(path.name())) continue;
      if (item.type == Type::kFile) {
        files.push_back(&path);
        by_name_.emplace(path.name(), path);
      } else if (item.type == Type::kSymlink && item.target.find('/') == std::string::npos) {
        by_name_.emplace(path.name(), RelPath(std::string(path.parent()) + "/" + item.target));
      }
    }
    std::vector<std::optional<SharedLibrary>> read(files.size());
    for_each_parallel(files.size(), threads, [&](size_t i) {
      read[i] = read_shared_library(staging.host_path(*files[i]));
    });
    for (size_t i = 0; i < files.size(); ++i) {
      if (read[i]) libraries_.emplace(*files[i], std::move(*read[i]));
    }
  }

  const std::map<RelPath, SharedLibrary>& all() const { return libraries_; }

  /// The roots and everything that they need, each once, in the order in which the loader maps it.
  std::vector<RelPath> closure(std::vector<RelPath> roots) const {
    std::vector<RelPath> out = std::move(roots);
    std::set<RelPath> seen(out.begin(), out.end());
    for (size_t i = 0; i < out.size(); ++i) {
      const auto library = libraries_.find(out[i]);
      if (library == libraries_.end()) continue;
      for (const std::string& name : library->second.needed) {
        const auto found = by_name_.find(name);
        if (found != by_name_.end() && seen.insert(found->second).second) {
          out.push_back(found->second);
        }
      }
    }
    return out;
  }

 private:
  std::map<RelPath, SharedLibrary> libraries_;
  std::map<std::string, RelPath, std::less<>> by_name_;  ///< of several the first by path
};

std::string list_text(const std::string& package, const std::vector<FileRange>& reads) {
  std::string out = "# What the first `import " + package +
                    "` reads: offset, bytes, path below the release (envbundle_read_ahead.py).\n";
  for (const FileRange& read : reads) {
    out += std::to_string(read.range.offset) + " " + std::to_string(read.range.size_bytes) + " " +
           read.path.str() + "\n";
  }
  return out;
}

}  // namespace

std::map<std::string, std::vector<FileRange>> first_imports(const Staging& staging,
                                                            unsigned threads) {
  const Libraries libraries(staging, threads);
  std::map<std::string, std::vector<RelPath>> modules;
  for (const auto& [path, library] : libraries.all()) {
    if (const auto package = package_of_module(path)) modules[*package].push_back(path);
  }
  std::map<std::string, std::vector<FileRange>> out;
  for (const auto& [package, roots] : modules) {
    std::vector<RelPath> order = libraries.closure(roots);
    std::ranges::reverse(order);
    std::vector<FileRange> reads;
    uint64_t bytes = 0;
    for (const RelPath& path : order) {
      const auto library = libraries.all().find(path);
      if (library == libraries.all().end()) continue;
      for (const ByteRange& range : library->second.read_at_load) {
        reads.push_back({path, range});
        bytes += range.size_bytes;
      }
    }
    if (bytes >= kMinFirstImport) out.emplace(package, std::move(reads));
  }
  return out;
}

void stage_first_imports(Staging& staging, unsigned threads) {
  const auto imports = first_imports(staging, threads);
  for (const auto& [package, reads] : imports) {
    staging.add_file(RelPath("share/envbundle/read-ahead/" + package),
                     as_bytes(list_text(package, reads)), false, kOrigin);
  }
  if (imports.empty()) return;
  std::set<std::string> folders;
  for (const auto& item : staging.items()) {
    const std::string& text = item.first.str();
    if (text.ends_with("/site-packages/envbundle_read_ahead.py"))
      folders.emplace(item.first.parent());
  }
  for (const std::string& folder : folders) {
    staging.add_file(RelPath(folder + "/envbundle_read_ahead.pth"),
                     as_bytes(std::string("import envbundle_read_ahead\n")), false, kOrigin);
  }
}

}  // namespace eb
