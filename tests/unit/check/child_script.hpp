#pragma once

#include <sys/stat.h>

#include <fstream>
#include <string>

#include "tests/support/temp_dir.hpp"

namespace eb::test {

/// Writes a program of a line or more for /bin/sh; returns its path.
inline std::string write_script(const std::filesystem::path& path, const std::string& text,
                                mode_t mode = 0755) {
  std::filesystem::create_directories(path.parent_path());
  {
    std::ofstream out(path, std::ios::binary);
    out << "#!/bin/sh\n" << text << "\n";
  }
  chmod(path.c_str(), mode);
  return path.string();
}

}  // namespace eb::test
