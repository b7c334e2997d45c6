#pragma once

#include <functional>
#include <string>
#include <vector>

#include "runtime/gpu/cublas_api.hpp"
#include "runtime/gpu/cudnn_api.hpp"
#include "runtime/gpu/driver_api.hpp"
#include "runtime/gpu/nccl_api.hpp"
#include "runtime/gpu/outcome.hpp"
#include "runtime/gpu/records.hpp"
#include "runtime/gpu/release.hpp"
#include "runtime/gpu/runtime_api.hpp"

namespace eb::gpu {

/// A GPU that the driver shows to this process, or the one MIG instance that it may use.
struct Gpu {
  int ordinal = 0;
  std::string name;
  int capability_major = 0;
  int capability_minor = 0;
  bool is_mig = false;
  /// Its memory was seen to be used up; later steps leave it alone.
  bool is_full = false;
};

/// What the steps know of each other: each fills in what later ones use.
struct Session {
  Records records;
  Release release;
  Library driver_library;
  DriverApi driver;
  std::vector<Gpu> gpus;
  RuntimeApi runtime;
  CublasApi cublas;
  CudnnApi cudnn;
  NcclApi nccl;
};

/// `key` for the figure of a GPU: as it is where there is one GPU, else with "-gpuN".
std::string figure_key(const Session& session, const std::string& key, const Gpu& gpu);

/// Does `work` with each GPU in turn as the current one. A GPU whose memory is used up is noted and
/// passed over. The first failure is thrown when all had their turn, further ones are noted. Throws
/// Skip when the memory of all is used up.
void on_each_gpu(Session& session, const std::function<void(const Gpu&)>& work);

/// Opens libraries "STEM.so.VERSION" of the release; throws Skip when it has none.
Library open_of_release(const Session& session, const std::string& stem);

}  // namespace eb::gpu
