#include "installer/check/process_tree.hpp"

#include <fcntl.h>

#include <algorithm>
#include <charconv>
#include <sstream>

#include "installer/base/error.hpp"
#include "installer/base/file.hpp"

namespace eb {
namespace {

constexpr char kProc[] = "/proc";

pid_t pid_of(const std::string& text) {
  pid_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() && value > 0 ? value : 0;
}

}  // namespace

ProcessEntry parse_process_stat(const std::string& text) {
  ProcessEntry out;
  // "PID (NAME) STATE PPID …": fields are counted after the last parenthesis.
  const size_t name = text.find(" (");
  const size_t name_end = text.rfind(')');
  if (name == std::string::npos || name_end == std::string::npos || name_end < name) return {};
  std::istringstream rest(text.substr(name_end + 1));
  std::string state;
  std::string parent;
  if (!(rest >> state >> parent) || state.size() != 1) return {};
  std::string field;
  for (int number = 5; number <= 22; ++number) {
    if (!(rest >> field)) return {};
  }
  out.pid = pid_of(text.substr(0, name));
  out.parent = pid_of(parent);
  out.state = state[0];
  out.start = field;
  return out.pid > 0 ? out : ProcessEntry{};
}

ProcessEntry read_process(Sys& sys, pid_t pid) {
  const std::string path = std::string(kProc) + "/" + std::to_string(pid) + "/stat";
  try {
    const Fd fd = open_at(sys, AT_FDCWD, path.c_str(), O_RDONLY, 0, path);
    std::string text(4096, '\0');
    text.resize(read_up_to(sys, fd.get(), text.data(), text.size(), path));
    return parse_process_stat(text);
  } catch (const Error&) {
    return {};
  }
}

std::vector<ProcessEntry> descendants_of(Sys& sys, pid_t ancestor) {
  std::vector<DirEntry> names;
  try {
    const Fd proc = open_dir_at(sys, AT_FDCWD, kProc, kProc);
    if (sys.list(proc.get(), &names) < 0) return {};
  } catch (const Error&) {
    return {};
  }
  std::vector<ProcessEntry> all;
  for (const DirEntry& name : names) {
    const pid_t pid = pid_of(name.name);
    if (pid == 0) continue;
    ProcessEntry entry = read_process(sys, pid);
    if (entry.pid == pid) all.push_back(std::move(entry));
  }
  std::vector<ProcessEntry> out;
  std::vector<pid_t> parents = {ancestor};
  while (!parents.empty()) {
    const pid_t parent = parents.back();
    parents.pop_back();
    for (const ProcessEntry& entry : all) {
      if (entry.parent != parent || entry.pid == ancestor || std::ranges::count(out, entry) > 0) {
        continue;
      }
      out.push_back(entry);
      parents.push_back(entry.pid);
    }
  }
  return out;
}

}  // namespace eb
