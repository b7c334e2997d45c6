#include "runtime/gpu/cublas_api.hpp"

#include "runtime/gpu/outcome.hpp"

namespace eb::gpu {

CublasApi CublasApi::of(const Library& library) {
  CublasApi out;
  library.bind("cublasCreate_v2", &out.cublasCreate_v2);
  library.bind("cublasDestroy_v2", &out.cublasDestroy_v2);
  library.bind("cublasGetProperty", &out.cublasGetProperty);
  library.bind_if_there("cublasGetStatusString", &out.cublasGetStatusString);
  library.bind("cublasSgemm_v2", &out.cublasSgemm_v2);
  library.bind("cublasGemmEx", &out.cublasGemmEx);
  return out;
}

void CublasApi::check(abi::cublasStatus_t code, const char* function) const {
  if (code == abi::kCublasSuccess) return;
  const std::string text = cublasGetStatusString != nullptr ? cublasGetStatusString(code)
                                                            : "status " + std::to_string(code);
  throw Failure{"cublas", code, std::string(function) + ": " + text};
}

std::string CublasApi::version() const {
  std::string out;
  for (const int part : {abi::kPropertyMajor, abi::kPropertyMinor, abi::kPropertyPatch}) {
    int value = 0;
    check(cublasGetProperty(part, &value), "cublasGetProperty");
    out += (out.empty() ? "" : ".") + std::to_string(value);
  }
  return out;
}

CublasHandle::CublasHandle(const CublasApi& api) : api_(api) {
  api_.check(api_.cublasCreate_v2(&handle_), "cublasCreate_v2");
}

}  // namespace eb::gpu
