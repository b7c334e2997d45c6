#include "runtime/envrun/doctor/read_machine.hpp"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <memory>
#include <sstream>

#include "runtime/envrun/doctor/ask.hpp"
#include "runtime/envrun/doctor/release.hpp"

namespace eb {
namespace {

constexpr int kPatienceMs = 600;  // for everything that is asked together

uint64_t limit_value(rlim_t value) {
  return value == RLIM_INFINITY ? kUnlimited : static_cast<uint64_t>(value);
}

std::map<std::string, ResourceLimit> read_limits() {
  std::map<std::string, ResourceLimit> out;
  const auto add = [&](const char* name, auto resource) {
    struct rlimit limit {};
    if (getrlimit(resource, &limit) == 0) {
      out[name] = {limit_value(limit.rlim_cur), limit_value(limit.rlim_max)};
    }
  };
  add("memlock", RLIMIT_MEMLOCK);
  add("nofile", RLIMIT_NOFILE);
  add("nproc", RLIMIT_NPROC);
  add("stack", RLIMIT_STACK);
  add("as", RLIMIT_AS);
  add("data", RLIMIT_DATA);
  add("fsize", RLIMIT_FSIZE);
  return out;
}

unsigned allowed_cpus() {
  // More CPUs than cpu_set_t has room for: the mask is made larger until the kernel takes it.
  for (int cpus = 1024; cpus <= 65536; cpus *= 4) {
    cpu_set_t* set = CPU_ALLOC(cpus);
    if (set == nullptr) return 0;
    const size_t size = CPU_ALLOC_SIZE(cpus);
    const int result = sched_getaffinity(0, size, set);
    const int count = result == 0 ? CPU_COUNT_S(size, set) : 0;
    CPU_FREE(set);
    if (result == 0) return static_cast<unsigned>(count);
    if (errno != EINVAL) return 0;
  }
  return 0;
}

InterfaceAddress address_of(const ifaddrs& entry) {
  InterfaceAddress out;
  out.name = entry.ifa_name;
  out.is_v6 = entry.ifa_addr->sa_family == AF_INET6;
  out.is_running = (entry.ifa_flags & IFF_RUNNING) != 0;
  const auto bytes_of = [&](const sockaddr* address, std::array<uint8_t, 16>& to) {
    if (address == nullptr) return;
    if (out.is_v6) {
      std::memcpy(to.data(), &reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr, 16);
    } else {
      std::memcpy(to.data(), &reinterpret_cast<const sockaddr_in*>(address)->sin_addr, 4);
    }
  };
  bytes_of(entry.ifa_addr, out.bytes);
  bytes_of(entry.ifa_netmask, out.mask);
  char text[INET6_ADDRSTRLEN] = "";
  inet_ntop(entry.ifa_addr->sa_family, out.bytes.data(), text, sizeof text);
  out.text = text;
  return out;
}

void read_addresses(Facts& facts) {
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) {
    facts.addresses_error = std::strerror(errno);
    return;
  }
  const std::unique_ptr<ifaddrs, decltype(&freeifaddrs)> held(list, freeifaddrs);
  facts.addresses.emplace();
  for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
    if (entry->ifa_addr == nullptr) continue;
    const int family = entry->ifa_addr->sa_family;
    if (family == AF_INET || family == AF_INET6) facts.addresses->push_back(address_of(*entry));
  }
}

void say(int to, const std::string& text) {
  [[maybe_unused]] const ssize_t written = write(to, text.data(), text.size());
}

// envrun is static and has no resolver of its own (NSS): the host's getent has the host's one.
void become_getent(int to, const std::string& name) {
  dup2(to, STDOUT_FILENO);
  // Without the user's LD_LIBRARY_PATH, which may lead to a server that is gone.
  char* const nothing[] = {nullptr};
  for (const char* path : {"/usr/bin/getent", "/bin/getent"}) {
    execle(path, path, "ahosts", name.c_str(), nullptr, nothing);
  }
  say(to, "no getent");
}

// The room limits makes such a name space for --shm-size.
void try_namespace(int to) {
  say(to, std::to_string(unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 ? 0 : errno));
}

// What is silent is silent as a whole: nothing below its mount point may be read.
void add_silent_mounts(Machine& machine) {
  const std::string mounts = machine.files.read("/proc/self/mounts", 1u << 20).value_or("");
  std::vector<FolderAnswer>& folders = machine.facts.folders;
  for (size_t i = 0, count = folders.size(); i < count; ++i) {
    if (folders[i].has_answered) continue;
    const std::string point = mount_point_of(mounts, folders[i].path);
    if (!point.empty() && machine.may_read(point)) folders.push_back({.path = point});
  }
}

}  // namespace

std::vector<std::string> parse_ahosts(const std::string& text) {
  std::vector<std::string> out;
  for (const std::string& line : text_lines(text)) {
    const std::string address = line.substr(0, line.find_first_of(" \t"));
    std::array<unsigned char, 16> bytes{};
    const bool is_address = inet_pton(AF_INET, address.c_str(), bytes.data()) == 1 ||
                            inet_pton(AF_INET6, address.c_str(), bytes.data()) == 1;
    if (is_address && std::ranges::find(out, address) == out.end()) out.push_back(address);
  }
  return out;
}

std::string mount_point_of(const std::string& mounts, const std::string& path) {
  std::string best;
  for (const std::string& line : text_lines(mounts)) {
    const size_t begin = line.find(' ') + 1;  // DEVICE POINT TYPE …; blanks are \040
    const std::string point = line.substr(begin, line.find(' ', begin) - begin);
    const bool is_above = path == point || path.starts_with(point + "/");
    if (is_above && point.size() > best.size() && point != "/") best = point;
  }
  return best;
}

std::vector<std::string> folders_to_ask(const Machine& machine) {
  std::vector<std::string> out;
  const auto add = [&](const std::string& path) {
    if (path.starts_with('/') && std::ranges::find(out, path) == out.end()) out.push_back(path);
  };
  add(machine.home());
  add(machine.place.prefix);
  add(machine.directory);
  add(machine.temporary());
  add("/dev/shm");
  for (const char* variable :
       {"PATH", "LD_LIBRARY_PATH", "PYTHONPATH", "VIRTUAL_ENV", "PYTHONUSERBASE", "CUDA_HOME",
        "CUDA_PATH", "CUDA_ROOT", "NCCL_CONF_FILE", "NCCL_NET_PLUGIN"}) {
    for (const std::string& path : path_list(machine.variables.get(variable))) add(path);
  }
  return out;
}

Machine read_machine(Session& session) {
  World& world = session.world;
  Machine out{.files = HostFiles(world.sys, world.root),
              .variables = world.variables,
              .place = session.place,
              .root = world.root,
              .host_name = world.host_name,
              .directory = world.directory,
              .uid = world.uid,
              .gid = world.gid};
  Facts& facts = out.facts;
  facts.limits = read_limits();
  const long online = sysconf(_SC_NPROCESSORS_ONLN);
  facts.cpus_online = online > 0 ? static_cast<unsigned>(online) : 0;
  facts.cpus_allowed = allowed_cpus();
  read_addresses(facts);
  struct utsname name {};
  if (uname(&name) == 0) facts.kernel = name.release;
  facts.now = std::time(nullptr);

  const std::vector<std::string> folders = folders_to_ask(out);
  std::vector<Question> questions;
  questions.reserve(folders.size() + 2);
  for (const std::string& folder : folders) {
    questions.emplace_back(
        [path = world.root + folder](int to) { say(to, folder_text(ask_folder(path))); });
  }
  questions.emplace_back([&](int to) { become_getent(to, world.host_name); });
  questions.emplace_back(try_namespace);
  const auto answers = ask_all(questions, kPatienceMs);
  for (size_t i = 0; i < folders.size(); ++i) {
    FolderAnswer answer = answers[i] ? parse_folder(*answers[i]) : FolderAnswer{};
    answer.path = folders[i];
    facts.folders.push_back(std::move(answer));
  }
  add_silent_mounts(out);
  if (const auto& hosts = answers[folders.size()]; hosts && *hosts != "no getent") {
    facts.own_addresses = parse_ahosts(*hosts);
  }
  if (const auto& made = answers[folders.size() + 1]; made && !made->empty()) {
    facts.user_namespace_error = std::atoi(made->c_str());
  }
  out.meta = read_release_meta(out);
  return out;
}

}  // namespace eb
