#pragma once

#include <vector>

#include "bundler/fetch/transfer.hpp"
#include "installer/base/error.hpp"

namespace eb {

/// One file that could not be obtained, and what each of its places answered, in order.
struct FetchFailure {
  std::string label;
  std::vector<PlaceAnswer> answers;
};

/// The Error of a fetch: for one file what, where and why are about it; for several, each has a
/// line. `failures` is not empty; `file_count` is the number of files asked for.
Error describe_failures(const std::vector<FetchFailure>& failures, size_t file_count);

}  // namespace eb
