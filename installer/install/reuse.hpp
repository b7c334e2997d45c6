#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "installer/base/events.hpp"
#include "installer/base/file.hpp"
#include "installer/format/index.hpp"
#include "installer/install/prefix.hpp"
#include "installer/install/stop_flag.hpp"

namespace eb {

/// The mtime of every file that an install wrote, 2000-01-01 00:00:00 UTC: whatever writes to a
/// file changes it, so a file that still has it is what was unpacked. The same for all releases,
/// because a release shares unchanged files with the one before. Not older, since zip archives
/// cannot hold times before 1980.
inline constexpr int64_t kFileTime = 946684800;

/// Marks a file as written completely. A file system without times makes no error: the file is then
/// not used again.
void mark_complete(Sys& sys, int fd) noexcept;

/// Files of an index that already lie somewhere in the prefix with the content and mode they must
/// have: in the release that is active, or in the stage of a run that was killed.
class ReusableFiles {
 public:
  ReusableFiles() = default;
  /// Files of a release with the index `source` that `wanted` has too: at the same path, or, where
  /// they are large, at another. Each must have its size, its mode and kFileTime; the content is
  /// not read. `dir` is kept open.
  ReusableFiles(Sys& sys, Fd dir, std::string where, Index source, const Index& wanted,
                unsigned jobs, const StopFlag& stop);
  /// Files of a stage of the same bundle. Here the content is compared by its SHA-256: what a power
  /// cut leaves may have the right size.
  static ReusableFiles of_stage(Sys& sys, Fd dir, std::string where, const Index& wanted,
                                unsigned jobs, EventSink& events, const StopFlag& stop);

  uint64_t files() const { return files_; }
  uint64_t bytes() const { return bytes_; }

  /// Puts them into a stage whose directories are there: as reflinks where the file system has
  /// them, else as hard links, by at most `jobs` threads. Where neither can be had a file is left
  /// out, which is no error. `done` has one element an entry of `wanted` and is set for those that
  /// are there now (never cleared). Throws Error when stopped.
  void place(Sys& sys, int stage, const std::string& stage_where, const Index& wanted,
             unsigned jobs, std::vector<char>& done, const StopFlag& stop) const;

 private:
  Fd dir_;
  std::string where_;
  Index source_;
  std::vector<uint32_t> from_;  ///< by entry of `wanted`: which of source_ has its content
  uint64_t files_ = 0;
  uint64_t bytes_ = 0;
};

/// What the active release of a prefix has of a bundle. Nothing where there is none, where it is an
/// image, or where it cannot be read: then everything is unpacked.
ReusableFiles reusable_of_active(Sys& sys, const PrefixView& view, const Index& wanted,
                                 unsigned jobs, const StopFlag& stop);

}  // namespace eb
