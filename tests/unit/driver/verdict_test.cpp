#include "installer/driver/verdict.hpp"

#include <catch2/catch.hpp>
#include <set>

#include "golden.hpp"
#include "installer/base/version.hpp"
#include "installer/driver/driver_rules.hpp"

namespace eb {
namespace {

using namespace test;

/// A machine with one A100 to which everything is open.
DriverProbe machine_with(const std::string& driver, const char* capability = "8.0",
                         const char* name = "NVIDIA A100-SXM4-80GB") {
  DriverProbe probe;
  probe.module = {.is_loaded = true,
                  .version = driver,
                  .source = "/sys/module/nvidia/version",
                  .flavour = ModuleFlavour::kOpen};
  const auto node = [](const char* path, unsigned major, unsigned minor) {
    DeviceNode out;
    out.path = path;
    out.exists = true;
    out.is_device = true;
    out.mode = 0666;
    out.major_number = major;
    out.minor_number = minor;
    return out;
  };
  probe.nodes.control = node("/dev/nvidiactl", 195, 255);
  probe.nodes.uvm = node("/dev/nvidia-uvm", 235, 0);
  probe.nodes.uvm_major = 235;
  Gpu gpu;
  gpu.pci = "0000:01:00.0";
  gpu.name = name;
  gpu.is_served = true;
  gpu.bound_driver = "nvidia";
  gpu.minor_number = 0;
  gpu.node = node("/dev/nvidia0", 195, 0);
  gpu.capability = Capability::parse(capability);
  probe.gpus.push_back(gpu);
  HostLibcuda library;
  library.path = library.real_path = "/usr/lib64/libcuda.so." + driver;
  library.version = driver;
  probe.libcuda.push_back(library);
  probe.glibc_minor = 36;
  return probe;
}

GpuDemand demand_of_cuda(const std::string& cuda) {
  GpuDemand demand;
  demand.cuda = cuda;
  return demand;
}

/// CUDA minor versions of the table, in its order.
std::vector<std::string> cuda_minors() {
  std::vector<std::string> out;
  for (const ToolkitRule& rule : rule_tables().toolkits) {
    const std::string text = rule.cuda;
    const std::string minor = text.substr(0, text.rfind('.'));
    if (out.empty() || out.back() != minor) out.push_back(minor);
  }
  return out;
}

/// One real driver of each branch: the newest that came with a toolkit, or one from a capture.
std::string driver_of_branch(int branch) {
  std::string out = branch == 565 ? "565.57.01" : branch == 615 ? "615.71.09" : "";
  for (const ToolkitRule& rule : rule_tables().toolkits) {
    if (major_of(rule.driver) == branch) out = rule.driver;
  }
  return out;
}

TEST_CASE("every CUDA minor version with every driver branch") {
  std::string text = "o = ok, l = limited, . = too old; rows: driver, columns: CUDA\n";
  text += std::string(12, ' ');
  for (const std::string& cuda : cuda_minors()) text += " " + cuda;
  text += "\n";
  for (const BranchRule& branch : rule_tables().branches) {
    const std::string driver = driver_of_branch(branch.branch);
    REQUIRE(is_driver_version(driver));
    std::string line = driver;
    line.resize(12, ' ');
    for (const std::string& cuda : cuda_minors()) {
      const Verdict verdict = judge(demand_of_cuda(cuda), machine_with(driver));
      const char* mark = verdict.kind == VerdictKind::kOk        ? "o"
                         : verdict.kind == VerdictKind::kLimited ? "l"
                         : verdict.kind == VerdictKind::kTooOld  ? "."
                                                                 : "?";
      line += "    " + std::string(mark);
      INFO(driver << " with CUDA " << cuda << ": " << verdict.summary);
      CHECK(verdict.is_testable);
      CHECK(verdict.summary.find(driver) != std::string::npos);
      // By the rules themselves, said a second way: never below the floor of the major version,
      // without limits from the branch's own CUDA on.
      const int cuda_major = major_of(cuda);
      const char* floor = cuda == "11.0"     ? "450.36.06"
                          : cuda_major == 11 ? "450.80.02"
                          : cuda_major == 12 ? "525.60.13"
                                             : "580";
      const bool below = *DottedVersion::parse(driver) < *DottedVersion::parse(floor);
      const bool whole = *DottedVersion::parse(branch.cuda) >= *DottedVersion::parse(cuda);
      CHECK(*mark == (below ? '.' : whole ? 'o' : 'l'));
      if (below) {
        CHECK(verdict.required_driver == floor);
        CHECK(verdict.summary.find(floor) != std::string::npos);
        CHECK(!verdict.remedies.empty());
        CHECK(!verdict_warning(verdict).empty());
      }
      if (*mark == 'l') {
        CHECK(verdict.notes.at(0).find("222") != std::string::npos);
        CHECK(verdict.notes.at(0).find(branch.cuda) != std::string::npos);
        CHECK(verdict_warning(verdict).empty());
      }
    }
    text += line + "\n";
  }
  const std::string difference = compare_golden(EB_TEST_DATA "/cuda_by_driver.expected", text);
  INFO(difference);
  CHECK(difference.empty());
}

TEST_CASE("every known toolkit runs without limits on the driver that came with it") {
  for (const ToolkitRule& rule : rule_tables().toolkits) {
    GpuDemand demand = demand_of_cuda(rule.cuda);
    demand.min_driver = rule.floor;
    demand.recommended_driver = rule.driver;
    INFO(rule.cuda);
    CHECK(judge(demand, machine_with(rule.driver)).kind == VerdictKind::kOk);
    // And runs at all on the oldest driver that is allowed.
    const std::string floor =
        std::string(rule.floor) == "580" ? std::string("580.0.0") : std::string(rule.floor);
    const VerdictKind kind = judge(demand, machine_with(floor)).kind;
    CHECK((kind == VerdictKind::kOk || kind == VerdictKind::kLimited));
  }
}

TEST_CASE("a driver one step below the floor is too old, whatever its numbers look like") {
  GpuDemand demand = demand_of_cuda("12.8");
  demand.min_driver = "525.60.13";
  for (const char* old : {"525.60.12", "525.60.2", "525.60", "524.99.99", "100.1", "525.6.99"}) {
    INFO(old);
    CHECK(judge(demand, machine_with(old)).kind == VerdictKind::kTooOld);
  }
  for (const char* enough : {"525.60.13", "525.60.14", "525.61", "525.105.17", "1000.1"}) {
    INFO(enough);
    CHECK(judge(demand, machine_with(enough)).kind != VerdictKind::kTooOld);
  }
}

TEST_CASE("versions that no table knows") {
  // Driver newer than the table.
  CHECK(judge(demand_of_cuda("13.3"), machine_with("999.10.01")).kind == VerdictKind::kOk);
  // Toolkit newer than the table, known major version: its floor; limited where the driver's CUDA
  // is known to be older.
  CHECK(judge(demand_of_cuda("13.9"), machine_with("570.124.06")).kind == VerdictKind::kTooOld);
  CHECK(judge(demand_of_cuda("13.9"), machine_with("595.58.03")).kind == VerdictKind::kLimited);
  CHECK(judge(demand_of_cuda("13.9"), machine_with("999.10.01")).kind == VerdictKind::kOk);
  // Unknown major version.
  for (const char* cuda : {"14.0", "10.2", "99.9"}) {
    const Verdict verdict = judge(demand_of_cuda(cuda), machine_with("580.95.05"));
    INFO(cuda);
    CHECK(verdict.kind == VerdictKind::kCannotTell);
    CHECK(verdict.reason == "cuda-unknown");
    CHECK(!verdict.remedies.empty());
  }
  // The bundle's own statement goes first.
  GpuDemand demand = demand_of_cuda("14.0");
  demand.min_driver = "640.10";
  CHECK(judge(demand, machine_with("650.10.01")).kind == VerdictKind::kOk);
  CHECK(judge(demand, machine_with("630.10.01")).kind == VerdictKind::kTooOld);
  // A bundle that says nothing but a driver.
  GpuDemand plain;
  plain.min_driver = "525.60.13";
  CHECK(judge(plain, machine_with("550.54.15")).kind == VerdictKind::kOk);
  CHECK(judge(plain, machine_with("470.82.01")).kind == VerdictKind::kTooOld);
}

VerdictKind kind_for(const char* sass, const char* ptx, const char* gpu,
                     const char* driver = "580.95.05") {
  GpuDemand demand = demand_of_cuda("12.8");
  demand.sass = *parse_capabilities(sass);
  demand.ptx = *parse_capabilities(ptx);
  return judge(demand, machine_with(driver, gpu)).kind;
}

TEST_CASE("GPUs inside and outside the list of capabilities") {
  constexpr const char* kTorch = "7.0 7.5 8.0 8.6 9.0 10.0 12.0";
  for (const char* gpu :
       {"7.0", "7.2", "7.5", "8.0", "8.6", "8.7", "8.9", "9.0", "10.0", "10.3", "12.0", "12.1"}) {
    INFO(gpu);
    CHECK(kind_for(kTorch, "", gpu) == VerdictKind::kOk);
  }
  for (const char* gpu : {"3.5", "5.2", "6.0", "6.1", "11.0", "13.0"}) {
    INFO(gpu);
    CHECK(kind_for(kTorch, "", gpu) == VerdictKind::kGpuNotSupported);
  }
  // PTX serves newer GPUs, never older ones.
  CHECK(kind_for(kTorch, "12.0", "13.0") == VerdictKind::kOk);
  CHECK(kind_for(kTorch, "12.0", "6.1") == VerdictKind::kGpuNotSupported);
  // Nothing told: nothing is refused.
  CHECK(kind_for("", "", "3.5") == VerdictKind::kOk);
  // Suffixes are for one GPU alone.
  CHECK(kind_for("9.0a", "", "9.0") == VerdictKind::kOk);
  CHECK(kind_for("10.0a", "", "10.3") == VerdictKind::kGpuNotSupported);
  CHECK(kind_for("10.0f", "", "10.3") == VerdictKind::kGpuNotSupported);
  // PTX alone, on a driver whose CUDA is older than the toolkit's.
  CHECK(kind_for("8.0", "9.0", "9.0", "550.54.15") == VerdictKind::kTooOld);
  CHECK(kind_for("8.0", "9.0", "9.0", "570.124.06") == VerdictKind::kOk);
}

TEST_CASE("forward compatibility stands in where the rules allow it") {
  GpuDemand demand = demand_of_cuda("12.8");
  demand.min_driver = "525.60.13";
  demand.recommended_driver = "570.124.06";
  demand.cuda_compat = "570.124.06";
  const Verdict helped = judge(demand, machine_with("470.82.01"));
  CHECK(helped.kind == VerdictKind::kLimited);
  CHECK(helped.reason == "compat");
  CHECK(judge(demand, machine_with("535.129.03")).reason == "compat");
  // 460 is not in the library's list, and a GeForce refuses.
  CHECK(judge(demand, machine_with("460.32.03")).kind == VerdictKind::kTooOld);
  CHECK(judge(demand, machine_with("470.82.01", "8.6", "NVIDIA GeForce RTX 3090")).kind ==
        VerdictKind::kTooOld);
  CHECK(judge(demand, machine_with("535.129.03", "8.6", "NVIDIA GeForce RTX 3090")).reason ==
        "minor-version");
  // Not needed: the driver has it all.
  CHECK(judge(demand, machine_with("580.95.05")).kind == VerdictKind::kOk);
}

TEST_CASE("mixed GPUs: one that fits is enough, and the others are named") {
  GpuDemand demand = demand_of_cuda("12.8");
  demand.sass = *parse_capabilities("8.0 8.6");
  DriverProbe probe = machine_with("580.95.05");
  Gpu old = probe.gpus.front();
  old.name = "Tesla P100-PCIE-16GB";
  old.capability = Capability::parse("6.0");
  old.pci = "0000:02:00.0";
  probe.gpus.push_back(old);
  const Verdict verdict = judge(demand, probe);
  CHECK(verdict.kind == VerdictKind::kOk);
  REQUIRE(!verdict.notes.empty());
  CHECK(verdict.notes.front().find("Tesla P100-PCIE-16GB (6.0)") != std::string::npos);
  // The environment decides which of them count.
  probe.gpus[0].uuid = "GPU-aaaa";
  probe.gpus[1].uuid = "GPU-bbbb";
  probe.around.visible = parse_visible_devices("GPU-bbbb");
  CHECK(judge(demand, probe).kind == VerdictKind::kGpuNotSupported);
  probe.around.visible = parse_visible_devices("GPU-aa");
  CHECK(judge(demand, probe).kind == VerdictKind::kOk);
  // A GPU whose capability nobody knows is not refused.
  probe.around.visible = {};
  probe.gpus.erase(probe.gpus.begin());
  probe.gpus[0].capability.reset();
  CHECK(judge(demand, probe).kind == VerdictKind::kOk);
}

TEST_CASE("the same question has the same answer, and kinds have names of their own") {
  const GpuDemand demand = demand_of_cuda("12.8");
  const DriverProbe probe = machine_with("535.129.03");
  CHECK(judge(demand, probe).summary == judge(demand, probe).summary);
  std::set<std::string> names;
  for (const VerdictKind kind :
       {VerdictKind::kNotNeeded, VerdictKind::kOk, VerdictKind::kLimited, VerdictKind::kTooOld,
        VerdictKind::kNoDriver, VerdictKind::kGpuNotSupported, VerdictKind::kCannotTell}) {
    CHECK(names.insert(verdict_name(kind)).second);
  }
}

}  // namespace
}  // namespace eb
