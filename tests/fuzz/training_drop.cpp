#include "runtime/metrics/exposition.hpp"
#include "runtime/metrics/training_drops.hpp"
#include "tests/fuzz/fuzz_target.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace eb;
  using namespace eb::metrics;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto drop = parse_drop(text);
  if (!drop) return 0;
  fuzz::require(!drop->run.empty() && drop->run.size() <= kMaxDropNameBytes,
                "a run's name has a bound");
  fuzz::require(drop->values.size() <= kMaxDropValues, "values have a bound");
  static constexpr Family kFamily{"x", FamilyType::kGauge, "X."};
  Exposition page;
  for (const auto& [name, value] : drop->values) {
    fuzz::require(!name.empty() && name.size() <= kMaxDropNameBytes, "a value's name has a bound");
    page.add(kFamily, {{"run", drop->run}, {"metric", name}}, value);
  }
  const std::string shown = page.text();
  size_t lines = 0;
  for (size_t i = 0; i < shown.size(); ++i) {
    if (shown[i] == '\n') ++lines;
    fuzz::require(shown[i] == '\n' || static_cast<unsigned char>(shown[i]) >= 0x20,
                  "a page can be shown");
  }
  fuzz::require(lines <= drop->values.size() + 2, "a sample is one line");
  return 0;
}
