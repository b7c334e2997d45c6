#include "runtime/metrics/visible_gpus.hpp"

#include <catch2/catch.hpp>

namespace eb::metrics {
namespace {

const std::vector<GpuName> kGpus = {
    {"GPU-aa11", {}}, {"GPU-ab22", {"MIG-1", "MIG-2", "MIG-30"}}, {"GPU-cc33", {}}};

/// "0 1:MIG-1,MIG-2" of what a value chooses.
std::string chosen(const char* value) {
  std::string out;
  for (const ChosenGpu& gpu : choose_gpus(parse_gpu_choice(value), kGpus)) {
    out += (out.empty() ? "" : " ") + std::to_string(gpu.index);
    for (size_t i = 0; i < gpu.mig_uuids.size(); ++i)
      out += (i == 0 ? ":" : ",") + gpu.mig_uuids[i];
  }
  return out;
}

TEST_CASE("no variable and \"all\" mean all GPUs, words for none mean none") {
  CHECK(chosen(nullptr) == "0 1 2");
  CHECK(chosen("all") == "0 1 2");
  for (const char* const none : {"", " ", "-1", "none", "NoDevFiles", ","})
    CHECK(chosen(none).empty());
}

TEST_CASE("a list names GPUs by index or UUID, in NVML's order, each once") {
  CHECK(chosen("2,0") == "0 2");
  CHECK(chosen(" 1 , 1") == "1");
  CHECK(chosen("GPU-aa11,GPU-cc") == "0 2");
}

TEST_CASE("the first entry that names no GPU ends the list, as in CUDA") {
  CHECK(chosen("0,7,2") == "0");
  CHECK(chosen("0,-1,2") == "0");
  CHECK(chosen("0,,2") == "0");
  CHECK(chosen("0,1x,2") == "0");
  CHECK(chosen("2,99999999999999999999,0") == "2");
}

TEST_CASE("the beginning of two UUIDs names none") {
  CHECK(chosen("GPU-a").empty());
  CHECK(chosen("GPU-ab") == "1");
  CHECK(chosen("MIG-").empty());
}

TEST_CASE("MIG devices are chosen one by one, unless their GPU is") {
  CHECK(chosen("MIG-2,MIG-1") == "1:MIG-2,MIG-1");
  CHECK(chosen("MIG-3") == "1:MIG-30");
  CHECK(chosen("MIG-1,GPU-ab22,MIG-2") == "1");
}

TEST_CASE("a GPU that does not answer has no UUID and is no match for one") {
  const std::vector<GpuName> gpus = {{"", {}}, {"GPU-b", {}}};
  CHECK(choose_gpus(parse_gpu_choice("GPU-b"), gpus).at(0).index == 1);
  CHECK(choose_gpus(parse_gpu_choice("0"), gpus).at(0).index == 0);
}

}  // namespace
}  // namespace eb::metrics
