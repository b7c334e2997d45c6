#include "bundler/stage/wheel_install.hpp"

#include <algorithm>
#include <map>
#include <optional>

#include "bundler/artifact/artifact_error.hpp"

namespace eb {
namespace {

constexpr std::string_view kInstaller = "envbundle\n";
constexpr std::string_view kPythonMark = "#!python";
constexpr std::string_view kScriptFirstLine = "#!/usr/bin/env python3";
constexpr uint64_t kMaxScriptBytes = 64 << 20;

/// One installation: where each entry goes, what came of it, the new RECORD.
class Installation {
 public:
  Installation(const Wheel& wheel, const WheelTarget& target, std::string_view origin,
               Staging& staging)
      : wheel_(wheel),
        staging_(staging),
        origin_(origin),
        requested_(target.requested),
        site_("lib/python" + target.python + "/site-packages"),
        headers_("include/python" + target.python + "/" + wheel.metadata("Name")) {}

  InstalledWheel run() {
    out_.warnings = wheel_.warnings();
    for (const ZipEntry& entry : wheel_.zip().entries()) {
      if (!entry.directory) install(entry);
    }
    for (const EntryPoint& entry_point : wheel_.entry_points()) {
      add_generated(place("bin/" + entry_point.name, entry_point.name),
                    entry_point_script(entry_point), true);
    }
    const std::string dist_info = site_ + "/" + wheel_.dist_info();
    add_generated(RelPath(dist_info + "/INSTALLER"), std::string(kInstaller), false);
    if (requested_) add_generated(RelPath(dist_info + "/REQUESTED"), "", false);
    write_record(RelPath(dist_info + "/RECORD"));
    std::sort(out_.scripts.begin(), out_.scripts.end());
    return std::move(out_);
  }

 private:
  [[noreturn]] void fail(const ZipEntry& entry, std::string what, std::string why) const {
    throw bad_artifact(std::move(what), wheel_.zip().name(), entry.name, std::move(why));
  }

  RelPath place(const std::string& path, const std::string& entry) const {
    if (const auto problem = RelPath::problem(path)) {
      throw bad_artifact("a file of the wheel cannot be placed", wheel_.zip().name(), entry,
                         path + ": " + *problem);
    }
    return RelPath(path);
  }

  void install(const ZipEntry& entry) {
    const size_t slash = entry.name.find('/');
    const std::string_view top = std::string_view(entry.name).substr(0, slash);
    if (slash == std::string::npos || !top.ends_with(".data")) {
      if (!is_replaced(entry.name)) {
        copy(entry, place(site_ + "/" + entry.name, entry.name), entry.executable);
      }
      return;
    }
    const size_t second = entry.name.find('/', slash + 1);
    if (second == std::string::npos) {
      fail(entry, "a file of the wheel's .data folder belongs to no scheme",
           "files are named NAME.data/SCHEME/PATH");
    }
    const std::string scheme = entry.name.substr(slash + 1, second - slash - 1);
    const std::string rest = entry.name.substr(second + 1);
    if (scheme == "purelib" || scheme == "platlib") {
      copy(entry, place(site_ + "/" + rest, entry.name), entry.executable);
    } else if (scheme == "data") {
      copy(entry, place(rest, entry.name), entry.executable);
    } else if (scheme == "headers") {
      copy(entry, place(headers_ + "/" + rest, entry.name), entry.executable);
    } else if (scheme == "scripts") {
      install_script(entry, rest);
    } else {
      fail(entry, "an unknown scheme in the wheel's .data folder",
           "'" + scheme + "'; purelib, platlib, headers, scripts and data are known");
    }
  }

  // What an installer writes itself: the wheel's own would tell of another installation.
  bool is_replaced(const std::string& name) {
    const std::string& dist_info = wheel_.dist_info();
    if (!name.starts_with(dist_info + "/")) return false;
    const std::string_view file = std::string_view(name).substr(dist_info.size() + 1);
    if (file == "RECORD") return true;
    if (file != "INSTALLER" && file != "REQUESTED" && file != "direct_url.json") return false;
    out_.warnings.push_back(wheel_.zip().name() + ": its own " + std::string(file) +
                            " is left out, it tells of another installation");
    return true;
  }

  void install_script(const ZipEntry& entry, const std::string& name) {
    if (const std::string problem = script_name_problem(name); !problem.empty()) {
      fail(entry, "a script with a bad name", problem);
    }
    if (is_wrapper_of_entry_point(name)) return;
    const RelPath path = place("bin/" + name, entry.name);
    char head[kPythonMark.size()];
    ZipEntryReader reader(wheel_.zip(), entry);
    const size_t got = reader.read(head, sizeof head);
    if (std::string_view(head, got) == kPythonMark) {
      copy_python_script(entry, path);
    } else {
      copy(entry, path, true);
    }
    out_.scripts.push_back(path);
  }

  // setuptools put scripts for entry points into wheels; the entry point is the newer way.
  bool is_wrapper_of_entry_point(std::string_view name) const {
    std::string stem(name);
    std::string lower(name);
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    for (const std::string_view ending : {".exe", "-script.py", ".pya"}) {
      if (lower.ends_with(ending)) {
        stem.resize(stem.size() - ending.size());
        break;
      }
    }
    const auto& all = wheel_.entry_points();
    return std::any_of(all.begin(), all.end(),
                       [&stem](const EntryPoint& e) { return e.name == stem; });
  }

  void copy(const ZipEntry& entry, const RelPath& path, bool executable) {
    ZipEntryReader reader(wheel_.zip(), entry);
    // A stronger digest than Staging's own is rare: it is computed beside.
    const RecordHash* expected = wheel_.record_hash_of(entry.name);
    std::optional<RecordDigest> stronger;
    if (expected != nullptr && expected->algorithm != RecordAlgorithm::kSha256) {
      stronger.emplace(expected->algorithm);
    }
    const Staging::Content content = staging_.add_file(
        path,
        [&](void* buffer, size_t size) {
          const size_t got = reader.read(buffer, size);
          if (stronger) stronger->update(Bytes(static_cast<const std::byte*>(buffer), got));
          return got;
        },
        executable, origin_);
    compare(entry, expected, stronger ? stronger->finish() : as_vector(content.digest));
    note(path, content);
  }

  void copy_python_script(const ZipEntry& entry, const RelPath& path) {
    const std::string text = wheel_.zip().read(entry, kMaxScriptBytes);
    if (const RecordHash* expected = wheel_.record_hash_of(entry.name)) {
      RecordDigest digest(expected->algorithm);
      digest.update(as_bytes(text));
      compare(entry, expected, digest.finish());
    }
    const std::string rest = text.substr(std::min(text.find('\n'), text.size() - 1) + 1);
    const std::string changed = std::string(kScriptFirstLine) + "\n" + rest;
    note(path, staging_.add_file(path, as_bytes(changed), true, origin_));
  }

  static std::vector<std::byte> as_vector(const Sha256& digest) {
    return {digest.bytes.begin(), digest.bytes.end()};
  }

  void compare(const ZipEntry& entry, const RecordHash* expected,
               const std::vector<std::byte>& actual) const {
    if (expected == nullptr || expected->digest == actual) return;
    fail(entry, "a file is not what RECORD says",
         "expected digest " + to_hex(expected->digest) + ", got " + to_hex(actual));
  }

  void add_generated(const RelPath& path, const std::string& text, bool is_script) {
    note(path, staging_.add_file(path, as_bytes(text), is_script, origin_));
    if (is_script) out_.scripts.push_back(path);
  }

  void note(const RelPath& path, const Staging::Content& content) {
    record_[from_site(path)] = {from_site(path), record_hash(content.digest),
                                std::to_string(content.size_bytes)};
  }

  // "../../../bin/x" for what lies outside site-packages.
  std::string from_site(const RelPath& path) const {
    if (path.is_below(site_)) return path.str().substr(site_.size() + 1);
    std::string_view base = site_;
    std::string up;
    while (!path.is_below(base)) {
      up += "../";
      const size_t slash = base.rfind('/');
      if (slash == std::string_view::npos) return up + path.str();
      base = base.substr(0, slash);
    }
    return up + path.str().substr(base.size() + 1);
  }

  void write_record(const RelPath& path) {
    const std::string name = from_site(path);
    record_[name] = {name, "", ""};
    std::string text;
    for (const auto& [key, line] : record_) text += format_record_line(line);
    staging_.add_file(path, as_bytes(text), false, origin_);
  }

  const Wheel& wheel_;
  Staging& staging_;
  std::string_view origin_;
  bool requested_;
  std::string site_, headers_;
  std::map<std::string, RecordLine> record_;  // sorted as pip writes it
  InstalledWheel out_;
};

}  // namespace

InstalledWheel install_wheel(const Wheel& wheel, const WheelTarget& target, std::string_view origin,
                             Staging& staging) {
  return Installation(wheel, target, origin, staging).run();
}

}  // namespace eb
