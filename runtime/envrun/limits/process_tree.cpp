#include "runtime/envrun/limits/process_tree.hpp"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <sstream>
#include <thread>

namespace eb {
namespace {

std::string proc_file(pid_t pid, const char* name) {
  return "/proc/" + std::to_string(pid) + "/" + name;
}

// Orphans fall to a subreaper, and a child that nobody waits for stays a zombie. Those that are no
// children of ours are ECHILD.
void collect(const std::vector<ProcessState>& processes, pid_t keep) {
  for (const ProcessState& process : processes) {
    if (process.pid != keep) waitpid(process.pid, nullptr, WNOHANG);
  }
}

}  // namespace

std::optional<ProcessState> parse_process_stat(const std::string& text, uint64_t page_size) {
  // "PID (NAME) STATE PPID …": the name may hold blanks and parentheses. Field 24 is rss.
  const size_t open = text.find('(');
  const size_t close = text.rfind(')');
  if (open == std::string::npos || close == std::string::npos || close < open) return std::nullopt;
  ProcessState out;
  out.name = text.substr(open + 1, close - open - 1);
  const auto pid = number_of(trimmed_text(text.substr(0, open)));
  std::istringstream rest(text.substr(close + 1));
  int64_t pages = 0;
  rest >> out.state >> out.parent;
  for (int field = 5; field < 24; ++field) {
    std::string word;
    rest >> word;
  }
  rest >> pages;
  if (!pid || !rest || pages < 0) return std::nullopt;
  out.pid = static_cast<pid_t>(*pid);
  out.resident = static_cast<uint64_t>(pages) * page_size;
  return out;
}

std::vector<ProcessState> descendants_of(const HostFiles& files, pid_t root) {
  const auto page_size = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  std::multimap<pid_t, ProcessState> by_parent;
  for (const std::string& name : files.names("/proc")) {
    const auto pid = number_of(name);
    if (!pid) continue;
    const auto text = files.read("/proc/" + name + "/stat", 1024);
    if (!text) continue;
    if (const auto state = parse_process_stat(*text, page_size)) {
      by_parent.emplace(state->parent, *state);
    }
  }
  std::vector<ProcessState> out;
  std::vector<pid_t> open = {root};
  while (!open.empty()) {
    const auto [first, last] = by_parent.equal_range(open.back());
    open.pop_back();
    for (auto at = first; at != last; ++at) {
      open.push_back(at->first == at->second.pid ? 0 : at->second.pid);
      if (at->second.state != 'Z') out.push_back(at->second);
    }
  }
  return out;
}

std::optional<uint64_t> proportional_size(const HostFiles& files, pid_t pid) {
  const auto text = files.read(proc_file(pid, "smaps_rollup"), 8192);
  if (!text) return std::nullopt;
  std::optional<uint64_t> out;
  for (const std::string& line : text_lines(*text)) {
    const size_t colon = line.find(':');
    const std::string key = line.substr(0, colon);
    if (key != "Pss" && key != "SwapPss") continue;
    std::istringstream value(line.substr(colon + 1));
    uint64_t kib = 0;
    if (value >> kib) out = out.value_or(0) + kib * 1024;
  }
  return out;
}

size_t end_descendants(const HostFiles& files, pid_t root, unsigned grace_ms, pid_t keep) {
  constexpr unsigned kStepMs = 10;
  constexpr unsigned kMostMs = 5000;
  auto left = descendants_of(files, root);
  const size_t found = left.size();
  if (grace_ms > 0) {
    for (const ProcessState& process : left) kill(process.pid, SIGTERM);
  }
  for (unsigned waited = 0; !left.empty() && waited < grace_ms + kMostMs; waited += kStepMs) {
    if (waited >= grace_ms) {
      for (const ProcessState& process : left) kill(process.pid, SIGKILL);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(kStepMs));
    collect(left, keep);
    left = descendants_of(files, root);
  }
  return found;
}

}  // namespace eb
