#pragma once

#include <span>
#include <string_view>

#include "installer/base/digest.hpp"

namespace eb {

// Files that the build put into this program, so that envbundle is one file and its bundles do not
// depend on what lies beside it.

/// The launcher (runtime/launcher), a static program.
Bytes embedded_launcher();

/// compile_bytecode.py.
std::string_view embedded_bytecode_script();

enum class ModuleLanguage { kLua, kTcl };
/// runtime/env/modulefiles: a module file with @NAME@ and so on to be filled in (module_files.hpp).
std::string_view embedded_module_template(ModuleLanguage language);

struct EmbeddedFile {
  std::string_view path;  ///< in the release
  Bytes content;
  bool executable = false;
  bool needs_cuda = false;  ///< only in a bundle with CUDA
};
/// What a person runs or sources inside a prefix (runtime/env), and the GPU check (runtime/gpu).
std::span<const EmbeddedFile> embedded_overlay();

}  // namespace eb
