#pragma once

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace eb::test {

/// Compares with the file NAME of this room's data. With EB_ACCEPT_GOLDEN=1 in the environment the
/// file is written instead: a change then shows in the diff.
inline void check_golden(const std::string& name, const std::string& text) {
  const std::filesystem::path path = std::filesystem::path(EB_TEST_DATA) / name;
  const char* accept = std::getenv("EB_ACCEPT_GOLDEN");
  if (accept != nullptr && std::string(accept) == "1") {
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << text;
  }
  std::ifstream in(path, std::ios::binary);
  const std::string expected{std::istreambuf_iterator<char>(in), {}};
  INFO("EB_ACCEPT_GOLDEN=1 accepts the new text of " << path);
  CHECK(text == expected);
}

}  // namespace eb::test
