#include "runtime/envrun/limits/cpu_list.hpp"

#include <algorithm>

#include "installer/base/error.hpp"
#include "installer/driver/host_files.hpp"

namespace eb {
namespace {

constexpr size_t kMostCpus = 8192;  // Linux's own bound (NR_CPUS)

std::optional<unsigned> cpu_number(std::string_view text) {
  const auto number = number_of(text);
  if (!number || *number >= kMostCpus) return std::nullopt;
  return static_cast<unsigned>(*number);
}

}  // namespace

std::optional<CpuList> parse_cpu_list(std::string_view text) {
  CpuList out;
  while (!text.empty()) {
    const size_t end = std::min(text.find(','), text.size());
    const std::string_view part = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const size_t dash = part.find('-');
    const auto first = cpu_number(part.substr(0, dash));
    const auto last = dash == std::string_view::npos ? first : cpu_number(part.substr(dash + 1));
    if (!first || !last || *last < *first) return std::nullopt;
    for (unsigned cpu = *first; cpu <= *last; ++cpu) out.push_back(cpu);
    if (out.size() > 2 * kMostCpus) return std::nullopt;
  }
  std::ranges::sort(out);
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

std::string cpu_list_text(const CpuList& cpus) {
  std::string out;
  for (size_t at = 0; at < cpus.size();) {
    size_t last = at;
    while (last + 1 < cpus.size() && cpus[last + 1] == cpus[last] + 1) ++last;
    if (!out.empty()) out += ',';
    out += std::to_string(cpus[at]);
    if (last > at) out.append("-").append(std::to_string(cpus[last]));
    at = last + 1;
  }
  return out;
}

CpuRequest parse_cpu_request(const std::string& text) {
  const bool is_list = text.find_first_of(",-") != std::string::npos;
  if (is_list) {
    if (auto cpus = parse_cpu_list(text); cpus && !cpus->empty()) return {.cpus = *std::move(cpus)};
  } else if (const auto count = cpu_number(text); count && *count > 0) {
    return {.count = *count};
  }
  throw Error(ExitCode::kUsage, "--cpus " + text + " is neither a number of CPUs nor a list")
      .hint("for example --cpus 8, or certain ones: --cpus 0-7,16");
}

}  // namespace eb
