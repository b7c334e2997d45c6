#include "runtime/metrics/process_figures.hpp"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <memory>

#include "runtime/metrics/bounded_file.hpp"
#include "runtime/metrics/cgroup.hpp"

namespace eb::metrics {
namespace {

constexpr size_t kMaxProcesses = 65536;
constexpr size_t kProcFileBytes = 16384;

struct CloseFolder {
  void operator()(DIR* folder) const { closedir(folder); }
};

double boot_time(const std::string& proc) {
  // /proc/stat is long on machines with many CPUs, and btime stands near its end.
  const std::string text = read_text(proc + "/stat", 4U << 20U).value_or("");
  const size_t at = text.find("\nbtime ");
  return at == std::string::npos
             ? 0
             : leading_number(std::string_view(text).substr(at + 7)).value_or(0);
}

std::optional<uint64_t> proportional(const std::string& folder) {
  const auto text = read_text(folder + "/smaps_rollup", kProcFileBytes);
  if (!text) return {};
  const size_t at = text->find("\nPss:");
  if (at == std::string::npos) return {};
  const auto kib = leading_number(std::string_view(*text).substr(at + 5));
  return kib ? std::optional<uint64_t>(static_cast<uint64_t>(*kib) * 1024) : std::nullopt;
}

}  // namespace

std::optional<ProcessFigures> parse_process_stat(std::string_view line, double boot_time,
                                                 double ticks_per_second, uint64_t page_bytes) {
  const size_t open = line.find('(');
  const size_t close = line.rfind(')');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open) return {};
  std::vector<std::string_view> fields;  // the first is field 3 of proc(5)
  std::string_view rest = line.substr(close + 1);
  while (!rest.empty() && fields.size() < 30) {
    const size_t begin = rest.find_first_not_of(" \n");
    if (begin == std::string_view::npos) break;
    const size_t end = std::min(rest.find_first_of(" \n", begin), rest.size());
    fields.push_back(rest.substr(begin, end - begin));
    rest.remove_prefix(end);
  }
  if (fields.size() < 22) return {};
  const auto field = [&](size_t number) { return leading_number(fields[number - 3]).value_or(0); };
  ProcessFigures out;
  const auto pid = leading_number(line);
  if (!pid || *pid < 0) return {};
  out.pid = static_cast<unsigned>(*pid);
  out.command = line.substr(open + 1, close - open - 1);
  out.cpu_seconds = (field(14) + field(15)) / ticks_per_second;
  out.threads = static_cast<uint64_t>(std::max(field(20), 0.0));
  out.started = boot_time + field(22) / ticks_per_second;
  out.resident_bytes = static_cast<uint64_t>(std::max(field(24), 0.0)) * page_bytes;
  return out;
}

ProcessSample read_processes(const std::string& proc, unsigned uid, const std::string& job) {
  ProcessSample out;
  const std::unique_ptr<DIR, CloseFolder> folder(opendir(proc.c_str()));
  if (!folder) return out;
  const double booted = boot_time(proc);
  const auto ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
  const auto page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  size_t seen = 0;
  while (const dirent* entry = readdir(folder.get())) {
    const std::string name = entry->d_name;
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    if (++seen > kMaxProcesses) break;
    struct stat status {};
    std::string place = proc;
    place.append("/").append(name);
    if (stat(place.c_str(), &status) != 0 || status.st_uid != uid) continue;
    if (!job.empty()) {
      const std::string groups = read_text(place + "/cgroup", kProcFileBytes).value_or("");
      if (job_component(groups) != job) continue;
    }
    const auto text = read_text(place + "/stat", kProcFileBytes);
    if (!text) continue;  // it has ended
    auto figures = parse_process_stat(*text, booted, ticks, page);
    if (!figures) continue;
    ++out.count;
    out.resident_bytes += figures->resident_bytes;
    out.cpu_seconds += figures->cpu_seconds;
    out.biggest.push_back(std::move(*figures));
  }
  const auto bigger = [](const ProcessFigures& left, const ProcessFigures& right) {
    return left.resident_bytes > right.resident_bytes;
  };
  std::ranges::sort(out.biggest, bigger);
  if (out.biggest.size() > kMaxShownProcesses) out.biggest.resize(kMaxShownProcesses);
  for (ProcessFigures& each : out.biggest) {
    each.proportional_bytes = proportional(proc + '/' + std::to_string(each.pid));
  }
  return out;
}

}  // namespace eb::metrics
