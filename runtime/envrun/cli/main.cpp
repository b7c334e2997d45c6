#include <iostream>

#include "installer/base/error.hpp"
#include "runtime/envrun/cli/subcommand.hpp"

int main(int argc, char** argv) {
  try {
    eb::World world = eb::real_world(std::cout, std::cerr);
    const int code = eb::run_envrun({argv + std::min(argc, 1), argv + argc}, world);
    std::cout.flush();
    return std::cout || code != 0 ? code : static_cast<int>(eb::ExitCode::kIo);
  } catch (const eb::Error& error) {
    std::cerr << eb::render_error(eb::kProgramName, error);
    return static_cast<int>(error.code());
  }
}
