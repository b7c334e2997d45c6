#include "runtime/envrun/doctor/sections.hpp"

#include <array>

namespace eb {

std::span<const Section> sections() {
  static constexpr std::array kAll = {
      Section{"release", "release and its last check", examine_release},
      Section{"gpu", "driver and GPUs", examine_gpu},
      Section{"limits", "limits of this process", examine_limits},
      Section{"shm", "shared memory", examine_shared_memory},
      Section{"network", "network", examine_network},
      Section{"nccl", "what NCCL would use", examine_nccl},
      Section{"storage", "storage and quota", examine_storage},
      Section{"modules", "modules and libraries", examine_modules},
      Section{"python", "Python's surroundings", examine_python},
      Section{"variables", "variables of CUDA, NCCL and PyTorch", examine_variables},
      Section{"system", "system", examine_system},
      Section{"job", "job", examine_job},
  };
  return kAll;
}

}  // namespace eb
