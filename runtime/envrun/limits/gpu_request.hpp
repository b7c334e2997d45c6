#pragma once

#include <string>
#include <vector>

namespace eb {

/// What --gpus asks for.
struct GpuRequest {
  enum class Kind {
    kAll,      ///< all
    kCount,    ///< N; 0 and "none" hide every GPU
    kDevices,  ///< certain ones
  };
  Kind kind = Kind::kAll;
  unsigned count = 0;
  /// As they were written, each once: an index ("0"), a GPU's UUID or a beginning of it ("GPU-5f"),
  /// a MIG instance's UUID ("MIG-…").
  std::vector<std::string> devices = {};
};

/// all | none | N | device=LIST | LIST, where LIST is of indices (behind device= only: "2" is a
/// number of GPUs), GPU-… and MIG-…. Also with the quotes that `docker run --gpus '"device=0,1"'`
/// wants. Throws Error(kUsage).
GpuRequest parse_gpu_request(const std::string& text);

/// Digits only: an index, no UUID.
bool is_gpu_index(const std::string& device);

}  // namespace eb
