#pragma once

#include <string>
#include <vector>

#include "bundler/stage/staging.hpp"
#include "installer/base/events.hpp"
#include "tests/support/temp_dir.hpp"

namespace eb::test {

/// A tree to put files into.
class StagedTree {
 public:
  StagedTree& file(std::string_view path, std::string_view content = "x") {
    staging_.add_file(RelPath(path), as_bytes(content), false, "test 1");
    return *this;
  }
  /// The METADATA of a wheel: "nvidia_nccl_cu12-2.27.3".
  StagedTree& wheel(const std::string& name_and_version) {
    return file(kSite + name_and_version + ".dist-info/METADATA", "Metadata-Version: 2.1\n");
  }
  StagedTree& symlink(std::string_view path, std::string_view target) {
    staging_.add_symlink(RelPath(path), target, "test 1");
    return *this;
  }
  const Staging& get() const { return staging_; }

  static inline const std::string kSite = "lib/python3.11/site-packages/";

 private:
  TempDir dir_;
  Staging staging_{dir_.path() / "tree"};
};

/// Keeps the text of what is reported.
class RecordingSink final : public EventSink {
 public:
  void on(const Event& event) noexcept override {
    if (const auto* warning = std::get_if<Warning>(&event)) warnings.push_back(warning->text);
    if (const auto* note = std::get_if<Note>(&event)) notes.push_back(note->text);
  }
  std::vector<std::string> warnings;
  std::vector<std::string> notes;
};

}  // namespace eb::test
