#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace eb::gpu {

/// The installed release whose libraries are checked.
struct Release {
  std::string root;
  /// Where its libraries lie, in the order in which they are looked for: NVIDIA's wheels
  /// (lib/python3*/{site,dist}-packages/nvidia/*/lib; CUDA 13 has all in nvidia/cu13/lib), torch's
  /// own folder, then lib and what is in it.
  std::vector<std::string> library_folders;
};

Release open_release(const std::string& root);

/// The release's root for the name that the launcher gives the program,
/// ROOT/libexec/envbundle/gpucheck; also for its real place, ROOT/libexec/real/libexec/envbundle/….
/// Empty for any other name.
std::string root_of_program(std::string_view argv0);

/// Paths of all libraries "STEM.so.VERSION" of the release's first folder that has one, each file
/// once (by its shortest name), the highest version first.
std::vector<std::string> find_libraries(const Release& release, const std::string& stem);

/// Paths of the files of `folder` whose names begin with `beginning` and hold ".so.", each file
/// once, sorted.
std::vector<std::string> libraries_in(const std::string& folder, const std::string& beginning);

std::string folder_of(const std::string& path);

}  // namespace eb::gpu
