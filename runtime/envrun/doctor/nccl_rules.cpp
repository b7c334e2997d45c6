#include "runtime/envrun/doctor/nccl_rules.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>

#include "installer/base/version.hpp"

namespace eb {
namespace {

constexpr size_t kMostInterfaces = 16;  // MAX_IFS

// setEnvFile(): no blanks are taken off, '#' counts in the first column alone.
void add_file(const Machine& machine, const std::string& path,
              std::map<std::string, NcclSetting>& out) {
  if (!machine.may_read(path)) return;
  const auto text = machine.files.read(path, 1u << 20);
  for (const std::string& line : text_lines(text.value_or(""))) {
    const size_t at = line.find('=');
    if (line.starts_with("#") || at == std::string::npos || at == 0) continue;
    out.emplace(line.substr(0, at), NcclSetting{line.substr(at + 1), path});
  }
}

// NCCL asks the user database for the home, not $HOME.
std::string home_of_user(const Machine& machine) {
  const auto users = machine.files.read("/etc/passwd", 4u << 20);
  for (const std::string& line : text_lines(users.value_or(""))) {
    std::vector<std::string> fields;
    for (size_t begin = 0; begin <= line.size();) {
      const size_t end = std::min(line.find(':', begin), line.size());
      fields.push_back(line.substr(begin, end - begin));
      begin = end + 1;
    }
    if (fields.size() >= 6 && number_of(fields[2]) == machine.uid) return fields[5];
  }
  return machine.home();  // LDAP's users are in no file
}

struct Matcher {
  explicit Matcher(std::string list) {
    inverted = list.starts_with("^");
    if (inverted) list.erase(0, 1);
    exact = list.starts_with("=");
    if (exact) list.erase(0, 1);
    for (size_t begin = 0; begin <= list.size();) {
      const size_t end = std::min(list.find(',', begin), list.size());
      const std::string entry = list.substr(begin, end - begin);
      const std::string name = entry.substr(0, entry.find(':'));
      if (!name.empty()) names.push_back(name);
      begin = end + 1;
    }
  }
  bool matches(const std::string& name) const {
    const bool found = names.empty() || std::ranges::any_of(names, [&](const std::string& one) {
                         return exact ? name == one : name.starts_with(one);
                       });
    return found != inverted;
  }
  bool inverted = false;
  bool exact = false;
  std::vector<std::string> names;
};

bool is_v6_loopback(const InterfaceAddress& address) {
  return address.is_v6 &&
         IN6_IS_ADDR_LOOPBACK(reinterpret_cast<const in6_addr*>(address.bytes.data()));
}

// findInterfaces()
std::vector<InterfaceAddress> matching(const std::string& list, const std::string& family,
                                       const std::vector<InterfaceAddress>& addresses,
                                       const NcclRules& rules) {
  const Matcher matcher(list);
  std::vector<InterfaceAddress> out;
  for (const InterfaceAddress& address : addresses) {
    if (out.size() == kMostInterfaces) break;
    if (rules.running_only && !address.is_running) continue;
    if ((family == "AF_INET" && address.is_v6) || (family == "AF_INET6" && !address.is_v6))
      continue;
    if (is_v6_loopback(address) || !matcher.matches(address.name)) continue;
    if (std::ranges::find(out, address.name, &InterfaceAddress::name) == out.end()) {
      out.push_back(address);
    }
  }
  return out;
}

// matchSubnet() for NCCL_COMM_ID, "10.0.0.1:1234" or "[fe80::1]:1234".
std::optional<InterfaceAddress> in_subnet(const std::string& id,
                                          const std::vector<InterfaceAddress>& addresses) {
  const bool is_v6 = id.starts_with("[");
  const std::string text =
      is_v6 ? id.substr(1, id.find_first_of("%]") - 1) : id.substr(0, id.find(':'));
  std::array<uint8_t, 16> remote{};
  if (inet_pton(is_v6 ? AF_INET6 : AF_INET, text.c_str(), remote.data()) != 1) return std::nullopt;
  for (const InterfaceAddress& address : addresses) {
    if (address.is_v6 != is_v6) continue;
    bool is_same = true;
    for (size_t i = 0; i < (is_v6 ? 16u : 4u); ++i) {
      is_same = is_same && ((address.bytes[i] ^ remote[i]) & address.mask[i]) == 0;
    }
    if (is_same) return address;
  }
  return std::nullopt;
}

std::string value_of(const std::map<std::string, NcclSetting>& settings, const char* name) {
  const auto at = settings.find(name);
  return at == settings.end() ? std::string() : at->second.value;
}

}  // namespace

std::map<std::string, NcclSetting> nccl_settings(const Machine& machine) {
  std::map<std::string, NcclSetting> out;
  for (const std::string& entry : machine.variables.entries()) {
    const size_t at = entry.find('=');
    if (entry.starts_with("NCCL_")) {
      out.emplace(entry.substr(0, at), NcclSetting{entry.substr(at + 1), "environment"});
    }
  }
  const std::string chosen = machine.variables.get("NCCL_CONF_FILE");
  add_file(machine, chosen.empty() ? home_of_user(machine) + "/.nccl.conf" : chosen, out);
  add_file(machine, "/etc/nccl.conf", out);
  return out;
}

NcclRules nccl_rules(const std::string& version) {
  const auto parsed = DottedVersion::parse_prefix(version);
  const bool is_new = !parsed || *parsed >= *DottedVersion::parse("2.28");
  return {.virtual_bridges_last = is_new, .running_only = is_new};
}

bool nccl_list_matches(const std::string& list, const std::string& name) {
  return Matcher(list).matches(name);
}

namespace {

struct Found {
  std::vector<InterfaceAddress> interfaces;
  std::string why;
};

// ncclFindInterfaces() without a setting.
Found found_by_name(const std::string& family, const std::vector<InterfaceAddress>& addresses,
                    const NcclRules& rules) {
  struct Step {
    const char* list;
    const char* why;
  };
  std::vector<Step> steps = {{"ib", "names with ib come first"}};
  if (rules.virtual_bridges_last) {
    steps.push_back({"^docker,lo,virbr", "all but docker*, lo* and virbr*"});
  } else {
    steps.push_back({"^docker,lo", "all but docker* and lo*"});
  }
  steps.push_back({"docker", "there is nothing but docker*"});
  steps.push_back({"lo", "there is nothing but the loopback"});
  if (rules.virtual_bridges_last) steps.push_back({"virbr", "there is nothing but virbr*"});
  for (const Step& step : steps) {
    auto found = matching(step.list, family, addresses, rules);
    if (!found.empty()) return {std::move(found), step.why};
  }
  return {{}, "no interface has an address"};
}

}  // namespace

NcclChoice nccl_interfaces(const std::map<std::string, NcclSetting>& settings,
                           const std::vector<InterfaceAddress>& addresses, const NcclRules& rules) {
  const std::string family = value_of(settings, "NCCL_SOCKET_FAMILY");
  const std::string named = value_of(settings, "NCCL_SOCKET_IFNAME");
  // A name of one letter counts as none (strlen(env) > 1).
  const Found found =
      named.size() > 1
          ? Found{matching(named, family, addresses, rules),
                  "NCCL_SOCKET_IFNAME=" + named + " of " + settings.at("NCCL_SOCKET_IFNAME").origin}
          : found_by_name(family, addresses, rules);
  NcclChoice out{.meeting = {}, .interfaces = found.interfaces, .why = found.why};
  if (!found.interfaces.empty()) out.meeting = found.interfaces.front();
  // bootstrapNetInit(): that address alone decides where ranks meet.
  if (const std::string id = value_of(settings, "NCCL_COMM_ID"); !id.empty()) {
    out.meeting = in_subnet(id, addresses);
    out.why = (out.meeting ? "in the subnet of NCCL_COMM_ID="
                           : "nothing is in the subnet of NCCL_COMM_ID=") +
              id;
  }
  return out;
}

}  // namespace eb
