#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "bundler/stage/staging.hpp"

namespace eb {

enum class ProgramKind {
  kNone,    ///< started as it is: a static program, a library, a shell script, data
  kElf,     ///< a program that asks for a loader (PT_INTERP)
  kPython,  ///< a script whose first line names a Python
};

/// What a file would need to be started from a release. A shared library that can also be executed
/// (libc.so.6: PT_INTERP and a SONAME, not a PIE) is none. Damaged ELF files are kNone too.
ProgramKind program_kind(const std::filesystem::path& file, bool may_be_script);

/// Gives every program of the tree its launcher: the file at P moves to libexec/real/P and a copy
/// of `envlaunch` takes its place; libexec/launch/P becomes a link to the loader, which gives the
/// process its name. Python scripts get one when they stand in bin/. Untouched: lib/glibc,
/// everything in a site-packages folder, and what has a launcher already. RECORD files of wheels
/// that list a replaced script get its new digest and size.
///
/// Call it once, when everything else is in the tree. Returns the programs, sorted. Throws Error
/// when `envlaunch` cannot be read or is no static program.
std::vector<std::string> place_launchers(Staging& staging, const std::filesystem::path& envlaunch);

}  // namespace eb
