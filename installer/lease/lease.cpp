#include "installer/lease/lease.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <exception>
#include <sstream>

#include "installer/base/error.hpp"
#include "installer/base/file.hpp"

namespace eb {
namespace {

std::string text_of(Sys& sys, const std::string& path) {
  try {
    const Fd fd = open_at(sys, AT_FDCWD, path.c_str(), O_RDONLY, 0, path);
    std::string out(4096, '\0');
    out.resize(read_up_to(sys, fd.get(), out.data(), out.size(), path));
    while (!out.empty() && std::isspace(static_cast<unsigned char>(out.back())) != 0)
      out.pop_back();
    return out;
  } catch (const Error&) {
    return {};
  }
}

// Field 22 of /proc/PID/stat: clock ticks since boot. The name before it may hold anything.
std::string start_of(const std::string& stat) {
  const size_t name_end = stat.rfind(')');
  if (name_end == std::string::npos) return {};
  std::istringstream in(stat.substr(name_end + 1));
  std::string field;
  for (int number = 3; number <= 22; ++number) {
    if (!(in >> field)) return {};
  }
  return field;
}

std::string one_line(std::string text) {
  std::ranges::replace(text, '\n', ' ');
  return printable(text);
}

// A host name that is a part of a file name.
std::string file_name(std::string text) {
  for (char& c : text) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '-' && c != '.') c = '_';
  }
  return text.substr(0, 64);
}

}  // namespace

std::optional<std::string> take_lease(Sys& sys, const LeaseRequest& request) noexcept {
  try {
    const std::string folder = request.prefix + "/.envinstall/" + kLeasesDir;
    const Fd dir = open_dir_at(sys, AT_FDCWD, folder.c_str(), folder);
    const std::string pid = std::to_string(::getpid());
    const std::string start = start_of(text_of(sys, request.root + "/proc/" + pid + "/stat"));
    std::string space;
    try {
      space = read_link_at(sys, AT_FDCWD, (request.root + "/proc/self/ns/pid").c_str(), folder);
    } catch (const Error&) {
      // gc then cannot tell whether the process lives.
    }
    // What LockOwner holds (installer/install/release_lock.hpp), and for what it is.
    const std::string text = "envinstall lease 1\nrelease " + one_line(request.release) +
                             "\nwhat " + one_line(request.what) + "\nnode " +
                             one_line(request.node) + "\nmachine " +
                             text_of(sys, request.root + "/etc/machine-id") + "\nboot " +
                             text_of(sys, request.root + "/proc/sys/kernel/random/boot_id") +
                             "\nnamespace " + space + "\npid " + pid + "\nstart " + start + "\n";
    const std::string name =
        request.release + "@" + file_name(request.node) + "." + pid + "." + file_name(start);
    const std::string path = folder + "/" + name;
    Fd file = create_at(sys, dir.get(), name.c_str(), 0644, path);
    try {
      write_all(sys, file.get(), as_bytes(text), path);
      close_written(sys, std::move(file), path);
    } catch (const Error&) {
      sys.unlinkat(dir.get(), name.c_str(), 0);
      return std::nullopt;
    }
    return path;
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

void drop_lease(Sys& sys, const std::optional<std::string>& lease) noexcept {
  if (lease) sys.unlinkat(AT_FDCWD, lease->c_str(), 0);
}

}  // namespace eb
