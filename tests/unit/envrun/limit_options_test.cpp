#include <catch2/catch.hpp>

#include "installer/base/error.hpp"
#include "runtime/envrun/limits/cpu_list.hpp"
#include "runtime/envrun/limits/gpu_request.hpp"
#include "runtime/envrun/limits/memory_size.hpp"

namespace eb {
namespace {

TEST_CASE("sizes are read as docker and Slurm read them") {
  const std::vector<std::pair<std::string, uint64_t>> kSizes = {
      {"32g", 32ull << 30},     {"32G", 32ull << 30},      {"32GiB", 32ull << 30},
      {"32gb", 32ull << 30},    {"1.5g", 3ull << 29},      {"0.25t", 1ull << 38},
      {"512m", 512ull << 20},   {"2048k", 2ull << 20},     {"1073741824", 1ull << 30},
      {"1048576b", 1ull << 20}, {"1048576tib", 1ull << 60}};
  for (const auto& [text, bytes] : kSizes) {
    INFO(text);
    CHECK(parse_memory_size("--memory", text) == bytes);
  }
}

TEST_CASE("what is no size is refused, and a forgotten unit is guessed") {
  for (const char* text : {"", "g", "-1g", "1,5g", "1.g", "1.555g", "32x", "32gg", "32bib", " 32g",
                           "1.5", "1048577t", "99999999999999999999", "0x10", "1e9", "32g "}) {
    INFO(text);
    CHECK_THROWS_AS(parse_memory_size("--memory", text), Error);
  }
  try {
    parse_memory_size("--shm-size", "8");
    FAIL("8 bytes were taken");
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::kUsage);
    CHECK(error.hints().at(0).find("--shm-size 8g") != std::string::npos);
  }
}

TEST_CASE("sizes are shown short") {
  CHECK(memory_size_text(32ull << 30) == "32 GiB");
  CHECK(memory_size_text(3ull << 29) == "1.5 GiB");
  CHECK(memory_size_text(512ull << 20) == "512 MiB");
  CHECK(memory_size_text(900) == "900 B");
}

TEST_CASE("CPU lists keep their numbers, and odd ones are refused") {
  CHECK(cpu_list_text(*parse_cpu_list("8,0-3,2")) == "0-3,8");
  CHECK(parse_cpu_list("")->empty());
  for (const char* text : {"3-1", "a", "1-", "-", "0-99999999", "1;2", "1-2-3"}) {
    INFO(text);
    CHECK_FALSE(parse_cpu_list(text).has_value());
  }
  CHECK(parse_cpu_request("5").count == 5);
  CHECK(parse_cpu_request("5,").cpus == CpuList{5});
  for (const char* text : {"0", "1.5", "", "all", ",", "0-"}) {
    INFO(text);
    CHECK_THROWS_AS(parse_cpu_request(text), Error);
  }
}

TEST_CASE("the option --gpus takes all, a number, and devices") {
  CHECK(parse_gpu_request("all").kind == GpuRequest::Kind::kAll);
  CHECK(parse_gpu_request("device=all").kind == GpuRequest::Kind::kAll);
  CHECK(parse_gpu_request("3").count == 3);
  CHECK(parse_gpu_request("none").kind == GpuRequest::Kind::kCount);
  CHECK(parse_gpu_request("none").count == 0);
  using Devices = std::vector<std::string>;
  CHECK(parse_gpu_request("device=0,1,0").devices == Devices{"0", "1"});
  CHECK(parse_gpu_request("\"device=0,01\"").devices == Devices{"0", "1"});
  CHECK(parse_gpu_request("GPU-5f,MIG-ab-12").devices == Devices{"GPU-5f", "MIG-ab-12"});
  CHECK(parse_gpu_request("device=MIG-GPU-5f/1/0").devices == Devices{"MIG-GPU-5f/1/0"});
  for (const char* text : {"", "0,1", "device=", "device=0,", "GPU-", "gpu-5f", "-1", "1.0",
                           "GPU-5f;rm", "device=256", "2 ", "two"}) {
    INFO(text);
    CHECK_THROWS_AS(parse_gpu_request(text), Error);
  }
}

}  // namespace
}  // namespace eb
