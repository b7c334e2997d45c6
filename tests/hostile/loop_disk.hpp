#pragma once

#include <filesystem>
#include <string>

namespace eb::test {

/// An ext4 file system in a file, mounted over a loop device: what is on it can be taken away from
/// under a running program. Needs root. Everything throws std::runtime_error.
class LoopDisk {
 public:
  /// Why there can be none here; empty where there can. Enters a mount namespace of its own, so
  /// that no mount outlives the process.
  static std::string obstacle();

  /// Makes the file system in `image`.
  static void format(const std::filesystem::path& image);

  /// Mounts `image` on `folder`, which is there.
  LoopDisk(const std::filesystem::path& image, std::filesystem::path folder);
  ~LoopDisk();
  LoopDisk(const LoopDisk&) = delete;
  LoopDisk& operator=(const LoopDisk&) = delete;

  /// As when the power goes: what the disk does not have yet is lost, and every further call on it
  /// fails. EXT4_IOC_SHUTDOWN without a flush of the journal.
  void cut_power() const noexcept;

 private:
  std::filesystem::path folder_;
  int root_ = -1;
};

/// Copies a file, holes as holes.
void copy_image(const std::filesystem::path& from, const std::filesystem::path& to);

}  // namespace eb::test
