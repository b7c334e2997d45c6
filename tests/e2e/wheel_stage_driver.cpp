// Installs wheels with bundler/stage alone, each into a folder of its own: what
// wheel_differential.py compares with pip.
//
//   wheel_stage_driver PYTHON_XY (WHEEL FOLDER)...
//
// One line a wheel on stdout: "ok" or the error, in the order given. Exit code 0 unless the
// arguments are wrong.

#include <cstdio>
#include <string>

#include "bundler/stage/wheel_install.hpp"
#include "installer/base/error.hpp"

int main(int argc, char** argv) {
  if (argc < 4 || argc % 2 != 0) {
    std::fputs("usage: wheel_stage_driver PYTHON_XY (WHEEL FOLDER)...\n", stderr);
    return 2;
  }
  for (int i = 2; i + 1 < argc; i += 2) {
    std::string answer = "ok";
    try {
      const std::filesystem::path path = argv[i];
      const eb::Wheel wheel(path, path.filename().string());
      eb::Staging staging(argv[i + 1]);
      eb::install_wheel(wheel, {.python = argv[1], .requested = true},
                        wheel.metadata("Name") + " " + wheel.metadata("Version"), staging);
      staging.check_conflicts();
    } catch (const eb::Error& error) {
      answer = std::string(error.what()) + " | " + error.where() + " | " + error.why();
      for (const std::string& hint : error.hints()) answer += " | " + hint;
      answer = eb::printable(answer);
    }
    std::puts(answer.c_str());
  }
  return 0;
}
