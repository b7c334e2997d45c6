#pragma once

#include <optional>
#include <string_view>

#include "installer/base/rel_path.hpp"

namespace eb {

/// Where a path of a Debian package ("usr/bin/git", as in data.tar) goes in a release; nullopt when
/// a release has no use for it.
///
/// * usr/X and X become X; sbin becomes bin; lib64 becomes lib. usr/local and the system's own
///   folders (var, run, srv, …) are left out, of etc only ssl stays.
/// * The glibc family goes to lib/glibc, apart from all other libraries, because the launcher takes
///   either all of it or nothing of it (DESIGN "whose libc").
/// * share/doc/PACKAGE/copyright becomes share/licenses/PACKAGE/copyright, and a link between two
///   doc folders a link between their licence folders; other documentation, manuals, desktop files,
///   service files, static libraries and the like are left out.
std::optional<RelPath> map_debian_path(std::string_view path);

/// True for a file name of the glibc family: the loader, libc.so.6, libm.so.6, libpthread.so.0,
/// libnss_files.so.2 and so on, also in the versioned spelling of glibc before 2.34 (libc-2.31.so).
/// libnsl.so.2 and libcrypt.so.1 are projects of their own and not in it.
bool is_glibc_file(std::string_view name);

/// Target text for a symlink of a package, relative to its place in the release: `path` and
/// `target` are as in data.tar, the target may be absolute. nullopt when the link or what it names
/// is left out, or both become the same path.
std::optional<std::string> map_debian_link(std::string_view path, std::string_view target);

/// `to` as seen from the directory of `from`, e.g. ("bin/vi", "lib/x") → "../lib/x".
std::string relative_target(const RelPath& from, const RelPath& to);

}  // namespace eb
