#include "runtime/gpu/nccl_api.hpp"

#include "runtime/gpu/outcome.hpp"

namespace eb::gpu {

NcclApi NcclApi::of(const Library& library) {
  NcclApi out;
  library.bind("ncclGetVersion", &out.ncclGetVersion);
  library.bind("ncclGetErrorString", &out.ncclGetErrorString);
  library.bind_if_there("ncclGetLastError", &out.ncclGetLastError);
  library.bind("ncclCommInitAll", &out.ncclCommInitAll);
  library.bind("ncclCommDestroy", &out.ncclCommDestroy);
  library.bind("ncclGroupStart", &out.ncclGroupStart);
  library.bind("ncclGroupEnd", &out.ncclGroupEnd);
  library.bind("ncclAllReduce", &out.ncclAllReduce);
  return out;
}

void NcclApi::check(abi::ncclResult_t code, const char* function) const {
  if (code == abi::kNcclSuccess) return;
  std::string text = std::string(function) + ": " + ncclGetErrorString(code);
  const char* const last = ncclGetLastError != nullptr ? ncclGetLastError(nullptr) : nullptr;
  if (last != nullptr && *last != '\0') text += std::string(": ") + last;
  throw Failure{"nccl", code, text};
}

std::string NcclApi::version() const {
  int number = 0;
  check(ncclGetVersion(&number), "ncclGetVersion");
  const int major = number < 10000 ? number / 1000 : number / 10000;
  const int rest = number < 10000 ? number % 1000 : number % 10000;
  return std::to_string(major) + "." + std::to_string(rest / 100) + "." +
         std::to_string(rest % 100);
}

}  // namespace eb::gpu
