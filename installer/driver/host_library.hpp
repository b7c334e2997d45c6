#pragma once

#include <string>
#include <vector>

#include "installer/driver/host_files.hpp"
#include "installer/driver/surroundings.hpp"

namespace eb {

/// A libcuda.so.1 of this machine (FACTS §3.3).
struct HostLibcuda {
  std::string path;        ///< as it was found
  std::string real_path;   ///< without symlinks
  std::string found_by;    ///< "loader cache", "system folder", "LD_LIBRARY_PATH", "known place"
  std::string version;     ///< 550.144.03 from the real file's name; empty = not told (WSL, stubs)
  int needs_glibc = 0;     ///< N of the newest GLIBC_2.N that it asks for; 0 = unknown
  bool is_stub = false;    ///< a toolkit's lib/stubs: answers every call with error 34
  bool is_compat = false;  ///< a toolkit's compat folder: forward compatibility
};

/// All that are there, first the one that a program gets: loader's cache, the loader's own folders,
/// LD_LIBRARY_PATH, the places known besides. That is the launcher's order, which trusts
/// LD_LIBRARY_PATH only where nothing else leads to a driver. Each real file once; files of another
/// architecture are left out.
std::vector<HostLibcuda> find_libcuda(const HostFiles& files, const ProbeEnvironment& environment);

/// N of the host's glibc 2.N, from its libc.so.6; 0 = no glibc, or unknown.
int host_glibc_minor(const HostFiles& files, const ProbeEnvironment& environment);

}  // namespace eb
