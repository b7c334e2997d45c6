#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "bundler/demand/gpu_architecture.hpp"
#include "installer/base/digest.hpp"

namespace eb {

/// What a section of GPU code holds, told from the headers of its entries; payloads are not looked
/// at.
struct GpuCode {
  std::map<GpuArchitecture, uint64_t> sass;  ///< entries with machine code
  std::map<GpuArchitecture, uint64_t> ptx;   ///< entries with PTX
  uint64_t containers = 0;                   ///< those with at least one entry of either kind
  uint64_t other_entries = 0;                ///< well-formed ones of another kind (LTO, say)
  /// Bytes that belong to nothing understood: between containers, of a container whose size cannot
  /// be, of the rest of one with a broken entry. Padding of zeros does not count.
  uint64_t skipped_bytes = 0;

  bool empty() const { return sass.empty() && ptx.empty(); }
  GpuCode& operator+=(const GpuCode& other);
  bool operator==(const GpuCode&) const = default;
};

/// Reads the content of a section `.nv_fatbin` or `__nv_relfatbin`: containers back to back on an
/// 8-byte grid (FACTS §1.7). Nothing throws: what cannot be read is skipped and counted.
GpuCode read_fatbin(Bytes section);

/// The architectures that the code as a whole was built for, ascending: those with an entry for at
/// least every second container. Single kernels are often made for more (torch 2.8.0 has 393
/// entries for each of seven architectures, four for 9.0a and one for 8.9), which lets no other
/// kernel run there. `entries` is the `sass` or `ptx` of `code`.
std::vector<GpuArchitecture> main_architectures(const GpuCode& code,
                                                const std::map<GpuArchitecture, uint64_t>& entries);

}  // namespace eb
