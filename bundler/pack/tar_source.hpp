#pragma once

#include <span>
#include <vector>

#include "bundler/pack/pack.hpp"
#include "installer/base/file.hpp"

namespace eb {

/// The tar stream of a plan, readable at any place by any number of threads at once: headers are
/// computed, content is read from the tree's folder. Keeps references to `tree` and `plan`.
class TarSource {
 public:
  TarSource(const Tree& tree, const PackPlan& plan);

  uint64_t size_bytes() const { return size_; }
  /// Fills `out` with the stream's bytes from `offset` on; throws Error (kIo when a file is not as
  /// long as the tree says).
  void read(uint64_t offset, std::span<std::byte> out) const;

 private:
  void read_item(const Entry& entry, uint64_t inside, std::span<std::byte> out) const;

  const Tree& tree_;
  const PackPlan& plan_;
  uint64_t epoch_ = 0;
  Fd root_;
  std::vector<uint64_t> starts_;  ///< of each stream item, and of the end blocks
  uint64_t size_ = 0;
};

}  // namespace eb
