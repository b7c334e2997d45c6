#include "golden.hpp"

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>

namespace eb::test {

std::string compare_golden(const std::string& file, const std::string& text) {
  if (const char* accept = std::getenv("EB_ACCEPT"); accept != nullptr && *accept == '1') {
    std::ofstream(file, std::ios::binary) << text;
    return {};
  }
  std::ifstream in(file, std::ios::binary);
  const std::string expected{std::istreambuf_iterator<char>(in), {}};
  if (expected == text) return {};
  std::istringstream want(expected);
  std::istringstream got(text);
  std::string out = file + ":\n";
  std::string one;
  std::string two;
  while (true) {
    const bool has_one = static_cast<bool>(std::getline(want, one));
    const bool has_two = static_cast<bool>(std::getline(got, two));
    if (!has_one && !has_two) return out;
    if (has_one && has_two && one == two) continue;
    if (has_one) out += "- " + one + "\n";
    if (has_two) out += "+ " + two + "\n";
  }
}

}  // namespace eb::test
