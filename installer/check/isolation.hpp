#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace eb {

/// A mapped file that should not be mapped from where it is.
struct IsolationViolation {
  std::string path;      ///< raw bytes
  std::string expected;  ///< where it should have been, e.g. "a file below /opt/dl/releases/x"

  bool operator==(const IsolationViolation&) const = default;
};

/// Which glibc a process ran with.
enum class GlibcSide { kUnknown, kRelease, kHost };

struct Isolation {
  bool judged = false;       ///< false = no map was seen, so nothing is proven
  size_t release_files = 0;  ///< mapped from the release
  size_t driver_files = 0;   ///< the driver's own
  GlibcSide glibc = GlibcSide::kUnknown;
  std::vector<IsolationViolation> violations;  ///< in the order of the maps

  bool holds() const { return judged && violations.empty(); }
};

/// Judges the files that one process had mapped (`map` records: only names of the GPU stack and of
/// C and C++ runtimes come). Rules (DESIGN §6, §7):
///  - the driver's own libraries lie outside the release, or in its lib/cuda-compat; a libcuda from
///  a
///    folder "stubs" is no driver;
///  - the glibc family (ld.so, libc, libm, …) is all from RELEASE/lib/glibc or all from the host;
///  - everything else lies in the release.
/// `releases`: the release's real path, and further paths by which the kernel may show the same
/// files. Paths of maps are compared as /proc/self/maps writes them: a newline as \012, other
/// control characters as '?', " (deleted)" behind a file that was replaced.
Isolation judge_isolation(const std::vector<std::string>& maps,
                          const std::vector<std::string>& releases);

/// Whether a file of this base name belongs to NVIDIA's driver and comes with it, not with CUDA.
bool is_driver_library(std::string_view base_name);
/// Whether a file of this base name belongs to the glibc, which must be of one piece.
bool is_glibc_library(std::string_view base_name);

/// "release", "host", "unknown".
const char* glibc_side_name(GlibcSide side);

/// The judgements over several processes of one check as one; the glibc's side only when all agree.
Isolation merged(const std::vector<Isolation>& parts);

}  // namespace eb
