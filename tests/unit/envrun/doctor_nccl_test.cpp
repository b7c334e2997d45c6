#include <catch2/catch.hpp>

#include "fake_machine.hpp"
#include "runtime/envrun/doctor/nccl_rules.hpp"

namespace eb {
namespace {

using namespace test;
using Catch::Matchers::Contains;

constexpr NcclRules kOld = {.virtual_bridges_last = false, .running_only = false};
constexpr NcclRules kNew = {.virtual_bridges_last = true, .running_only = true};

std::vector<std::string> names(const NcclChoice& choice) {
  std::vector<std::string> out;
  for (const InterfaceAddress& each : choice.interfaces) out.push_back(each.name);
  return out;
}

using Names = std::vector<std::string>;

TEST_CASE("NCCL's lists: beginnings, exact names, what is left out, ports") {
  CHECK(nccl_list_matches("", "eth0"));
  CHECK(nccl_list_matches("eth", "eth0"));
  CHECK(nccl_list_matches("ib,eth", "eth0"));
  CHECK(!nccl_list_matches("=eth", "eth0"));
  CHECK(nccl_list_matches("=ib0,eth0", "eth0"));
  CHECK(!nccl_list_matches("^eth", "eth0"));
  CHECK(nccl_list_matches("^=eth", "eth0"));
  CHECK(!nccl_list_matches("^", "eth0"));
  CHECK(nccl_list_matches("mlx5_1", "mlx5_10"));
  CHECK(!nccl_list_matches("=mlx5_1:1", "mlx5_10"));
  CHECK(nccl_list_matches("=mlx5_1:1", "mlx5_1"));
}

TEST_CASE("without a setting: ib first, then all but docker and lo, then those") {
  FakeMachine fake;
  auto& addresses = *fake.machine.facts.addresses;
  fake.address("lo", {127, 0, 0, 1}, 8);
  CHECK(names(nccl_interfaces({}, addresses, kNew)) == Names{"lo"});
  fake.address("docker0", {172, 17, 0, 1}, 16);
  CHECK(names(nccl_interfaces({}, addresses, kNew)) == Names{"docker0"});
  fake.address("virbr0", {192, 168, 122, 1});
  CHECK(names(nccl_interfaces({}, addresses, kOld)) == Names{"virbr0"});
  CHECK(names(nccl_interfaces({}, addresses, kNew)) == Names{"docker0"});
  fake.address("eth1", {10, 1, 0, 1}, 24, false);
  fake.address("eth0", {10, 0, 0, 1});
  fake.address("eth0", {10, 0, 0, 9});
  CHECK(names(nccl_interfaces({}, addresses, kOld)) == Names{"virbr0", "eth1", "eth0"});
  CHECK(names(nccl_interfaces({}, addresses, kNew)) == Names{"eth0"});
  CHECK(nccl_interfaces({}, addresses, kNew).interfaces[0].text == "10.0.0.1");
  fake.address("ib0", {10, 9, 0, 1});
  CHECK(names(nccl_interfaces({}, addresses, kNew)) == Names{"ib0"});
}

TEST_CASE("a setting finds or fails; one letter counts as none") {
  FakeMachine fake;
  auto& addresses = *fake.machine.facts.addresses;
  fake.address("lo", {127, 0, 0, 1}, 8);
  fake.address("eth0", {10, 0, 0, 1});
  fake.address("eno1", {10, 1, 0, 1});
  const auto with = [&](const char* name, const char* value) {
    return names(nccl_interfaces({{name, {value, "environment"}}}, addresses, kNew));
  };
  CHECK(with("NCCL_SOCKET_IFNAME", "=eno1") == Names{"eno1"});
  CHECK(with("NCCL_SOCKET_IFNAME", "e") == Names{"eth0", "eno1"});
  CHECK(with("NCCL_SOCKET_IFNAME", "ens").empty());
  CHECK(with("NCCL_SOCKET_FAMILY", "AF_INET6").empty());
  const auto meeting = [&](const char* id) {
    return nccl_interfaces({{"NCCL_COMM_ID", {id, "environment"}}}, addresses, kNew).meeting;
  };
  CHECK(meeting("10.1.0.200:1234")->name == "eno1");
  CHECK(!meeting("10.77.0.200:1234"));
  CHECK(with("NCCL_COMM_ID", "10.1.0.200:1234") == Names{"eth0", "eno1"});
}

TEST_CASE("settings: the environment, then one file of the user, then /etc/nccl.conf") {
  FakeMachine fake;
  fake.write("/etc/passwd", "x:x:99999:1::/elsewhere:/bin/sh\nme:x:" + std::to_string(getuid()) +
                                ":0:,,:/home/me:/bin/sh\n");
  fake.write("/home/me/.nccl.conf", "NCCL_DEBUG=INFO\n# NCCL_ALGO=Ring\n NCCL_NET=x\nNCCL_PROTO\n");
  fake.write("/home/ada/.nccl.conf", "NCCL_DEBUG=TRACE\n");
  fake.write("/etc/nccl.conf", "NCCL_DEBUG=WARN\nNCCL_SOCKET_IFNAME==ib0\n");
  fake.machine.variables.set("NCCL_IB_HCA", "mlx5");
  auto settings = nccl_settings(fake.machine);
  CHECK(settings["NCCL_DEBUG"].value == "INFO");
  CHECK(settings["NCCL_DEBUG"].origin == "/home/me/.nccl.conf");
  CHECK(settings["NCCL_SOCKET_IFNAME"].value == "=ib0");
  CHECK(settings["NCCL_IB_HCA"].origin == "environment");
  CHECK(!settings.contains("NCCL_ALGO"));
  CHECK(!settings.contains("NCCL_NET"));
  // A file that is named stands for the one in the home, also when it is not there.
  fake.machine.variables.set("NCCL_CONF_FILE", "/nowhere");
  CHECK(nccl_settings(fake.machine)["NCCL_DEBUG"].value == "WARN");
  fake.machine.variables.set("NCCL_DEBUG", "VERSION");
  CHECK(nccl_settings(fake.machine)["NCCL_DEBUG"].value == "VERSION");
}

TEST_CASE("which rules a release's NCCL has is told by its version") {
  CHECK(!nccl_rules("2.27.3").running_only);
  CHECK(nccl_rules("2.28.3").running_only);
  CHECK(nccl_rules("").virtual_bridges_last);
  FakeMachine fake;
  fake.folder(
      "/opt/dl/releases/r-1/lib/python3.11/site-packages/nvidia_nccl_cu12-2.27.3.dist-info");
  fake.address("virbr0", {192, 168, 122, 1});
  fake.address("eth0", {10, 0, 0, 1});
  const Observation finding = found(examine_nccl(fake.machine), "interface");
  CHECK(finding.health == Health::kWarning);
  CHECK_THAT(finding.text, Contains("virbr0 192.168.122.1"));
}

void add_port(FakeMachine& fake, const std::string& device, const std::string& state,
              const std::string& driver = "mlx5_core") {
  const std::string folder = "/sys/class/infiniband/" + device;
  fake.write(folder + "/ports/1/state", state + "\n");
  fake.write(folder + "/ports/1/rate", "200 Gb/sec (4X HDR)\n");
  fake.write(folder + "/ports/1/link_layer", "InfiniBand\n");
  fake.folder("/sys/bus/pci/drivers/" + driver);
  fake.folder(folder + "/device");
  std::filesystem::create_symlink("/sys/bus/pci/drivers/" + driver,
                                  fake.machine.root + folder + "/device/driver");
}

TEST_CASE("sockets although there is InfiniBand: each reason has its own words") {
  FakeMachine fake;
  fake.address("ib0", {10, 9, 0, 1});
  add_port(fake, "mlx5_0", "4: ACTIVE");
  Observations findings = examine_nccl(fake.machine);
  CHECK(found(findings, "mlx5_0:1").text == "InfiniBand, ACTIVE, 200 Gb/sec (4X HDR)");
  CHECK(found(findings, "libibverbs").health == Health::kWarning);
  CHECK_THAT(found(findings, "libibverbs").cause, Contains("NET/Socket"));

  fake.write("/usr/lib64/libibverbs.so.1", "");
  CHECK(found(examine_nccl(fake.machine), "libibverbs").health == Health::kOk);
  fake.machine.variables.set("NCCL_IB_DISABLE", "1");
  CHECK(found(examine_nccl(fake.machine), "InfiniBand").health == Health::kWarning);
  fake.machine.variables.unset("NCCL_IB_DISABLE");
  fake.machine.variables.set("NCCL_IB_HCA", "=mlx5_7");
  CHECK(found(examine_nccl(fake.machine), "NCCL_IB_HCA").health == Health::kProblem);
}

TEST_CASE("locked memory is a problem exactly where there is an RDMA device") {
  FakeMachine fake;
  fake.machine.facts.limits["memlock"] = {8u << 20, kUnlimited};
  CHECK(found(examine_limits(fake.machine), "locked memory").health == Health::kNote);
  add_port(fake, "mlx5_0", "1: DOWN");
  const Observation finding = found(examine_limits(fake.machine), "locked memory");
  CHECK(finding.health == Health::kProblem);
  CHECK(finding.text == "8 MiB (may be raised to unlimited)");
  CHECK_THAT(finding.next.at(0), Contains("ulimit -l unlimited"));
  fake.machine.facts.limits["memlock"] = {kUnlimited, kUnlimited};
  CHECK(found(examine_limits(fake.machine), "locked memory").health == Health::kOk);
}

TEST_CASE("EFA and Slingshot need a plugin, and LD_LIBRARY_PATH does not lead to it") {
  FakeMachine fake;
  fake.address("eth0", {10, 0, 0, 1});
  add_port(fake, "efa_0", "4: ACTIVE", "efa");
  CHECK(found(examine_nccl(fake.machine), "plugin").health == Health::kProblem);
  fake.write("/opt/aws/lib/libnccl-net.so", "");
  fake.machine.variables.set("LD_LIBRARY_PATH", "/opt/none:/opt/aws/lib");
  Observation finding = found(examine_nccl(fake.machine), "plugin");
  CHECK(finding.health == Health::kWarning);
  CHECK_THAT(finding.next.at(0), Contains("NCCL_NET_PLUGIN=/opt/aws/lib/libnccl-net.so"));
  fake.machine.variables.set("NCCL_NET_PLUGIN", "/opt/aws/lib/libnccl-net.so");
  CHECK(found(examine_nccl(fake.machine), "plugin").health == Health::kOk);
}

}  // namespace
}  // namespace eb
