#pragma once

#include <map>
#include <random>

#include "scratch.hpp"

namespace eb::test {

/// Something of everything: empty and large files, both modes, nested and empty folders, links,
/// names that need a pax header, text, bytes that do not compress.
inline void make_sample_tree(const std::filesystem::path& root) {
  std::mt19937_64 random(7);
  std::string noise(300'000, '\0');
  for (char& c : noise) c = static_cast<char>(random());
  std::string text;
  while (text.size() < 900'000) text += "line " + std::to_string(random() % 1000) + " of a text\n";

  write_file(root / "bin/tool", "#!/bin/sh\necho tool\n", true);
  write_file(root / "lib/libbig.so.1", text + noise + text);
  write_file(root / "lib/empty", "");
  write_file(root / "lib/pkg/__init__.py", "import os\n");
  write_file(root / "lib/pkg/__pycache__/__init__.cpython-311.pyc", noise.substr(0, 777));
  write_file(root / "share/image.png", noise);
  write_file(root / "share/doc/README.txt", text.substr(0, 5000));
  write_file(root / ("share/" + std::string(120, 'n') + "/" + std::string(130, 'm') + ".txt"), "x");
  write_file(root / "share/\xc3\xa9 with space", "y");
  for (int i = 0; i < 50; ++i) {
    write_file(root / "lib/many" / ("m" + std::to_string(i) + ".py"),
               text.substr(static_cast<size_t>(i) * 100, 1500));
  }
  std::filesystem::create_directories(root / "var/empty");
  std::filesystem::create_symlink("libbig.so.1", root / "lib/libbig.so");
  std::filesystem::create_symlink("../lib/pkg", root / "share/pkg");
}

inline std::map<std::string, std::string> sample_meta() {
  return {{"name", "sample"},
          {"version", "1"},
          {"platform", "linux-x86_64"},
          {"epoch", "1700000000"},
          {"tool", "test"}};
}

}  // namespace eb::test
