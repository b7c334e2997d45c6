#include "bundler/lock/index_reader.hpp"

#include <filesystem>
#include <utility>

#include "bundler/artifact/wheel_name.hpp"
#include "bundler/fetch/url.hpp"
#include "installer/base/error.hpp"

namespace eb {
namespace {

constexpr size_t kMaxPageBytes = size_t{64} << 20;

bool is_of_project(const std::string& file_name, const std::string& project) {
  try {
    return normalise_project_name(parse_wheel_name(file_name).distribution) == project;
  } catch (const Error&) {
    return false;
  }
}

/// A folder of wheels, or a page with links to them (pip's --find-links).
std::vector<IndexFile> read_links(const std::string& place, const FetchOptions& options) {
  std::vector<IndexFile> out;
  const auto path = local_path(place);
  std::error_code ignored;
  if (path && std::filesystem::is_directory(*path, ignored)) {
    for (const auto& entry : std::filesystem::directory_iterator(*path, ignored)) {
      IndexFile file;
      file.file_name = entry.path().filename().string();
      if (!file.file_name.ends_with(".whl") || !entry.is_regular_file(ignored)) continue;
      file.url = std::filesystem::absolute(entry.path()).string();
      file.size_bytes = entry.file_size(ignored);
      out.push_back(std::move(file));
    }
    return out;
  }
  const HttpDocument page = fetch_document(place, {"Accept: text/html"}, kMaxPageBytes, options);
  return page.status == 200 ? parse_index_page(page) : out;
}

}  // namespace

IndexReader::IndexReader(Sources sources, FetchOptions options)
    : sources_(std::move(sources)), options_(std::move(options)) {
  if (options_.ca_file.empty()) options_.ca_file = sources_.ca_file;
}

const std::vector<IndexFile>& IndexReader::files(const std::string& project) {
  {
    const std::lock_guard lock(mutex_);
    const auto found = pages_.find(project);
    if (found != pages_.end()) return found->second;
  }
  // Outside the lock: pages of different projects are read at once.
  std::vector<IndexFile> page = read(project);
  const std::lock_guard lock(mutex_);
  return pages_.emplace(project, std::move(page)).first->second;
}

std::vector<IndexFile> IndexReader::read(const std::string& project) const {
  std::vector<IndexFile> out;
  for (const auto& index : sources_.index_urls) {
    if (auto page = read_index_page(index, project, options_)) {
      out.insert(out.end(), std::make_move_iterator(page->begin()),
                 std::make_move_iterator(page->end()));
    }
  }
  for (const auto& place : sources_.find_links) {
    for (auto& file : read_links(place, options_)) {
      if (is_of_project(file.file_name, project)) out.push_back(std::move(file));
    }
  }
  return out;
}

}  // namespace eb
