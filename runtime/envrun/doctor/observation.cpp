#include "runtime/envrun/doctor/observation.hpp"

#include <array>
#include <cstdio>

namespace eb {

const char* health_name(Health health) {
  switch (health) {
    case Health::kOk:
      return "ok";
    case Health::kNote:
      return "note";
    case Health::kWarning:
      return "warning";
    case Health::kProblem:
      return "problem";
  }
  return "?";
}

std::string memory_text(uint64_t bytes) {
  constexpr std::array kUnits = {"bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  auto value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 1024 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  std::array<char, 32> text{};
  const bool is_whole = unit == 0 || value == static_cast<double>(static_cast<uint64_t>(value));
  std::snprintf(text.data(), text.size(), is_whole ? "%.0f %s" : "%.1f %s", value, kUnits[unit]);
  return text.data();
}

std::string number_text(uint64_t number, const char* one, const char* many) {
  return std::to_string(number) + " " + (number == 1 ? one : many);
}

std::string list_text(const std::vector<std::string>& names, size_t most) {
  std::string out;
  for (size_t i = 0; i < names.size(); ++i) {
    if (i == most) return out + " and " + std::to_string(names.size() - most) + " more";
    if (i > 0) out += i + 1 == names.size() && names.size() <= most ? " and " : ", ";
    out += names[i];
  }
  return out;
}

}  // namespace eb
