#include "runtime/metrics/gpu_reader.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <chrono>
#include <cstdlib>
#include <optional>
#include <thread>

#include "runtime/metrics/gpu_families.hpp"
#include "runtime/metrics/gpu_page.hpp"

// NVML is the fake library of tests/metrics.
namespace eb::metrics {
namespace {

struct Machine {
  explicit Machine(const char* fake) { setenv("FAKE_CUDA", fake, 1); }
  ~Machine() { unsetenv("FAKE_CUDA"); }
};

std::optional<double> reading(const std::vector<Reading>& readings, const Family& family) {
  const auto found = std::ranges::find(readings, &family, &Reading::family);
  return found == readings.end() ? std::nullopt : std::optional<double>(found->value);
}

std::string page_of(GpuSample sample) {
  PageFacts facts;
  facts.host = "h";
  PageSources sources;
  sources.gpus.sample = std::make_shared<const GpuSample>(std::move(sample));
  Exposition page;
  add_gpus(page, facts, sources);
  return page.text();
}

TEST_CASE("GPUs are read in DCGM's units; ratios need two samples") {
  const Machine machine("devices=2");
  GpuReader reader({}, EB_FAKE_NVML);
  GpuSample sample = reader.sample();
  REQUIRE(sample.problem.empty());
  CHECK(sample.driver_version == "570.86.15");
  REQUIRE(sample.gpus.size() == 2);
  CHECK(sample.gpus[1].pci_bus_id == "00000000:3C:00.0");
  CHECK(reading(sample.gpus[1].readings, families::kPowerUsage) == Approx(123.456));
  CHECK(reading(sample.gpus[1].readings, families::kFbFree) == 77 * 1024);
  CHECK(reading(sample.gpus[1].readings, families::kNvlinkReceived) == 1024000);
  CHECK_FALSE(reading(sample.gpus[1].readings, families::kTensorActive));
  sample = reader.sample();
  CHECK(reading(sample.gpus[1].readings, families::kTensorActive) == 0.625);
}

TEST_CASE("an old driver gives memory without what it reserves, and what it lacks is absent") {
  const Machine machine("devices=1,nvmlDeviceGetMemoryInfo_v2=3,nvmlDeviceGetFieldValues=3");
  GpuReader reader({}, EB_FAKE_NVML);
  const GpuSample sample = reader.sample();
  CHECK(reading(sample.gpus.at(0).readings, families::kFbUsed) == 20 * 1024);
  CHECK_FALSE(reading(sample.gpus.at(0).readings, families::kFbReserved));
  CHECK_FALSE(reading(sample.gpus.at(0).readings, families::kMemoryTemperature));
}

TEST_CASE("a GPU that is lost keeps its name and has no figures; the other goes on") {
  std::optional<Machine> machine("devices=2");
  GpuReader reader({}, EB_FAKE_NVML);
  reader.sample();
  machine.emplace("devices=2,lost=0");
  const GpuSample sample = reader.sample();
  REQUIRE(sample.gpus.size() == 2);
  CHECK(sample.gpus[0].problem == "gpu_is_lost");
  CHECK(sample.gpus[0].uuid.starts_with("GPU-00"));
  CHECK(sample.gpus[0].readings.empty());
  CHECK(sample.gpus[1].problem.empty());
  const std::string page = page_of(sample);
  CHECK(page.find("envbundle_gpu_up{gpu=\"0\",UUID=\"GPU-00000000") != std::string::npos);
  CHECK(page.find("DCGM_FI_DEV_GPU_TEMP{gpu=\"0\"") == std::string::npos);
  CHECK(page.find("DCGM_FI_DEV_GPU_TEMP{gpu=\"1\"") != std::string::npos);
}

TEST_CASE("a GPU that is lost while it is read shows no half of its figures") {
  const Machine machine("devices=1,reset=0");
  GpuReader reader({}, EB_FAKE_NVML);
  const GpuSample sample = reader.sample();
  CHECK(sample.gpus.at(0).problem == "reset_required");
  CHECK(std::ranges::all_of(sample.gpus.at(0).readings,
                            [](const Reading& each) { return each.family == &families::kXid; }));
}

TEST_CASE("of MIG devices only the chosen are shown") {
  const Machine machine("devices=2,mig=1");
  GpuReader all({}, EB_FAKE_NVML);
  CHECK(all.sample().gpus.at(1).instances.size() == 2);
  GpuReader one(parse_gpu_choice("MIG-12"), EB_FAKE_NVML);
  const GpuSample sample = one.sample();
  REQUIRE(sample.gpus.size() == 1);
  CHECK(sample.gpus[0].index == 1);
  REQUIRE(sample.gpus[0].instances.size() == 1);
  CHECK(sample.gpus[0].instances[0].profile == "1g.10gb");
  CHECK(reading(sample.gpus[0].instances[0].readings, families::kFbTotal) == 10 * 1024);
  CHECK_FALSE(reading(sample.gpus[0].readings, families::kGpuUtil));
}

TEST_CASE("NVML that does not start, is missing or too old is a reason, not an error") {
  {
    const Machine machine("nvmlInit_v2=9");
    GpuReader reader({}, EB_FAKE_NVML);
    CHECK(reader.sample().problem == "driver_not_loaded");
    CHECK(reader.sample().gpus.empty());
  }
  GpuReader missing({}, "libnothing-of-ours.so.1");
  CHECK(missing.sample().problem == "library_not_found");
  GpuReader other({}, "libm.so.6");
  CHECK(other.sample().problem == "library_too_old");
}

TEST_CASE("a driver that fails later takes all figures with it, and says so") {
  std::optional<Machine> machine("devices=2");
  GpuReader reader({}, EB_FAKE_NVML);
  CHECK(reader.sample().gpus.size() == 2);
  machine.emplace("devices=2,nvmlDeviceGetCount_v2=999");
  const GpuSample sample = reader.sample();
  CHECK(sample.problem == "unknown");
  CHECK(page_of(sample).find("DCGM") == std::string::npos);
}

TEST_CASE("every process that the driver names is read, without memory where it does not say") {
  const Machine machine("devices=2,pid=77");
  GpuReader reader({}, EB_FAKE_NVML);
  const GpuSample sample = reader.sample();
  REQUIRE(sample.gpus.at(0).processes.size() == 2);
  CHECK(sample.gpus[0].processes[0].pid == 77);
  CHECK(sample.gpus[0].processes[0].memory_bytes == 2ULL << 30U);
  CHECK_FALSE(sample.gpus[0].processes[1].memory_bytes);
  CHECK(sample.gpus[1].processes.empty());
}

}  // namespace
}  // namespace eb::metrics
