#pragma once

#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "bundler/pack/pack.hpp"
#include "installer/install/install.hpp"
#include "installer/install/open_bundle.hpp"
#include "tests/support/test_signer.hpp"
#include "tests/support/thrown_error.hpp"

namespace eb::test {

namespace fs = std::filesystem;

inline void write_text(const fs::path& path, const std::string& text, bool executable = false) {
  fs::create_directories(path.parent_path());
  std::ofstream out(path, std::ios::binary);
  out << text;
  out.close();
  fs::permissions(path, executable ? fs::perms(0755) : fs::perms(0644));
}

inline std::string read_text(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

/// Remembers what was reported.
class EventLog final : public EventSink {
 public:
  void on(const Event& event) noexcept override {
    if (const auto* warning = std::get_if<Warning>(&event)) warnings.push_back(warning->text);
    if (const auto* phase = std::get_if<PhaseFinished>(&event)) phases.push_back(phase->phase);
    if (const auto* progress = std::get_if<PhaseProgress>(&event)) done = progress->done;
    if (const auto* started = std::get_if<PhaseStarted>(&event)) total = started->total;
  }
  std::vector<std::string> warnings;
  std::vector<std::string> phases;
  uint64_t done = 0;
  uint64_t total = 0;
};

/// Everything below a folder: path -> what is there, so that two trees can be compared with ==.
inline std::map<std::string, std::string> snapshot(const fs::path& root) {
  std::map<std::string, std::string> out;
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    const std::string path = entry.path().lexically_relative(root).string();
    struct stat info {};
    lstat(entry.path().c_str(), &info);
    const std::string mode = std::to_string(info.st_mode & 07777);
    if (entry.is_symlink()) {
      out[path] = "link " + fs::read_symlink(entry.path()).string();
    } else if (entry.is_directory()) {
      out[path] = "dir " + mode;
    } else {
      out[path] = "file " + mode + " " + sha256(as_bytes(read_text(entry.path()))).hex();
    }
  }
  return out;
}

/// A folder with something of everything that a bundle may hold; `text` makes releases differ.
inline void fill_tree(const fs::path& root, const std::string& text = "one") {
  std::mt19937_64 random(7);
  std::string noise(120'000, '\0');
  for (char& c : noise) c = static_cast<char>(random());
  write_text(root / "bin/python", "#!/bin/sh\necho " + text + "\n", true);
  write_text(root / "lib/libbig.so.1", noise);
  write_text(root / "lib/empty", "");
  write_text(root / "lib/pkg/__init__.py", "import os\n");
  write_text(root / "lib/pkg/__pycache__/__init__.cpython-311.pyc", noise.substr(0, 777));
  write_text(root / "share/doc/README.txt", text);
  write_text(root / "share/envbundle/activate.sh", "# activate\n");
  write_text(root / ("share/" + std::string(120, 'n') + "/" + std::string(130, 'm')), "x");
  for (int i = 0; i < 20; ++i) {
    write_text(root / "lib/many" / ("m" + std::to_string(i) + ".py"),
               noise.substr(static_cast<size_t>(i) * 10, 1500));
  }
  const std::string module =
      "# made for envinstall\nset above \"3\"\nset below \"\"\n"
      "set conflicts \"cuda\"\nset layout \"\"\n# " +
      text + "\n";
  write_text(root / "modulefiles/sample" / text, "#%Module1.0\n" + module);
  write_text(root / "modulefiles/sample" / (text + ".lua"),
             "-- made for envinstall\nlocal below = \"\"\n");
  write_text(root / "share/envbundle/modulerc",
             "#%Module1.0\nmodule-version sample/" + text + " default\n");
  fs::create_directories(root / "etc/empty");
  fs::create_symlink("libbig.so.1", root / "lib/libbig.so");
  fs::create_symlink("../lib/pkg", root / "share/pkg");
}

/// A scratch folder in memory where there is such a place: these tests sync thousands of times.
class MemoryDir {
 public:
  MemoryDir() {
    struct statvfs info {};
    const bool usable = statvfs("/dev/shm", &info) == 0 && (info.f_flag & ST_NOEXEC) == 0 &&
                        access("/dev/shm", W_OK) == 0;
    std::string name =
        (usable ? fs::path("/dev/shm") : fs::temp_directory_path()) / "eb-test-XXXXXX";
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp " + name);
    path_ = name;
  }
  ~MemoryDir() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  MemoryDir(const MemoryDir&) = delete;
  MemoryDir& operator=(const MemoryDir&) = delete;
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

/// A place to make bundles and install them: scratch folder, key, host.
class Workshop {
 public:
  MemoryDir scratch;
  TestSigner signer = TestSigner::ed25519(1);
  Host host;
  NullSink silence;
  StopFlag stop;
  InstallOptions options;

  Workshop() {
    host = read_host(real_sys(), (scratch.path() / "home").string());
    fs::create_directory(scratch.path() / "home");
    options.prefix = prefix().string();
    options.jobs = 2;
    options.wait_seconds = 20;
  }

  fs::path prefix() const { return scratch.path() / "p"; }
  fs::path release(const std::string& name) const { return prefix() / "releases" / name; }
  std::string current() const {
    std::error_code error;
    const fs::path target = fs::read_symlink(prefix() / "current", error);
    return error ? "" : target.filename().string();
  }

  std::map<std::string, std::string> meta() const {
    return {{"name", "sample"},
            {"version", "1"},
            {"platform", "linux-" + host.machine},
            {"epoch", "1700000000"},
            {"tool", "test"}};
  }

  /// Packs `tree`; frames are small, so that files lie in several.
  fs::path pack(const fs::path& tree, const std::map<std::string, std::string>& with = {},
                uint64_t frame_raw_size = 16384) {
    std::map<std::string, std::string> all = meta();
    for (const auto& [key, value] : with) all[key] = value;
    const fs::path file = scratch.path() / ("b" + std::to_string(++made_) + ".zst");
    const Tree scanned = scan_tree(tree, 1);
    const PackOptions pack_options{.threads = 2, .frame_raw_size = frame_raw_size};
    write_bundle(
        scanned, plan_pack(scanned, all, pack_options), file, pack_options,
        [this](Bytes index) { return std::vector<std::vector<std::byte>>(1, signer.sign(index)); },
        silence);
    return file;
  }
  /// A bundle of fill_tree(text).
  fs::path make(const std::string& text = "one",
                const std::map<std::string, std::string>& with = {}) {
    const fs::path tree = scratch.path() / ("tree-" + text);
    if (!fs::exists(tree)) fill_tree(tree, text);
    return pack(tree, with);
  }

  TrustStore trust(Sys& sys = real_sys()) {
    TrustSettings settings;
    settings.fingerprints = {signer.key().fingerprint()};
    settings.uid = host.uid;
    settings.now = host.now;
    return TrustStore::load(sys, settings, silence);
  }

  VerifiedBundle open(BundleSource& source) {
    return verify_bundle_header(read_bundle_header(source), trust().policy(), source.name());
  }

  /// Everything that the command does, by any Sys.
  InstallReport install_file(const fs::path& bundle, Sys& sys, EventSink& events) {
    const auto source = open_bundle_file(sys, bundle.string());
    const VerifiedBundle verified = open(*source);
    InstallPlan plan = plan_install(sys, verified, host, options, source->is_stream(), events);
    return install(sys, *source, verified, std::move(plan), trust(), host, options, events, stop);
  }
  InstallReport install_file(const fs::path& bundle) {
    return install_file(bundle, real_sys(), silence);
  }

  /// Names below .envinstall that an unfinished run leaves.
  std::set<std::string> leftovers() const {
    std::set<std::string> out;
    if (!fs::exists(prefix() / ".envinstall")) return out;
    for (const auto& entry : fs::directory_iterator(prefix() / ".envinstall")) {
      const std::string name = entry.path().filename();
      if (name != "id" && name != "floor" && name != "log") out.insert(name);
    }
    return out;
  }

 private:
  int made_ = 0;
};

/// The release as the bundle's tree has it: without .bundle.
inline std::map<std::string, std::string> release_snapshot(const fs::path& release) {
  auto out = snapshot(release);
  std::erase_if(out, [](const auto& item) { return item.first.starts_with(".bundle"); });
  return out;
}

}  // namespace eb::test
