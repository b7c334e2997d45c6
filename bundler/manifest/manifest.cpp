#include "bundler/manifest/manifest.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cctype>

#include "bundler/manifest/requirement.hpp"
#include "bundler/manifest/table_reader.hpp"
#include "bundler/manifest/torch_builds.hpp"
#include "installer/base/file.hpp"
#include "installer/base/rel_path.hpp"
#include "installer/base/version.hpp"

namespace eb {
namespace {

constexpr size_t kMaxBytes = size_t{1} << 20;
constexpr size_t kMaxPylockBytes = size_t{64} << 20;

std::string read_text(const std::filesystem::path& path, size_t max_bytes) {
  const auto data = read_file_at(real_sys(), AT_FDCWD, path.c_str(), max_bytes, path.string());
  return std::string(as_text(data));
}

void append_new(std::vector<std::string>& list, const std::vector<std::string>& more) {
  for (const auto& item : more) {
    if (std::find(list.begin(), list.end(), item) == list.end()) list.push_back(item);
  }
}

bool is_debian_name(std::string_view name) {
  return name.size() >= 2 && std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '-' ||
                  c == '.';
         });
}

void check_version(const TableReader& table, std::string_view key, const std::string& text,
                   size_t min_parts, size_t max_parts, std::string_view example) {
  const size_t parts = 1 + static_cast<size_t>(std::count(text.begin(), text.end(), '.'));
  if (DottedVersion::parse(text) && parts >= min_parts && parts <= max_parts) return;
  throw table.error(key, "'" + std::string(key) + "' is not a version")
      .why("expected a number such as " + std::string(example) + ", got " + toml_string(text));
}

void read_target(TableReader& top, Manifest& out) {
  auto target = top.table("target");
  if (!target) return;
  if (auto platform = target->string("platform")) {
    if (*platform != "linux-x86_64" && *platform != "linux-aarch64") {
      throw target->error("platform", "unknown platform " + toml_string(*platform))
          .hint("known platforms: linux-x86_64, linux-aarch64");
    }
    out.platform = *platform;
  }
  if (auto python = target->string("python")) {
    check_version(*target, "python", *python, 2, 3, "3.11 or 3.11.2");
    if (!python->starts_with("3.")) {
      throw target->error("python", "only Python 3 is known").why("got " + toml_string(*python));
    }
    out.python = *python;
  }
  if (auto glibc = target->string("glibc")) {
    check_version(*target, "glibc", *glibc, 2, 2, "2.28");
    out.glibc = *glibc;
  }
  target->finish();
}

void read_base(TableReader& top, Manifest& out) {
  auto base = top.table("base");
  if (!base) return;
  if (auto suite = base->string("suite")) {
    // "bookworm/updates" and the like would name a part of a suite.
    if (!is_debian_name(*suite)) {
      throw base->error("suite", "'suite' is not the name of a Debian suite")
          .why("expected a name such as bookworm, got " + toml_string(*suite));
    }
    out.suite = *suite;
  }
  for (const char* key : {"packages", "exclude"}) {
    const auto names = base->strings(key);
    for (const auto& name : names) {
      if (is_debian_name(name)) continue;
      throw base->error(key, "not the name of a Debian package: " + toml_string(name));
    }
    append_new(key == std::string_view("packages") ? out.packages : out.excluded_packages, names);
  }
  append_new(out.prune, base->strings("prune"));
  base->finish();
}

void read_licences(TableReader& top, Manifest& out) {
  auto licences = top.table("licences");
  if (!licences) return;
  append_new(out.accepted_licences, licences->strings("accept"));
  licences->finish();
}

void read_python(TableReader& top, Manifest& out) {
  auto python = top.table("python");
  if (!python) return;
  out.requirements = python->strings("requirements");
  out.pylock = python->string("pylock").value_or("");
  if (!out.pylock.empty() && !out.requirements.empty()) {
    throw python->error("pylock", "'pylock' and 'requirements' exclude each other")
        .why("a pylock.toml already holds what the requirements resolved to");
  }
  const TomlValue* list = python->value("requirements");
  for (size_t i = 0; i < out.requirements.size(); ++i) {
    std::string problem;
    const auto requirement = parse_requirement(out.requirements[i], &problem);
    const auto fail = [&](std::string what) {
      return toml_error(out.file, list->items[i], std::move(what));
    };
    if (!requirement) {
      throw fail("not a requirement: " + toml_string(out.requirements[i]))
          .why(problem)
          .hint("such as \"numpy\", \"torch==2.8.0\" or \"jupyterlab>=4,<5\"");
    }
    if (!requirement->url.empty()) {
      throw fail("a requirement cannot name a URL: " + toml_string(out.requirements[i]))
          .hint("put the wheel on an index or in a folder that pip's find-links names");
    }
  }
  python->finish();
}

// NAME or NAME/VERSION, in letters that no module file needs to quote.
bool is_module_name(std::string_view name) {
  return !name.empty() && name.front() != '-' && std::all_of(name.begin(), name.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
           std::string_view("._+-/").find(c) != std::string_view::npos;
  });
}

void read_modules(TableReader& top, Manifest& out) {
  auto modules = top.table("modules");
  if (!modules) return;
  if (modules->has("conflict")) {
    out.module_conflicts = modules->strings("conflict");
    for (const auto& name : *out.module_conflicts) {
      if (is_module_name(name)) continue;
      throw modules->error("conflict", "not the name of a module: " + toml_string(name))
          .hint("such as \"cuda\" or \"cuda/12.8\"");
    }
  }
  modules->finish();
}

void read_gpu(TableReader& top, Manifest& out) {
  auto gpu = top.table("gpu");
  if (!gpu) return;
  out.cuda = gpu->required_string("cuda");
  check_version(*gpu, "cuda", out.cuda, 2, 2, "12.8");
  out.cuda_place = gpu->error("cuda", "").where();
  const std::string floor(min_driver_for_cuda(out.cuda));
  out.min_driver = gpu->string("min-driver").value_or(floor);
  if (gpu->has("min-driver")) {
    check_version(*gpu, "min-driver", out.min_driver, 1, 3, "525.60.13");
    if (!floor.empty() && *DottedVersion::parse(out.min_driver) < *DottedVersion::parse(floor)) {
      throw gpu->error("min-driver", "driver " + out.min_driver + " cannot run CUDA " + out.cuda)
          .why("CUDA " + out.cuda.substr(0, out.cuda.find('.')) + ".x needs " + floor +
               " or newer");
    }
  }
  gpu->finish();
}

/// The last part of a path or URL.
std::string last_part(std::string source) {
  source = source.substr(0, source.find_first_of("?#"));
  while (source.size() > 1 && source.back() == '/') source.pop_back();
  return source.substr(source.rfind('/') + 1);
}

ManifestItem read_item(TableReader& table, ManifestItem::Kind kind) {
  ManifestItem out;
  out.kind = kind;
  const auto path = table.string("path");
  std::optional<std::string> url;
  if (kind != ManifestItem::Kind::kFolder) url = table.string("url");
  if (path.has_value() == url.has_value()) {
    throw table.error("path", kind == ManifestItem::Kind::kFolder
                                  ? "missing key 'path' in " + table.name()
                                  : table.name() + " needs one of 'path' and 'url'");
  }
  out.is_url = url.has_value();
  out.source = path ? *path : *url;
  const std::string_view source_key = path ? "path" : "url";
  if (url && !url->starts_with("https://") && !url->starts_with("http://")) {
    throw table.error("url", "'url' is not an http or https URL").why("got " + toml_string(*url));
  }
  if (out.source.empty()) throw table.error(source_key, "'path' is empty");
  out.name = table.string("name").value_or(last_part(out.source));
  out.version = table.string("version").value_or("");
  if (auto digest = table.string("sha256")) {
    try {
      out.digest = Sha256::from_hex(*digest);
    } catch (const Error&) {
      throw table.error("sha256", "'sha256' is not a SHA-256 digest")
          .why("expected 64 hexadecimal digits, got " + toml_string(*digest));
    }
  }
  if (kind != ManifestItem::Kind::kFolder) {
    if (auto size = table.integer("size")) {
      if (*size < 0) throw table.error("size", "'size' is negative");
      out.size_bytes = static_cast<uint64_t>(*size);
    }
  }
  if (url && (!out.digest || !out.size_bytes)) {
    throw table.error("url", "a URL needs 'sha256' and 'size' beside it")
        .why("what is downloaded must be known before the first byte")
        .hint("`sha256sum FILE` and `stat -c %s FILE` print them");
  }
  out.destination = table.string("destination").value_or("");
  if (!out.destination.empty()) {
    if (const auto problem = RelPath::problem(out.destination)) {
      throw table.error("destination", "'destination' is not a path below the release")
          .why(*problem);
    }
  } else if (kind == ManifestItem::Kind::kFile) {
    throw table.error("destination", "missing key 'destination' in [[file]]")
        .hint("the file's path in the release, such as share/site/motd");
  }
  if (kind == ManifestItem::Kind::kTar) {
    const int64_t strip = table.integer("strip-components").value_or(0);
    if (strip < 0 || strip > static_cast<int64_t>(RelPath::kMaxDepth)) {
      throw table.error("strip-components", "'strip-components' is out of range");
    }
    out.strip_components = static_cast<uint32_t>(strip);
  }
  out.licence = table.string("licence").value_or("");
  table.finish();
  return out;
}

void read_items(TableReader& top, Manifest& out) {
  for (const auto& [key, kind] :
       {std::pair{"tar", ManifestItem::Kind::kTar}, std::pair{"file", ManifestItem::Kind::kFile},
        std::pair{"folder", ManifestItem::Kind::kFolder}}) {
    for (auto& table : top.tables(key)) out.items.push_back(read_item(table, kind));
  }
}

std::string read_name(TableReader& top) {
  std::string name = top.required_string("name");
  constexpr size_t kMaxName = 64;  // it becomes part of a folder's name
  const bool good = !name.empty() && name.size() <= kMaxName && name.front() != '-' &&
                    name.front() != '.' && std::all_of(name.begin(), name.end(), [](char c) {
                      return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' ||
                             c == '-' || c == '_' || c == '+';
                    });
  if (!good) {
    throw top.error("name", "'name' is not a name for a release: " + toml_string(name))
        .why("it may have lower-case letters, digits and . _ + -, at most 64 of them");
  }
  return name;
}

/// What a release without it cannot be made of.
void check_complete(const TableReader& top, const Manifest& manifest) {
  const auto missing = [&](std::string_view key, std::string why) {
    return top.error("target", "missing key '" + std::string(key) + "' in [target]")
        .why(std::move(why));
  };
  if (manifest.platform.empty())
    throw missing("platform", "every release has one, linux-x86_64 say");
  const bool has_wheels = !manifest.requirements.empty() || !manifest.pylock.empty();
  if (has_wheels && manifest.python.empty()) throw missing("python", "wheels are chosen for it");
  if (has_wheels && manifest.glibc.empty()) throw missing("glibc", "wheels are chosen for it");
  if (manifest.suite.empty() && !manifest.packages.empty()) {
    throw top.error("base", "missing key 'suite' in [base]").why("packages are chosen from it");
  }
  if (!has_wheels && manifest.packages.empty() && manifest.items.empty()) {
    throw Error(ExitCode::kInvalidLock, "the manifest asks for nothing")
        .where(manifest.file)
        .hint("give [python] requirements, [base] packages, or a [[tar]], [[file]] or [[folder]]");
  }
}

/// A local version such as cu118 says a CUDA version too.
std::string cuda_of_local(const std::string& local) {
  const std::string digits = local.starts_with("cu") ? local.substr(2) : "";
  if (digits.size() < 3 || !std::all_of(digits.begin(), digits.end(),
                                        [](unsigned char c) { return std::isdigit(c) != 0; })) {
    return "";
  }
  return digits.substr(0, digits.size() - 1) + "." + digits.back();
}

void check_torch_wish(Manifest& manifest) {
  for (const auto& text : manifest.requirements) {
    const auto requirement = parse_requirement(text);
    if (!requirement || requirement->name != "torch") continue;
    TorchWish wish{requirement->specifier.without_local(), text, manifest.cuda, manifest.platform,
                   manifest.python};
    const auto exact = requirement->specifier.exact();
    const std::string local = exact ? cuda_of_local(exact->local()) : "";
    try {
      if (!local.empty()) {
        if (!manifest.cuda.empty() && local != manifest.cuda) {
          throw Error(ExitCode::kUnresolvable,
                      "'" + text + "' and CUDA " + manifest.cuda + " exclude each other")
              .why("the local version +" + exact->local() + " stands for CUDA " + local);
        }
        wish.cuda = local;
      }
      append_new(manifest.notes, check_torch(wish));
    } catch (Error& error) {
      throw std::move(
          error.where(manifest.cuda_place.empty() ? manifest.file : manifest.cuda_place));
    }
  }
}

}  // namespace

Manifest parse_manifest(std::string_view text, const std::string& file,
                        const std::filesystem::path& directory) {
  const TomlValue document = parse_toml(text, file);
  TableReader top(document, file);
  Manifest out;
  out.file = file;
  out.directory = directory;
  out.digest = sha256(as_bytes(text));
  std::string read_too;  // digests of the other files that decide what is locked
  if (const auto extends = top.string("extends")) {
    const std::filesystem::path path = directory / *extends;
    std::string shared;
    try {
      shared = read_text(path, kMaxBytes);
    } catch (Error& error) {
      throw std::move(error.hint("it is what " + top.error("extends", "").where() + " extends"));
    }
    read_too += sha256(as_bytes(shared)).hex();
    const std::string shared_file = path.string();
    const TomlValue shared_document = parse_toml(shared, shared_file);
    TableReader shared_top(shared_document, shared_file);
    read_target(shared_top, out);
    read_base(shared_top, out);
    read_licences(shared_top, out);
    shared_top.finish();
  }
  out.name = read_name(top);
  out.version = top.required_string("version");
  read_target(top, out);
  read_base(top, out);
  read_python(top, out);
  read_gpu(top, out);
  read_modules(top, out);
  read_licences(top, out);
  read_items(top, out);
  top.finish();
  check_complete(top, out);
  if (!out.pylock.empty()) {
    read_too += sha256(as_bytes(read_text(directory / out.pylock, kMaxPylockBytes))).hex();
  }
  // A change in any of the files is a change of the manifest.
  if (!read_too.empty()) out.digest = sha256(as_bytes(out.digest.hex() + read_too));
  check_torch_wish(out);
  return out;
}

Manifest load_manifest(const std::filesystem::path& path) {
  const std::string text = read_text(path, kMaxBytes);
  const auto directory = path.parent_path();
  return parse_manifest(text, path.string(), directory.empty() ? "." : directory);
}

}  // namespace eb
