#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace eb {

/// A program that a wheel asks for in its entry_points.txt.
struct EntryPoint {
  std::string name;       ///< a file name; case counts
  std::string module;     ///< "package.module"
  std::string attribute;  ///< "function" or "Class.method"
  bool gui = false;

  bool operator==(const EntryPoint&) const = default;
};

/// The console_scripts and gui_scripts of an entry_points.txt (entry-points specification): INI
/// with "=" alone as delimiter, comments "#" and ";", extras ignored. Other sections are not looked
/// at. Throws bad_artifact() for what is no valid script and for names that leave the scripts
/// folder or would hide an interpreter (FAULTS F064).
std::vector<EntryPoint> parse_entry_points(std::string_view text, std::string_view artifact,
                                           std::string_view entry);

/// What is wrong with `name` as the name of a program; "" when nothing is. "python", "python3.11",
/// "pythonw", "pypy3" and "graalpy" are an interpreter's.
std::string script_name_problem(std::string_view name);

/// The program: a Python text whose first line names a Python, so that the launcher runs it with
/// the release's own (runtime/launcher); sys.argv[0] is bin/NAME of the release.
std::string entry_point_script(const EntryPoint& entry_point);

}  // namespace eb
