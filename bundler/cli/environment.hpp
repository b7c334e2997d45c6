#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <ostream>
#include <string>

namespace eb {

/// What a command may know of the world outside its options, so that a test can run it in process.
struct BundlerEnvironment {
  std::ostream& out;  ///< results
  std::ostream& err;  ///< everything else
  bool err_is_terminal = false;
  unsigned err_columns = 80;
  /// An environment variable; nullopt when it is not set.
  std::function<std::optional<std::string>(const char*)> variable;
  std::filesystem::path program;  ///< the running envbundle's own file

  std::string variable_or(const char* name, const std::string& otherwise) const {
    return variable(name).value_or(otherwise);
  }
};

}  // namespace eb
