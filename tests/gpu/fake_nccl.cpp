// A libnccl.so.2 that adds on the processor when a group ends; see fake_switch.hpp.
#include <cstdio>
#include <vector>

#include "runtime/gpu/nccl_abi.hpp"
#include "tests/gpu/fake_switch.hpp"

namespace abi = eb::abi;
using eb::fake::answer;

EB_FAKE_EXPORT abi::ncclGetVersion ncclGetVersion;
EB_FAKE_EXPORT abi::ncclGetErrorString ncclGetErrorString;
EB_FAKE_EXPORT abi::ncclGetLastError ncclGetLastError;
EB_FAKE_EXPORT abi::ncclCommInitAll ncclCommInitAll;
EB_FAKE_EXPORT abi::ncclCommDestroy ncclCommDestroy;
EB_FAKE_EXPORT abi::ncclGroupStart ncclGroupStart;
EB_FAKE_EXPORT abi::ncclGroupEnd ncclGroupEnd;
EB_FAKE_EXPORT abi::ncclAllReduce ncclAllReduce;

namespace {

struct Part {
  const float* from;
  float* to;
  size_t count;
};
std::vector<Part> group;
size_t ranks = 0;
int last_result = 0;

int remember(int result) {
  if (result != 0) last_result = result;
  return result;
}

}  // namespace

int ncclGetVersion(int* version) {
  *version = 22703;
  return answer("ncclGetVersion");
}

const char* ncclGetErrorString(int result) {
  switch (result) {
    case 1:
      return "unhandled cuda error (run with NCCL_DEBUG=INFO for details)";
    case 2:
      return "unhandled system error (run with NCCL_DEBUG=INFO for details)";
    case 3:
      return "internal error - please report this issue to the NCCL developers";
    default:
      return "unknown result code";
  }
}

const char* ncclGetLastError(void* /*comm*/) {
  return last_result == 2 ? "Error while creating shared memory segment /dev/shm/nccl-fake" : "";
}

int ncclCommInitAll(void** comms, int count, const int* devices) {
  // The real one speaks on standard output, too.
  std::printf("NCCL version 2.27.3+cuda12.8\n");
  std::fflush(stdout);
  if (const int code = answer("ncclCommInitAll"); code != 0) return remember(code);
  for (int i = 0; i < count; ++i) comms[i] = const_cast<int*>(&devices[i]);
  ranks = static_cast<size_t>(count);
  return 0;
}

int ncclCommDestroy(void* /*comm*/) { return 0; }

int ncclGroupStart() {
  group.clear();
  return answer("ncclGroupStart");
}

int ncclAllReduce(const void* from, void* to, size_t count, int /*type*/, int /*op*/,
                  void* /*comm*/, void* /*stream*/) {
  if (const int code = answer("ncclAllReduce"); code != 0) return remember(code);
  group.push_back({static_cast<const float*>(from), static_cast<float*>(to), count});
  return 0;
}

int ncclGroupEnd() {
  if (group.size() != ranks) return remember(3);
  for (size_t at = 0; at < group[0].count; ++at) {
    float sum = 0;
    for (const Part& part : group) sum += part.from[at];
    for (const Part& part : group) part.to[at] = sum;
  }
  if (eb::fake::is_wrong("ncclAllReduce")) group.back().to[5] += 1;
  return answer("ncclGroupEnd");
}
