#include "installer/install/image_form.hpp"

#include <algorithm>
#include <set>

#include "installer/base/error.hpp"
#include "installer/install/receipt.hpp"
#include "installer/install/small_file.hpp"

namespace eb {
namespace {

constexpr std::string_view kFirstLine = "envinstall image 1";
constexpr size_t kMaxRecordBytes = 16u << 20;
constexpr size_t kIdDigits = 16;  // of the ID at the end of a release's name, and a '-'

// What a shell or a module system reads before anything could be mounted.
constexpr std::string_view kOutside[] = {"share/envbundle/", "modulefiles/"};

bool is_program(const Entry& entry) {
  return entry.type != EntryType::kDirectory && entry.path.parent() == "bin";
}

bool is_outside(const Entry& entry) {
  if (entry.type == EntryType::kDirectory) return false;
  const std::string& path = entry.path.str();
  return is_program(entry) || path == kImageProgram ||
         std::ranges::any_of(kOutside, [&](std::string_view p) { return path.starts_with(p); });
}

const Entry* find_entry(const Index& index, std::string_view path) {
  const auto at = std::ranges::lower_bound(
      index.entries, path, {},
      [](const Entry& entry) -> std::string_view { return entry.path.str(); });
  return at != index.entries.end() && at->path.str() == path ? &*at : nullptr;
}

}  // namespace

const char* form_name(ReleaseForm form) { return form == ReleaseForm::kImage ? "image" : "tree"; }

std::string image_release_name(const std::string& release_name) {
  std::string out = release_name;
  out.insert(out.size() - kIdDigits, "image-");
  return out;
}

std::vector<std::string> outside_paths(const Index& index) {
  const Entry* program = find_entry(index, kImageProgram);
  if (program == nullptr || program->type != EntryType::kFile || !program->executable) {
    throw Error(ExitCode::kPolicy, "the bundle cannot be installed as an image")
        .where(kImageProgram)
        .why("it does not bring the program that mounts images")
        .hint("build it again with this version of envbundle, or install it without --as-image");
  }
  std::vector<std::string> out;
  for (const Entry& entry : index.entries) {
    if (is_outside(entry)) out.push_back(entry.path.str());
  }
  return out;
}

Index outer_index(const Index& index, const std::vector<std::string>& paths) {
  std::set<std::string, std::less<>> wanted(paths.begin(), paths.end());
  for (const std::string& path : paths) {
    for (size_t at = path.rfind('/'); at != std::string::npos && at > 0;
         at = path.rfind('/', at - 1)) {
      wanted.insert(path.substr(0, at));
    }
  }
  Index out;
  out.meta = index.meta;
  const Entry* program = find_entry(index, kImageProgram);
  for (const std::string& path : wanted) {
    const Entry* entry = find_entry(index, path);
    if (entry == nullptr || program == nullptr) {
      throw Error(ExitCode::kDigestMismatch, "the release's note of its image was changed")
          .where(std::string(kBundleDir) + "/" + kImageRecordFile)
          .why("the signed index has no " + path)
          .hint("remove the release with 'envinstall uninstall' and install its bundle again");
    }
    out.entries.push_back(*entry);
    if (!is_program(*entry)) continue;
    out.entries.back() = *program;
    out.entries.back().path = entry->path;
  }
  return out;
}

std::string encode_image_record(const ImageRecord& record) {
  std::string out(kFirstLine);
  out += "\nsize " + std::to_string(record.size_bytes) + "\nsha256 " + record.digest.hex();
  for (const std::string& path : record.outside) out += "\noutside " + path;
  return out + "\n";
}

std::optional<ImageRecord> parse_image_record(const std::string& text) {
  const std::vector<std::string> lines = lines_of(text);
  if (lines.empty() || lines[0] != kFirstLine) return std::nullopt;
  ImageRecord out;
  bool has_size = false;
  bool has_digest = false;
  for (size_t i = 1; i < lines.size(); ++i) {
    const size_t blank = lines[i].find(' ');
    if (blank == std::string::npos) continue;
    const std::string key = lines[i].substr(0, blank);
    const std::string value = lines[i].substr(blank + 1);
    if (key == "outside" && !RelPath::problem(value)) out.outside.push_back(value);
    if (key == "size") {
      has_size = parse_number(value).has_value();
      out.size_bytes = parse_number(value).value_or(0);
    }
    if (key == "sha256") {
      try {
        out.digest = Sha256::from_hex(value);
        has_digest = true;
      } catch (const Error&) {
        return std::nullopt;
      }
    }
  }
  if (!has_size || !has_digest || out.outside.empty()) return std::nullopt;
  return out;
}

std::optional<ImageRecord> read_image_record(Sys& sys, int dir, const std::string& release,
                                             const std::string& where) {
  const std::string path = release + "/" + kBundleDir + "/" + kImageRecordFile;
  const auto text = read_small_file(sys, dir, path, kMaxRecordBytes);
  if (!text) return std::nullopt;
  std::optional<ImageRecord> out = parse_image_record(*text);
  if (out) return out;
  throw Error(ExitCode::kDigestMismatch, "the release's note of its image is damaged")
      .where(where + "/" + path)
      .hint("remove the release with 'envinstall uninstall' and install its bundle again");
}

}  // namespace eb
