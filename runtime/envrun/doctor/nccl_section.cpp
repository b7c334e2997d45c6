#include <algorithm>

#include "installer/base/version.hpp"
#include "runtime/envrun/doctor/fabric.hpp"
#include "runtime/envrun/doctor/nccl_rules.hpp"
#include "runtime/envrun/doctor/release.hpp"
#include "runtime/envrun/doctor/sections.hpp"

namespace eb {
namespace {

using Settings = std::map<std::string, NcclSetting>;

std::string value_of(const Settings& settings, const char* name) {
  const auto at = settings.find(name);
  return at == settings.end() ? std::string() : at->second.value;
}

bool is_virtual(const Machine& machine, const std::string& name) {
  const std::string folder = "/sys/class/net/" + name;
  if (name == "lo" || name.starts_with("bond") || name.find('.') != std::string::npos) return false;
  return machine.files.exists(folder) && !machine.files.exists(folder + "/device");
}

void add_interface(const Machine& machine, const Settings& settings, const NcclRules& rules,
                   Observations& out) {
  if (!machine.facts.addresses) return;  // the section "network" says so
  const NcclChoice choice = nccl_interfaces(settings, *machine.facts.addresses, rules);
  if (!choice.meeting) {
    out.problem("interface", "none: NCCL ends with 'no socket interface found'", choice.why,
                {"NCCL_SOCKET_IFNAME=NAME of an interface that 'envrun doctor network' lists, "
                 "unset it, or correct the file that it comes from"});
    return;
  }
  const InterfaceAddress& first = *choice.meeting;
  std::string text = first.name + " " + first.text + ", by the rule: " + choice.why;
  std::vector<std::string> others;
  for (const InterfaceAddress& each : choice.interfaces) {
    if (each.name != first.name) others.push_back(each.name);
  }
  if (!others.empty()) {
    text += "; sockets use " + list_text(others) + " too";
  }
  const std::string set =
      "NCCL_SOCKET_IFNAME==NAME of the interface that leads to the other nodes "
      "(twice '=': exactly that one), in the job script or ~/.nccl.conf";
  const auto stops_here = [&](const InterfaceAddress& each) {
    return each.name.starts_with("lo") || each.name.starts_with("docker") ||
           each.name.starts_with("virbr") || is_virtual(machine, each.name);
  };
  if (!first.is_running && !rules.running_only) {
    out.problem("interface", text, "it has no carrier, and this NCCL does not look at that", {set});
  } else if (first.name == "lo") {
    out.note("interface", text).cause = "enough for one node; no other node can be reached";
  } else if (stops_here(first)) {
    out.warning("interface", text,
                "it is a bridge or another virtual interface: ranks on other nodes may wait for it "
                "without end",
                {set});
  } else if (std::ranges::any_of(choice.interfaces, stops_here)) {
    out.note("interface", text).cause =
        "a virtual one among them leads nowhere when data goes by sockets; " + set;
  } else {
    out.ok("interface", text);
  }
}

struct Network {
  bool has_active = false;    // an InfiniBand or RoCE port that NCCL may use
  bool needs_plugin = false;  // Slingshot or EFA
};

Network add_ports(const Fabric& fabric, const Settings& settings, Observations& out) {
  Network network;
  const std::string chosen = value_of(settings, "NCCL_IB_HCA");
  size_t matching = 0;
  for (const FabricPort& port : fabric.ports) {
    const bool is_chosen = nccl_list_matches(chosen, port.device);
    const std::string subject = port.device + ":" + std::to_string(port.port);
    std::string text = (port.is_efa() ? std::string("EFA") : port.link_layer) + ", " + port.state;
    if (!port.rate.empty()) text += ", " + port.rate;
    if (!is_chosen) text += ", left out by NCCL_IB_HCA=" + chosen;
    if (port.is_efa()) {
      network.needs_plugin = true;
      out.note(subject, text);
    } else if (port.is_active()) {
      matching += is_chosen ? 1 : 0;
      network.has_active = network.has_active || is_chosen;
      out.ok(subject, text);
    } else {
      out.note(subject, text).cause = "NCCL uses active ports alone";
    }
  }
  if (!chosen.empty() && matching == 0 && !fabric.ports.empty()) {
    out.problem(
        "NCCL_IB_HCA", chosen, "no active device of this node matches it",
        {"name one of the devices above: NCCL_IB_HCA==mlx5_0 (twice '=': exactly that one)"});
  }
  if (!fabric.cxi.empty()) {
    network.needs_plugin = true;
    out.note("Slingshot", list_text(fabric.cxi));
  }
  return network;
}

void add_rdma(const Machine& machine, const Fabric& fabric, const Settings& settings,
              Observations& out) {
  const std::string socket =
      "NCCL then takes TCP sockets (NET/Socket) although there is RDMA: "
      "several times slower between nodes";
  if (const std::string value = value_of(settings, "NCCL_IB_DISABLE");
      !value.empty() && value != "0") {
    out.warning("InfiniBand",
                "NCCL_IB_DISABLE=" + value + " of " + settings.at("NCCL_IB_DISABLE").origin, socket,
                {"unset NCCL_IB_DISABLE"});
  } else if (host_library(machine, "libibverbs.so.1").empty() &&
             !machine.files.exists(machine.place.at("lib/x86_64-linux-gnu/libibverbs.so.1"))) {
    out.warning("libibverbs", "not found in the host's loader cache or system folders", socket,
                {"root: install rdma-core (libibverbs1 and the providers, ibverbs-providers)"});
  } else {
    out.ok("libibverbs", host_library(machine, "libibverbs.so.1"));
  }
  if (!fabric.closed_nodes.empty()) {
    out.problem("verbs devices", list_text(fabric.closed_nodes) + " may not be used by this user",
                socket, {"root: mode 0666 for /dev/infiniband/uverbs* (udev rule of rdma-core)"});
  }
}

void add_direct(const Machine& machine, const Fabric& fabric, Observations& out) {
  if (!machine.files.exists("/sys/module/nvidia")) return;
  const auto version = machine.files.read("/proc/driver/nvidia/version");
  const bool is_open = version && version->find("Open Kernel Module") != std::string::npos;
  const auto kernel = DottedVersion::parse_prefix(machine.facts.kernel);
  const bool has_dmabuf = is_open && kernel && *kernel >= *DottedVersion::parse("5.12");
  if (fabric.has_peer_memory) {
    out.ok("GPUDirect RDMA", "by the module nvidia_peermem");
  } else if (has_dmabuf) {
    out.ok("GPUDirect RDMA", "by DMA-BUF (open kernel module, Linux " + machine.facts.kernel + ")");
  } else {
    out.warning(
        "GPUDirect RDMA", "neither nvidia_peermem nor DMA-BUF",
        "data between GPU and network goes through the host's memory",
        {"root: modprobe nvidia-peermem, or the open kernel module with Linux 5.12 or newer"});
  }
}

void add_plugin(const Machine& machine, const Settings& settings, bool is_needed,
                Observations& out) {
  const std::string named = value_of(settings, "NCCL_NET_PLUGIN");
  const std::string soname = named.empty()            ? "libnccl-net.so"
                             : named.starts_with("/") ? named
                             : named.ends_with(".so") ? named
                                                      : "libnccl-net-" + named + ".so";
  const bool is_path = soname.starts_with("/");
  std::string found = is_path
                          ? (machine.may_read(soname) && machine.files.exists(soname) ? soname : "")
                          : host_library(machine, soname);
  std::string passed_by;
  if (!is_path) {
    for (const std::string& folder : path_list(machine.variables.get("LD_LIBRARY_PATH"))) {
      std::string path = folder + "/";
      path += soname;
      if (machine.may_read(path) && machine.files.exists(path)) passed_by = path;
      if (!passed_by.empty()) break;
    }
  }
  const std::string why_path =
      "programs of this environment take no libraries from LD_LIBRARY_PATH but the GPU driver's";
  if (!found.empty()) {
    out.ok("plugin", found);
  } else if (!passed_by.empty()) {
    out.warning("plugin", passed_by + " is in LD_LIBRARY_PATH only", why_path,
                {"NCCL_NET_PLUGIN=" + passed_by +
                 " (its own libraries, such as libfabric, must be found by its RPATH or the "
                 "loader's cache)"});
  } else if (is_needed) {
    out.problem(
        "plugin", soname + " is nowhere",
        "Slingshot and EFA are reached through aws-ofi-nccl and libfabric; without them NCCL "
        "takes TCP sockets",
        {"ask the site for its plugin, then NCCL_NET_PLUGIN=/PATH/libnccl-net.so and "
         "NCCL_NET='AWS Libfabric', which makes a missing plugin an error"});
  } else if (!named.empty()) {
    out.warning("plugin", "NCCL_NET_PLUGIN=" + named + ", and " + soname + " is nowhere",
                "NCCL goes on without it", {"unset NCCL_NET_PLUGIN, or name the file by its path"});
  } else {
    out.note("plugin", "none; NCCL's own networks are used");
  }
}

}  // namespace

Observations examine_nccl(const Machine& machine) {
  Observations out;
  const std::string version = distribution_version(machine, "nvidia_nccl");
  out.note("NCCL", version.empty() ? "none in this environment" : version + " of this environment");
  const Settings settings = nccl_settings(machine);
  for (const auto& [name, setting] : settings) {
    if (setting.origin != "environment" && name.starts_with("NCCL_")) {
      out.note(name, setting.value + " of " + setting.origin);
    }
  }
  add_interface(machine, settings, nccl_rules(version), out);
  const Fabric fabric = read_fabric(machine);
  const Network network = add_ports(fabric, settings, out);
  if (network.has_active) {
    add_rdma(machine, fabric, settings, out);
    add_direct(machine, fabric, out);
  } else if (fabric.ports.empty() && fabric.cxi.empty()) {
    out.note("RDMA", "no InfiniBand, RoCE, EFA or Slingshot device: TCP sockets between nodes");
  }
  add_plugin(machine, settings, network.needs_plugin, out);
  if (const std::string net = value_of(settings, "NCCL_NET");
      net == "Socket" && (network.has_active || network.needs_plugin)) {
    out.warning("NCCL_NET", "Socket, of " + settings.at("NCCL_NET").origin,
                "TCP sockets although there is RDMA", {"unset NCCL_NET"});
  }
  return out;
}

}  // namespace eb
