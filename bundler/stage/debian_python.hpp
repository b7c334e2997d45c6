#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "bundler/stage/staging.hpp"

namespace eb {

/// One exact change of a file of the standard library. `find` must stand in the file exactly once:
/// a Debian update that changes the place is noticed when a bundle is built, not on a cluster.
struct PythonEdit {
  std::string_view file;  ///< below lib/python3.11
  bool optional = false;  ///< the file may be absent (its package is not in the lock)
  std::string_view find;
  std::string_view replace;
  std::string_view reason;
};

/// All edits that make Debian's Python 3.11 behave as an upstream one that stands anywhere.
std::span<const PythonEdit> python_edits();

/// Applies them, removes what only serves Debian's own layout, writes EXTERNALLY-MANAGED and the
/// names python, python3 and pydoc. Does nothing when the tree has no lib/python3.11/os.py.
/// Throws Error(kInvalidLock) that names file and edit when an edit does not fit.
void edit_python(Staging& staging);

}  // namespace eb
