#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace eb {

// The text of a module file (runtime/env/modulefiles), of which the installer knows this much: a
// mark in its first lines, and values in lines of the form `local KEY = "VALUE"` (Lua) or
// `set KEY "VALUE"` (Tcl). What a release holds is signed and stays; copies of it are filled in.

inline constexpr std::string_view kModuleMark = "made for envinstall";
inline constexpr size_t kMaxModuleFile = 256u << 10;  ///< bytes

/// Whether the text is a module file of ours, and so may be replaced or removed.
bool is_module_text(std::string_view text);

/// What a copy is told.
struct ModuleValues {
  unsigned above =
      3;  ///< how many names lie between the folder that `below` starts in and the file
  std::string below = {};  ///< from there to the release or prefix: "/releases/NAME-ID"
  std::optional<std::string> conflicts = {};  ///< nullopt: what the bundle says
  std::string layout = {};                    ///< "" or "eb"
};

/// The text with these values in place of its own.
std::string fill_module_text(std::string text, const ModuleValues& values);

/// The value of `key`; nullopt when there is no such line.
std::optional<std::string> module_value(std::string_view text, std::string_view key);

/// A list of modules as the option takes it, with commas or blanks, in the form that module files
/// hold; "" for "none". Throws Error(kUsage) naming what is no module's name.
std::string parse_conflicts(const std::string& list);

}  // namespace eb
