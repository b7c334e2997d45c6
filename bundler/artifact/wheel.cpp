#include "bundler/artifact/wheel.hpp"

#include <algorithm>
#include <charconv>

#include "bundler/artifact/artifact_error.hpp"

namespace eb {
namespace {

constexpr uint64_t kMaxTextBytes = 64 << 20;  // RECORD of the largest wheels has some MiB

bool same_without_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
    return lower(x) == lower(y);
  });
}

std::string_view trim(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

// The first value of a field in e-mail style headers, its first line.
std::string header_field(std::string_view text, std::string_view field) {
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (trim(line).empty()) break;  // the body begins
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos || line.front() == ' ' || line.front() == '\t') continue;
    if (same_without_case(line.substr(0, colon), field)) {
      return std::string(trim(line.substr(colon + 1)));
    }
  }
  return "";
}

}  // namespace

Wheel::Wheel(const std::filesystem::path& path, const std::string& file_name,
             const std::string& name)
    : zip_(path, name.empty() ? file_name : name), file_name_(parse_wheel_name(file_name)) {
  find_dist_info();
  read_wheel_file();
  read_metadata();
  read_record();
  if (const ZipEntry* entry = zip_.find(dist_info_ + "/entry_points.txt")) {
    entry_points_ = parse_entry_points(zip_.read(*entry, kMaxTextBytes), zip_.name(), entry->name);
  }
}

void Wheel::fail(std::string_view entry, std::string what, std::string why) const {
  throw bad_artifact(std::move(what), zip_.name(), entry, std::move(why));
}

void Wheel::find_dist_info() {
  for (const ZipEntry& entry : zip_.entries()) {
    const std::string_view top = std::string_view(entry.name).substr(0, entry.name.find('/'));
    if (!top.ends_with(".dist-info") || top == dist_info_) continue;
    if (!dist_info_.empty()) {
      fail("", "a wheel with two dist-info folders", dist_info_ + " and " + std::string(top));
    }
    dist_info_ = top;
  }
  if (dist_info_.empty()) fail("", "not a wheel", "it has no .dist-info folder");
  const std::string stem = dist_info_.substr(0, dist_info_.rfind(".dist-info"));
  // Before the version was escaped, names could hold dashes: the last one parts name and version.
  const size_t dash = stem.rfind('-');
  const std::string distribution = stem.substr(0, dash);
  const std::string version = dash == std::string::npos ? "" : stem.substr(dash + 1);
  if (normalise_project_name(distribution) != normalise_project_name(file_name_.distribution) ||
      !same_version(version, file_name_.version)) {
    fail(dist_info_, "a wheel whose dist-info folder is of something else",
         "the file name says " + file_name_.distribution + " " + file_name_.version);
  }
}

std::string Wheel::read_required(const std::string& file) const {
  const ZipEntry* entry = zip_.find(dist_info_ + "/" + file);
  if (entry == nullptr || entry->directory) fail("", "not a valid wheel", file + " is missing");
  return zip_.read(*entry, kMaxTextBytes);
}

void Wheel::read_wheel_file() {
  const std::string text = header_field(read_required("WHEEL"), "Wheel-Version");
  unsigned major = 0;
  unsigned minor = 0;
  const char* const end = text.data() + text.size();
  auto result = std::from_chars(text.data(), end, major);
  bool good = result.ec == std::errc();
  if (good && result.ptr != end) {
    good = *result.ptr == '.';
    if (good) {
      result = std::from_chars(result.ptr + 1, end, minor);
      good = result.ec == std::errc() && result.ptr == end;
    }
  }
  if (!good) {
    fail(dist_info_ + "/WHEEL", "not a valid wheel", "its Wheel-Version is '" + text + "'");
  }
  if (major != 1) {
    fail(dist_info_ + "/WHEEL", "a wheel of an unknown version",
         "Wheel-Version " + text + "; major version 1 is known");
  }
  if (minor > 0) {
    warnings_.push_back(zip_.name() + ": Wheel-Version " + text + " is newer than 1.0");
  }
}

void Wheel::read_metadata() {
  metadata_ = read_required("METADATA");
  const std::string name = metadata("Name");
  const std::string version = metadata("Version");
  if (normalise_project_name(name) != normalise_project_name(file_name_.distribution) ||
      !same_version(version, file_name_.version)) {
    fail(dist_info_ + "/METADATA", "a wheel whose metadata is of something else",
         "it says '" + name + "' '" + version + "', the file name " + file_name_.distribution +
             " " + file_name_.version);
  }
}

std::string Wheel::metadata(std::string_view field) const { return header_field(metadata_, field); }

bool Wheel::is_exempt_from_record(std::string_view entry) const {
  if (!entry.starts_with(dist_info_ + "/")) return false;
  const std::string_view name = entry.substr(dist_info_.size() + 1);
  return name == "RECORD" || name == "RECORD.jws" || name == "RECORD.p7s";
}

void Wheel::read_record() {
  const std::string record_name = dist_info_ + "/RECORD";
  for (RecordLine& line : parse_record(read_required("RECORD"), zip_.name(), record_name)) {
    std::string path = std::move(line.path);
    // Some tools begin the paths of files of ".data" with a slash; uv and pip take it off as well.
    if (path.starts_with('/')) path.erase(0, 1);
    if (is_exempt_from_record(path)) continue;
    const ZipEntry* entry = zip_.find(path);
    if (entry == nullptr) {
      fail(record_name, "RECORD lists a file that the wheel does not have", path);
    }
    if (entry->directory) continue;
    RecordHash hash;
    std::string why;
    if (!parse_record_hash(line.hash, hash, why)) {
      fail(path, "RECORD has no usable hash of a file", std::move(why));
    }
    if (!line.size.empty() && line.size != std::to_string(entry->size_bytes)) {
      fail(path, "a file is not what RECORD says",
           "it has " + std::to_string(entry->size_bytes) + " bytes, RECORD says " + line.size);
    }
    const auto [have, added] = record_.emplace(path, hash);
    if (!added &&
        (have->second.algorithm != hash.algorithm || have->second.digest != hash.digest)) {
      fail(record_name, "RECORD lists a file twice with different hashes", path);
    }
  }
  for (const ZipEntry& entry : zip_.entries()) {
    if (!entry.directory && !record_.contains(entry.name) && !is_exempt_from_record(entry.name)) {
      fail(entry.name, "a file of the wheel is not in its RECORD", "every file must be listed");
    }
  }
}

const RecordHash* Wheel::record_hash_of(std::string_view entry) const {
  const auto found = record_.find(entry);
  return found == record_.end() ? nullptr : &found->second;
}

}  // namespace eb
