#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <memory>

#include "runtime/gpu/steps.hpp"

namespace eb::gpu {
namespace {

constexpr size_t kChecked = 1u << 20;
constexpr size_t kMeasured = 16u << 20;

/// The part of one GPU: its memory and its queue.
class Rank {
 public:
  Rank(const RuntimeApi& runtime, const Gpu& gpu, size_t count)
      : runtime_(runtime), ordinal_(gpu.ordinal) {
    make_current();
    runtime_.check(runtime_.cudaMalloc(&memory_, count * sizeof(float)), "cudaMalloc");
    try {
      runtime_.check(runtime_.cudaStreamCreate(&stream_), "cudaStreamCreate");
    } catch (const Failure&) {
      runtime_.cudaFree(memory_);
      throw;
    }
  }
  ~Rank() {
    runtime_.cudaSetDevice(ordinal_);
    runtime_.cudaStreamDestroy(stream_);
    runtime_.cudaFree(memory_);
  }
  Rank(const Rank&) = delete;
  Rank& operator=(const Rank&) = delete;

  void make_current() const { runtime_.check(runtime_.cudaSetDevice(ordinal_), "cudaSetDevice"); }
  void wait() const {
    make_current();
    runtime_.check(runtime_.cudaStreamSynchronize(stream_), "cudaStreamSynchronize");
  }
  int ordinal() const { return ordinal_; }
  void* memory() const { return memory_; }
  abi::cudaStream_t stream() const { return stream_; }

 private:
  const RuntimeApi& runtime_;
  int ordinal_;
  void* memory_ = nullptr;
  abi::cudaStream_t stream_ = nullptr;
};

class Communicators {
 public:
  Communicators(const NcclApi& nccl, const std::vector<int>& devices)
      : nccl_(nccl), comms_(devices.size()) {
    nccl_.check(
        nccl_.ncclCommInitAll(comms_.data(), static_cast<int>(devices.size()), devices.data()),
        "ncclCommInitAll");
  }
  ~Communicators() {
    for (abi::ncclComm_t comm : comms_) nccl_.ncclCommDestroy(comm);
  }
  Communicators(const Communicators&) = delete;
  Communicators& operator=(const Communicators&) = delete;
  abi::ncclComm_t operator[](size_t at) const { return comms_[at]; }

 private:
  const NcclApi& nccl_;
  std::vector<abi::ncclComm_t> comms_;
};

using Ranks = std::vector<std::unique_ptr<Rank>>;

void sum(const NcclApi& nccl, const Communicators& comms, const Ranks& ranks, size_t count) {
  nccl.check(nccl.ncclGroupStart(), "ncclGroupStart");
  for (size_t i = 0; i < ranks.size(); ++i) {
    nccl.check(nccl.ncclAllReduce(ranks[i]->memory(), ranks[i]->memory(), count, abi::kNcclFloat32,
                                  abi::kNcclSum, comms[i], ranks[i]->stream()),
               "ncclAllReduce");
  }
  nccl.check(nccl.ncclGroupEnd(), "ncclGroupEnd");
  for (const auto& rank : ranks) rank->wait();
}

/// Small whole numbers, so that every order of adding gives the same sum.
float sample(size_t rank, size_t at) { return static_cast<float>((rank + 1) * (at % 61 + 1)); }

void check_sum(const Session& session, const Communicators& comms, const Ranks& ranks) {
  const RuntimeApi& runtime = session.runtime;
  std::vector<float> values(kChecked);
  for (size_t i = 0; i < ranks.size(); ++i) {
    ranks[i]->make_current();
    for (size_t at = 0; at < values.size(); ++at) values[at] = sample(i, at);
    runtime.check(runtime.cudaMemcpy(ranks[i]->memory(), values.data(),
                                     values.size() * sizeof(float), abi::kMemcpyHostToDevice),
                  "cudaMemcpy");
  }
  sum(session.nccl, comms, ranks, kChecked);
  const size_t total = ranks.size() * (ranks.size() + 1) / 2;
  for (const auto& rank : ranks) {
    rank->make_current();
    runtime.check(runtime.cudaMemcpy(values.data(), rank->memory(), values.size() * sizeof(float),
                                     abi::kMemcpyDeviceToHost),
                  "cudaMemcpy");
    size_t wrong = 0;
    for (size_t at = 0; at < values.size(); ++at) {
      wrong += values[at] != sample(0, at) * static_cast<float>(total) ? 1 : 0;
    }
    if (wrong > 0) {
      throw Failure{"compare", 0,
                    "ncclAllReduce: " + std::to_string(wrong) + " of " +
                        std::to_string(values.size()) + " sums are wrong on GPU " +
                        std::to_string(rank->ordinal())};
    }
  }
}

/// As nccl-tests counts it: what a link carries, whatever the number of GPUs.
double bus_bandwidth(const Session& session, const Communicators& comms, const Ranks& ranks) {
  constexpr int kTimes = 20;
  sum(session.nccl, comms, ranks, kMeasured);
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < kTimes; ++i) sum(session.nccl, comms, ranks, kMeasured);
  const std::chrono::duration<double> time = std::chrono::steady_clock::now() - begin;
  const auto count = static_cast<double>(ranks.size());
  const double bytes = static_cast<double>(kMeasured) * sizeof(float);
  return kTimes * bytes * 2 * (count - 1) / count / time.count() / 1e9;
}

}  // namespace

void load_nccl(Session& session) {
  // All ranks are in this process: whatever networks there are, NCCL needs none but this one to
  // find itself. What a person has set stays.
  setenv("NCCL_SOCKET_IFNAME", "lo", 0);
  setenv("NCCL_DEBUG", "WARN", 0);
  session.nccl = NcclApi::of(open_of_release(session, "libnccl"));
  session.records.figure("nccl-version", session.nccl.version());
}

void check_nccl(Session& session) {
  if (std::ranges::any_of(session.gpus, [](const Gpu& gpu) { return gpu.is_mig; })) {
    throw Skip{"NCCL does not work across MIG instances"};
  }
  // One GPU has nothing to send: no need for the larger measure.
  const size_t count = session.gpus.size() > 1 ? kMeasured : kChecked;
  Ranks ranks;
  on_each_gpu(session, [&](const Gpu& gpu) {
    ranks.push_back(std::make_unique<Rank>(session.runtime, gpu, count));
  });
  std::vector<int> devices;
  for (const auto& rank : ranks) devices.push_back(rank->ordinal());
  session.records.figure("nccl-gpus", std::to_string(ranks.size()));
  const Communicators comms(session.nccl, devices);
  check_sum(session, comms, ranks);
  if (ranks.size() > 1) {
    session.records.figure("nccl-bus-bandwidth", decimal(bus_bandwidth(session, comms, ranks), 1),
                           "GB/s");
  }
}

}  // namespace eb::gpu
