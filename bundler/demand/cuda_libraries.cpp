#include "bundler/demand/cuda_libraries.hpp"

#include <algorithm>
#include <map>
#include <string_view>

#include "installer/base/version.hpp"

namespace eb {
namespace {

constexpr std::string_view kCompatFolder = "lib/cuda-compat";
constexpr uint64_t kMaxVersionFileBytes = 1 << 16;

/// 12.8.90 → 12.8
std::string first_two_numbers(std::string_view version) {
  const size_t dot = version.find('.');
  return std::string(version.substr(0, dot == version.npos ? dot : version.find('.', dot + 1)));
}

/// "libcudart.so.12.8.90" → 12.8.90 for the stem "libcudart"; "" for another library.
std::string library_version(std::string_view name, std::string_view stem) {
  if (!name.starts_with(stem) || !name.substr(stem.size()).starts_with(".so.")) return "";
  const std::string_view version = name.substr(stem.size() + 4);
  // As it stands there: 575.57.08 is not 575.57.8 to those who look for a driver.
  return DottedVersion::parse(version) ? std::string(version) : "";
}

/// A project and its version by the folder "nvidia_cudnn_cu12-9.10.2.21.dist-info".
struct DistInfo {
  std::string_view project;  ///< as the folder has it: '_' for '-'
  std::string version;       ///< without a local part
};

std::optional<DistInfo> read_dist_info(const RelPath& path) {
  constexpr std::string_view kSuffix = ".dist-info";
  std::string_view folder = path.parent();
  if (path.name() != "METADATA" || !folder.ends_with(kSuffix)) return std::nullopt;
  folder.remove_suffix(kSuffix.size());
  folder.remove_prefix(folder.rfind('/') + 1);  // npos + 1 is 0
  const size_t dash = folder.find('-');
  if (dash == folder.npos) return std::nullopt;
  const auto version = DottedVersion::parse_prefix(folder.substr(dash + 1));
  if (!version) return std::nullopt;
  return DistInfo{folder.substr(0, dash), version->str()};
}

/// nvidia_cudnn_cu12 for "nvidia_cudnn", and from CUDA 13 on the name itself.
bool is_nvidia_project(std::string_view project, std::string_view name) {
  if (!project.starts_with(name)) return false;
  const std::string_view rest = project.substr(name.size());
  return rest.empty() || rest.starts_with("_cu");
}

/// `cuda: Optional[str] = '12.8'` or `cuda = '12.8'` of torch/version.py; "" for None.
std::string cuda_of_version_file(std::string_view text) {
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (!line.starts_with("cuda:") && !line.starts_with("cuda ")) continue;
    const size_t equals = line.find('=');
    if (equals == line.npos) continue;
    const size_t quote = line.find_first_of("'\"", equals);
    if (quote == line.npos) return "";
    const auto version = DottedVersion::parse_prefix(line.substr(quote + 1));
    return version ? first_two_numbers(version->str()) : "";
  }
  return "";
}

bool is_torch_version_file(const RelPath& path) {
  return path.name() == "version.py" &&
         (path.parent() == "torch" || path.parent().ends_with("/torch"));
}

/// Goes through a tree once; what it finds is settled at the end.
class Search {
 public:
  explicit Search(const Staging& staging) : staging_(staging) {}

  CudaLibraries run() {
    for (const auto& [path, item] : staging_.items()) {
      if (item.type == Staging::Item::Type::kFile) visit(path, item);
    }
    settle();
    return std::move(out_);
  }

 private:
  static void keep(std::optional<FoundVersion>& place, const std::string& version,
                   const RelPath& path) {
    if (version.empty()) return;
    // A longer one says more, and among equals the first is as good as any: libcudnn.so.9.
    if (!place || place->version.size() < version.size()) place = {version, path.str()};
  }

  void visit(const RelPath& path, const Staging::Item& item) {
    if (const auto wheel = read_dist_info(path)) {
      visit_wheel(*wheel, path);
    } else if (path.is_below(kCompatFolder)) {
      visit_compat(path);
    } else if (path.name().starts_with("lib")) {
      visit_library(path);
    } else if (is_torch_version_file(path) && item.size_bytes <= kMaxVersionFileBytes) {
      const std::vector<std::byte> content = staging_.read(path);
      keep(out_.torch_cuda, cuda_of_version_file(as_text(content)), path);
    }
  }

  void visit_wheel(const DistInfo& wheel, const RelPath& path) {
    if (is_nvidia_project(wheel.project, "nvidia_cuda_runtime")) {
      add_runtime(first_two_numbers(wheel.version), path);
    } else if (is_nvidia_project(wheel.project, "nvidia_cudnn")) {
      keep(out_.cudnn, wheel.version, path);
    } else if (is_nvidia_project(wheel.project, "nvidia_nccl")) {
      keep(out_.nccl, wheel.version, path);
    } else if (wheel.project == "cuda_toolkit") {
      keep(out_.toolkit, wheel.version, path);
    } else if (wheel.project == "torch") {
      keep(out_.torch, wheel.version, path);
    }
  }

  void visit_compat(const RelPath& path) {
    const std::string_view name = path.name();
    if (!name.starts_with("libcuda.so")) return;
    out_.has_compat = true;
    const std::string version = library_version(name, "libcuda");
    if (version.find('.') != version.npos) keep(out_.compat, version, path);
  }

  void visit_library(const RelPath& path) {
    const std::string_view name = path.name();
    if (const std::string version = library_version(name, "libcudart"); !version.empty()) {
      add_runtime(first_two_numbers(version), path);
    }
    keep(out_.cudnn, library_version(name, "libcudnn"), path);
    keep(out_.nccl, library_version(name, "libnccl"), path);
    if (name == "libtorch_cuda.so") torch_.push_back(path);
    if (name.starts_with("libtorch_cuda_")) torch_parts_.push_back(path);
    if (!library_version(name, "libcublas").empty()) cublas_.push_back(path);
  }

  void add_runtime(const std::string& version, const RelPath& path) {
    runtimes_.try_emplace(version, path.str());
  }

  void settle() {
    for (const auto& [version, path] : runtimes_) {
      // "12" of a name adds nothing to the "12.8" of a dist-info.
      const auto next = runtimes_.upper_bound(version);
      const bool said_better = next != runtimes_.end() && next->first.starts_with(version + ".");
      if (!said_better) out_.runtimes.push_back({version, path});
    }
    for (auto* group : {&torch_, &torch_parts_, &cublas_}) {
      if (!group->empty()) out_.code_groups.push_back(std::move(*group));
    }
  }

  const Staging& staging_;
  CudaLibraries out_;
  std::map<std::string, std::string> runtimes_;  // version → first path that says so
  std::vector<RelPath> torch_, torch_parts_, cublas_;
};

}  // namespace

CudaLibraries find_cuda_libraries(const Staging& staging) { return Search(staging).run(); }

}  // namespace eb
