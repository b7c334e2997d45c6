#pragma once

#include "runtime/gpu/session.hpp"

// The steps of the check, each in a file of its own name. A step returns when it passed, and throws
// Failure or Skip. The load_… halves need no driver; the others need what `plan.cpp` says.
namespace eb::gpu {

/// libcuda.so.1, wherever the loader finds it.
void load_driver(Session& session);
/// Starts the driver and asks for the GPUs; one "gpu" record each.
void start_driver(Session& session);

void load_runtime(Session& session);
/// Memory of each GPU written and read back.
void check_runtime(Session& session);

void load_cublas(Session& session);
/// A product in single precision on each GPU, against the processor's.
void check_cublas_sgemm(Session& session);
/// Half precision (and bfloat16 from compute capability 8.0 on), which tensor cores do.
void check_cublas_tensor(Session& session);

/// libcudnn and every library of its folder that belongs to it.
void load_cudnn(Session& session);
/// A convolution and both its gradients on each GPU, against the processor's.
void check_cudnn_convolution(Session& session);

void load_nccl(Session& session);
/// A sum over all GPUs.
void check_nccl(Session& session);

/// Copies to, from and inside each GPU.
void measure_bandwidth(Session& session);

/// One "map" record for each library in the process that must come from the right place.
void list_mapped_libraries(Session& session);

}  // namespace eb::gpu
