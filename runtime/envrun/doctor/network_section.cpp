#include <algorithm>

#include "runtime/envrun/doctor/sections.hpp"

namespace eb {
namespace {

std::string addresses_text(const std::vector<InterfaceAddress>& addresses,
                           const std::string& name) {
  std::vector<std::string> out;
  for (const InterfaceAddress& address : addresses) {
    if (address.name == name) out.push_back(address.text);
  }
  return list_text(out, 4);
}

std::string link_text(const HostFiles& files, const std::string& name) {
  const std::string folder = "/sys/class/net/" + name;
  std::string out = files.first_line(folder + "/operstate");
  const auto speed = number_of(files.first_line(folder + "/speed"));
  if (speed && *speed > 0 && *speed < 10'000'000) out += ", " + std::to_string(*speed) + " Mb/s";
  const std::string mtu = files.first_line(folder + "/mtu");
  if (!mtu.empty()) out += ", MTU " + mtu;
  if (name != "lo" && files.exists(folder) && !files.exists(folder + "/device")) out += ", virtual";
  return out;
}

bool is_loopback(const std::string& address) {
  return address.starts_with("127.") || address == "::1";
}

void add_interfaces(const Machine& machine, Observations& out) {
  const Facts& facts = machine.facts;
  const std::string can = "the sandbox of this process keeps AF_NETLINK from it";
  if (!facts.addresses) {
    out.problem("interfaces", "the kernel does not list them: " + facts.addresses_error,
                can + "; NCCL and gloo ask the same way and fail",
                {"root: allow AF_NETLINK (systemd: RestrictAddressFamilies=, seccomp profiles)"});
    return;
  }
  std::vector<std::string> names = machine.files.names("/sys/class/net");
  for (const InterfaceAddress& address : *facts.addresses) {
    if (std::ranges::find(names, address.name) == names.end()) names.push_back(address.name);
  }
  std::erase(names, "bonding_masters");
  size_t shown = 0;
  size_t bare = 0;
  for (const std::string& name : names) {
    const std::string addresses = addresses_text(*facts.addresses, name);
    if (addresses.empty()) {
      ++bare;
      continue;
    }
    // A node with a bridge a container would fill the screen.
    if (++shown > 24) continue;
    std::string text = addresses;
    if (const std::string link = link_text(machine.files, name); !link.empty()) {
      text.append(" (").append(link).append(")");
    }
    out.note(name, text);
  }
  if (shown > 24) out.note("interfaces", std::to_string(shown - 24) + " more with an address");
  if (bare > 0) out.note("interfaces", std::to_string(bare) + " more without an address");
}

void add_host_name(const Machine& machine, Observations& out) {
  const std::string& name = machine.host_name;
  const auto& known = machine.facts.own_addresses;
  const std::string who =
      "gloo (PyTorch's CPU backend) binds to it, and torchrun tells it to others";
  if (!known) {
    out.warning("host name", name + ": the resolver did not answer in time",
                who + "; every start of a job waits for it",
                {"root: make the name server answer, or put the name into /etc/hosts"});
    return;
  }
  if (known->empty()) {
    out.warning(
        "host name", name + ": no address is known for it",
        who + "; both fall back to the loopback and other nodes cannot reach it",
        {"GLOO_SOCKET_IFNAME=NAME of an interface above; MASTER_ADDR and --rdzv-endpoint as "
         "an address",
         "root: put the name with the node's address into /etc/hosts"});
    return;
  }
  const std::string text = name + " is " + list_text(*known, 4);
  const bool has_lookback_alone = std::ranges::all_of(*known, is_loopback);
  if (!has_lookback_alone && is_loopback(known->front())) {
    out.note("host name", text).cause = "programs that take the first address get the loopback";
    return;
  }
  if (!has_lookback_alone) {
    out.ok("host name", text);
    return;
  }
  Observation& finding =
      out.warning("host name", text,
                  who + ": several nodes then wait for each other without end (" + known->front() +
                      " is this node for every node)",
                  {"GLOO_SOCKET_IFNAME=NAME of an interface above; MASTER_ADDR and --rdzv-endpoint "
                   "as an address; on a single node: torchrun --standalone",
                   "root: take the name out of the line of " + known->front() + " in /etc/hosts"});
  const auto& addresses = machine.facts.addresses;
  const bool is_alone = addresses && std::ranges::all_of(*addresses, [](const auto& each) {
                          return each.name == "lo";
                        });
  if (is_alone) finding.health = Health::kNote;
}

void add_gloo(const Machine& machine, Observations& out) {
  for (const char* variable : {"GLOO_SOCKET_IFNAME", "TP_SOCKET_IFNAME"}) {
    const auto named = machine.variables.find(variable);
    if (!named || !machine.facts.addresses) continue;
    const std::string text = std::string(variable) + "=" + *named;
    // A list of whole names, unlike NCCL's.
    bool is_known = true;
    for (size_t begin = 0; begin <= named->size();) {
      const size_t end = std::min(named->find(',', begin), named->size());
      const std::string one = named->substr(begin, end - begin);
      is_known =
          is_known && std::ranges::find(*machine.facts.addresses, one, &InterfaceAddress::name) !=
                          machine.facts.addresses->end();
      begin = end + 1;
    }
    if (is_known) {
      out.ok("gloo", text);
    } else {
      out.problem("gloo", text, "no interface with an address has exactly that name",
                  {"unset " + std::string(variable) + ", or name one that is listed above"});
    }
  }
}

}  // namespace

Observations examine_network(const Machine& machine) {
  Observations out;
  add_interfaces(machine, out);
  add_host_name(machine, out);
  add_gloo(machine, out);
  return out;
}

}  // namespace eb
