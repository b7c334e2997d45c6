#include "runtime/gpu/release.hpp"

#include <dirent.h>
#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <map>
#include <memory>

namespace eb::gpu {
namespace {

struct DirectoryEnd {
  void operator()(DIR* directory) const { closedir(directory); }
};

std::vector<std::string> names_in(const std::string& folder) {
  std::vector<std::string> out;
  const std::unique_ptr<DIR, DirectoryEnd> directory(opendir(folder.c_str()));
  if (directory == nullptr) return out;
  while (const dirent* entry = readdir(directory.get())) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") out.push_back(name);
  }
  std::ranges::sort(out);
  return out;
}

bool is_folder(const std::string& path) {
  struct stat info {};
  return stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

std::string real_path(const std::string& path) {
  char* const resolved = realpath(path.c_str(), nullptr);
  if (resolved == nullptr) return {};
  std::string out(resolved);
  std::free(resolved);
  return out;
}

/// The numbers of "12.8.90"; empty when it is anything else.
std::vector<unsigned> version_numbers(std::string_view text) {
  std::vector<unsigned> out;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (true) {
    unsigned number = 0;
    const auto [next, error] = std::from_chars(at, end, number);
    if (error != std::errc()) return {};
    out.push_back(number);
    if (next == end) return out;
    if (*next != '.') return {};
    at = next + 1;
  }
}

std::string below(const std::string& folder, std::string_view name) {
  std::string out = folder;
  out += '/';
  out += name;
  return out;
}

void add_if_folder(std::vector<std::string>* out, const std::string& path) {
  if (is_folder(path)) out->push_back(path);
}

bool take_end(std::string_view* text, std::string_view end) {
  if (!text->ends_with(end)) return false;
  text->remove_suffix(end.size());
  return true;
}

}  // namespace

Release open_release(const std::string& root) {
  Release out{root, {}};
  const std::string lib = root + "/lib";
  std::vector<std::string> torch;
  for (const std::string& python : names_in(lib)) {
    if (!python.starts_with("python3")) continue;
    for (const char* packages : {"/site-packages", "/dist-packages"}) {
      const std::string place = below(lib, python) + packages;
      for (const std::string& name : names_in(place + "/nvidia")) {
        add_if_folder(&out.library_folders, below(below(place, "nvidia"), name) + "/lib");
      }
      add_if_folder(&torch, place + "/torch/lib");
    }
  }
  out.library_folders.insert(out.library_folders.end(), torch.begin(), torch.end());
  add_if_folder(&out.library_folders, lib);
  for (const std::string& name : names_in(lib)) {
    if (name.ends_with("-linux-gnu")) add_if_folder(&out.library_folders, below(lib, name));
  }
  add_if_folder(&out.library_folders, root + "/lib64");
  return out;
}

std::string root_of_program(std::string_view argv0) {
  const size_t slash = argv0.rfind('/');
  if (slash == std::string_view::npos) return {};
  std::string_view rest = argv0.substr(0, slash);
  if (!take_end(&rest, "/libexec/envbundle")) return {};
  take_end(&rest, "/libexec/real");
  return rest.empty() ? "/" : std::string(rest);
}

std::vector<std::string> find_libraries(const Release& release, const std::string& stem) {
  const std::string beginning = stem + ".so.";
  for (const std::string& folder : release.library_folders) {
    std::vector<std::string> paths = libraries_in(folder, beginning);
    const auto version = [&](const std::string& path) {
      return version_numbers(std::string_view(path).substr(folder.size() + 1 + beginning.size()));
    };
    std::erase_if(paths, [&](const std::string& path) { return version(path).empty(); });
    std::ranges::stable_sort(paths, [&](const std::string& left, const std::string& right) {
      return version(left) > version(right);
    });
    if (!paths.empty()) return paths;
  }
  return {};
}

std::vector<std::string> libraries_in(const std::string& folder, const std::string& beginning) {
  std::map<std::string, std::string> by_file;
  for (const std::string& name : names_in(folder)) {
    if (!name.starts_with(beginning) || name.find(".so.") == std::string::npos) continue;
    const std::string path = below(folder, name);
    std::string& shortest = by_file[real_path(path)];
    if (shortest.empty() || path.size() < shortest.size()) shortest = path;
  }
  std::vector<std::string> out;
  out.reserve(by_file.size());
  for (const auto& [file, path] : by_file) out.push_back(path);
  std::ranges::sort(out);
  return out;
}

std::string folder_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

}  // namespace eb::gpu
