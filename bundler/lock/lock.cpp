#include "bundler/lock/lock.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <tuple>

#include "bundler/manifest/table_reader.hpp"
#include "installer/base/error.hpp"
#include "installer/base/rel_path.hpp"

namespace eb {
namespace {

constexpr int64_t kLockVersion = 1;
constexpr std::array<std::string_view, 7> kKindNames = {"wheel",  "deb",    "tar",  "file",
                                                        "folder", "redist", "conda"};

auto order(const Artifact& a) { return std::tie(a.kind, a.name, a.version, a.file_name); }

class Writer {
 public:
  void line(const std::string& text) { out_ += text + "\n"; }
  void heading(std::string_view text) { out_ += "\n" + std::string(text) + "\n"; }
  void always(std::string_view key, std::string_view value) {
    line(std::string(key) + " = " + toml_string(value));
  }
  void text(std::string_view key, std::string_view value) {
    if (!value.empty()) always(key, value);
  }
  void number(std::string_view key, int64_t value) {
    line(std::string(key) + " = " + std::to_string(value));
  }
  void list(std::string_view key, const std::vector<std::string>& values) {
    if (values.empty()) return;
    std::string items;
    for (const auto& value : values) items += (items.empty() ? "" : ", ") + toml_string(value);
    line(std::string(key) + " = [" + items + "]");
  }
  std::string take() { return std::move(out_); }

 private:
  std::string out_;
};

void write_artifact(Writer& out, const Artifact& artifact) {
  out.heading("[[artifact]]");
  out.always("kind", to_string(artifact.kind));
  out.always("name", artifact.name);
  out.text("version", artifact.version);
  out.always("file", artifact.file_name);
  out.number("size", static_cast<int64_t>(artifact.size_bytes));
  out.always("sha256", artifact.digest.hex());
  out.text("licence", artifact.licence);
  out.list("asked-by", artifact.asked_by);
  out.text("source", artifact.source);
  out.text("archive", artifact.archive);
  out.text("destination", artifact.destination);
  if (artifact.strip_components != 0) out.number("strip-components", artifact.strip_components);
}

Sha256 read_digest(TableReader& table, std::string_view key) {
  const std::string text = table.required_string(key);
  try {
    return Sha256::from_hex(text);
  } catch (const Error&) {
    throw table.error(key, "'" + std::string(key) + "' is not a SHA-256 digest")
        .why("expected 64 hexadecimal digits, got " + toml_string(text));
  }
}

ArtifactKind read_kind(TableReader& table) {
  const std::string text = table.required_string("kind");
  for (size_t i = 0; i < kKindNames.size(); ++i) {
    if (kKindNames[i] == text) return static_cast<ArtifactKind>(i);
  }
  throw table.error("kind", "unknown kind of artifact '" + text + "'")
      .hint("known kinds: wheel, deb, tar, file, folder, redist, conda")
      .hint("a lock made by a newer envbundle needs that version to build");
}

void check_path(const TableReader& table, std::string_view key, const std::string& path) {
  if (path.empty()) return;
  if (const auto problem = RelPath::problem(path)) {
    throw table.error(key, "'" + std::string(key) + "' is not a path below a root").why(*problem);
  }
}

Artifact read_artifact(TableReader& table) {
  Artifact out;
  out.kind = read_kind(table);
  out.name = table.required_string("name");
  out.version = table.string("version").value_or("");
  out.file_name = table.required_string("file");
  if (!table.has("sha256")) {
    for (const char* weak : {"md5", "sha1", "sha224"}) {
      if (table.has(weak)) {
        throw table.error(weak, "a weak digest does not identify '" + out.file_name + "'")
            .why("the lock gives " + std::string(weak) + ", sha256 is required");
      }
    }
  }
  out.digest = read_digest(table, "sha256");
  const auto size = table.integer("size");
  if (!size) throw table.error("size", "missing key 'size' in [[artifact]]");
  if (*size < 0) throw table.error("size", "'size' is negative");
  out.size_bytes = static_cast<uint64_t>(*size);
  out.licence = table.string("licence").value_or("");
  out.asked_by = table.strings("asked-by");
  out.source = table.string("source").value_or("");
  out.archive = table.string("archive").value_or("");
  out.destination = table.string("destination").value_or("");
  const int64_t strip = table.integer("strip-components").value_or(0);
  if (strip < 0 || strip > static_cast<int64_t>(RelPath::kMaxDepth)) {
    throw table.error("strip-components", "'strip-components' is out of range")
        .why("expected 0 to " + std::to_string(RelPath::kMaxDepth) + ", got " +
             std::to_string(strip));
  }
  out.strip_components = static_cast<uint32_t>(strip);
  table.finish();

  if (out.name.empty()) throw table.error("name", "'name' is empty");
  // It becomes a file name of the cache's messages and of the staging area.
  if (out.file_name.find('/') != std::string::npos || RelPath::problem(out.file_name)) {
    throw table.error("file", "'file' is not a file name")
        .why("it is " + toml_string(out.file_name));
  }
  check_path(table, "destination", out.destination);
  if (out.kind == ArtifactKind::kDeb) {
    if (out.source.empty()) throw table.error("source", "missing key 'source' in [[artifact]]");
    check_path(table, "source", out.source);
    if (!out.archive.empty() &&
        out.archive.find_first_not_of("abcdefghijklmnopqrstuvwxyz-") != std::string::npos) {
      throw table.error("archive", "'archive' is not the name of an archive")
          .why("it is " + toml_string(out.archive))
          .hint("such as debian or debian-security");
    }
  }
  return out;
}

/// One version of a package; one content for a digest. A lock that breaks this was edited by hand.
void check_set(const std::vector<Artifact>& artifacts, const std::string& file) {
  std::set<std::pair<ArtifactKind, std::string>> packages;
  std::map<Sha256, const Artifact*> contents;
  for (const auto& artifact : artifacts) {
    const bool unique =
        artifact.kind == ArtifactKind::kWheel || artifact.kind == ArtifactKind::kDeb;
    if (unique && !packages.emplace(artifact.kind, artifact.name).second) {
      throw Error(ExitCode::kInvalidLock, "the lock names " +
                                              std::string(to_string(artifact.kind)) + " '" +
                                              artifact.name + "' twice")
          .where(file);
    }
    const auto [found, is_new] = contents.emplace(artifact.digest, &artifact);
    if (!is_new && found->second->size_bytes != artifact.size_bytes) {
      throw Error(ExitCode::kInvalidLock, "the lock gives one digest two sizes")
          .where(file)
          .why(found->second->file_name + " has " + std::to_string(found->second->size_bytes) +
               " bytes, " + artifact.file_name + " " + std::to_string(artifact.size_bytes));
    }
  }
}

}  // namespace

std::string_view to_string(ArtifactKind kind) { return kKindNames.at(static_cast<size_t>(kind)); }

std::string encode_lock(const Lock& lock) {
  Writer out;
  out.line("# Made by `envbundle lock` from the manifest of the same name; not for editing.");
  out.number("lock-version", lock.lock_version);
  out.always("name", lock.manifest_name);
  out.text("version", lock.version);
  out.always("manifest-sha256", lock.manifest_digest.hex());
  out.text("timestamp", lock.timestamp);
  out.number("epoch", lock.epoch);
  out.list("accepted-licences", lock.accepted_licences);
  out.list("prune", lock.prune);
  out.heading("[target]");
  out.always("platform", lock.platform);
  out.text("python", lock.python);
  out.text("glibc", lock.glibc);
  out.text("suite", lock.suite);
  if (!lock.cuda.empty() || !lock.min_driver.empty()) {
    out.heading("[gpu]");
    out.text("cuda", lock.cuda);
    out.text("min-driver", lock.min_driver);
  }
  if (lock.module_conflicts) {
    out.heading("[modules]");
    out.list("conflict", *lock.module_conflicts);
  }
  std::vector<Artifact> artifacts = lock.artifacts;
  std::sort(artifacts.begin(), artifacts.end(),
            [](const Artifact& a, const Artifact& b) { return order(a) < order(b); });
  for (const auto& artifact : artifacts) write_artifact(out, artifact);
  return out.take();
}

Lock parse_lock(std::string_view text, const std::string& name) {
  const TomlValue document = parse_toml(text, name);
  TableReader top(document, name);
  Lock out;
  const auto version = top.integer("lock-version");
  if (!version) {
    throw Error(ExitCode::kInvalidLock, "not a lock of envbundle")
        .where(name)
        .why("it has no 'lock-version'")
        .hint("`envbundle lock MANIFEST` makes one");
  }
  if (*version != kLockVersion) {
    throw top.error("lock-version", "the lock has a version that this envbundle cannot read")
        .why("expected lock-version " + std::to_string(kLockVersion) + ", got " +
             std::to_string(*version))
        .hint("use the envbundle that made it, or make the lock anew from its manifest");
  }
  out.lock_version = static_cast<int>(*version);
  out.manifest_name = top.required_string("name");
  out.version = top.string("version").value_or("");
  out.manifest_digest = read_digest(top, "manifest-sha256");
  out.timestamp = top.string("timestamp").value_or("");
  out.epoch = top.integer("epoch").value_or(0);
  out.accepted_licences = top.strings("accepted-licences");
  out.prune = top.strings("prune");
  if (auto target = top.table("target")) {
    out.platform = target->required_string("platform");
    out.python = target->string("python").value_or("");
    out.glibc = target->string("glibc").value_or("");
    out.suite = target->string("suite").value_or("");
    target->finish();
  } else {
    throw top.error("target", "missing table [target]");
  }
  if (auto gpu = top.table("gpu")) {
    out.cuda = gpu->string("cuda").value_or("");
    out.min_driver = gpu->string("min-driver").value_or("");
    gpu->finish();
  }
  if (auto modules = top.table("modules")) {
    out.module_conflicts = modules->strings("conflict");
    modules->finish();
  }
  for (auto& table : top.tables("artifact")) out.artifacts.push_back(read_artifact(table));
  top.finish();
  std::sort(out.artifacts.begin(), out.artifacts.end(),
            [](const Artifact& a, const Artifact& b) { return order(a) < order(b); });
  check_set(out.artifacts, name);
  return out;
}

}  // namespace eb
