#include "bundler/demand/fatbin.hpp"

#include <memory>

#include "tests/fuzz/fuzz_target.hpp"

namespace {

using namespace eb;

uint64_t check_entries(const GpuCode& code, const std::map<GpuArchitecture, uint64_t>& entries) {
  uint64_t total = 0;
  for (const auto& [architecture, count] : entries) {
    fuzz::require(architecture.number >= GpuArchitecture::kMinNumber &&
                      architecture.number <= GpuArchitecture::kMaxNumber,
                  "architectures are in their range");
    fuzz::require(count > 0, "an architecture that is named occurs");
    total += count;
  }
  for (const GpuArchitecture& architecture : main_architectures(code, entries)) {
    fuzz::require(entries.contains(architecture), "a main architecture is one of all");
  }
  return total;
}

}  // namespace

// A section of GPU code: what is counted fits into the bytes that were there.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // A block of just that size: one byte too many is seen.
  const auto copy = std::make_unique<std::byte[]>(size);
  for (size_t i = 0; i < size; ++i) copy[i] = std::byte{data[i]};
  const GpuCode code = read_fatbin(Bytes(copy.get(), size));
  const uint64_t entries = check_entries(code, code.sass) + check_entries(code, code.ptx);
  fuzz::require(code.containers <= entries, "a container counts for its code");
  fuzz::require(
      code.containers * 16 + (entries + code.other_entries) * 64 + code.skipped_bytes <= size,
      "headers and skipped bytes share no byte");
  fuzz::require(code.empty() == (entries == 0), "no entry, no code");
  return 0;
}
