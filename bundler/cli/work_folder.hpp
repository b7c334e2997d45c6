#pragma once

#include <filesystem>
#include <memory>

#include "bundler/pack/temporaries.hpp"
#include "installer/base/file.hpp"

namespace eb {

/// A folder for one build, removed at its end, after an error and on a signal. One that a killed
/// build for the same output left is removed by the next. Locked, so that two builds of one output
/// do not remove each other's.
class WorkFolder {
 public:
  /// Makes PARENT/.NAME.work-XXXXXX. Throws Error.
  WorkFolder(const std::filesystem::path& parent, const std::string& name);
  ~WorkFolder();
  WorkFolder(const WorkFolder&) = delete;
  WorkFolder& operator=(const WorkFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  std::unique_ptr<Temporary> registration_;
  Fd lock_;
};

}  // namespace eb
