#pragma once

namespace eb::fake {

struct ErrorText {
  int code;
  const char* text;
};

/// As cuGetErrorString (driver 570) and cudaGetErrorString (12.8) have them.
inline constexpr ErrorText kErrorTexts[] = {
    {0, "no error"},
    {2, "out of memory"},
    {3, "initialization error"},
    {34, "CUDA driver is a stub library"},
    {35, "CUDA driver version is insufficient for CUDA runtime version"},
    {46, "CUDA-capable device(s) is/are busy or unavailable"},
    {100, "no CUDA-capable device is detected"},
    {101, "invalid device ordinal"},
    {209, "no kernel image is available for execution on the device"},
    {214, "uncorrectable ECC error encountered"},
    {220, "uncorrectable NVLink error detected during the execution"},
    {221, "PTX JIT compiler library not found"},
    {222, "the provided PTX was compiled with an unsupported toolchain."},
    {304, "OS call failed or operation not supported on this OS"},
    {700, "an illegal memory access was encountered"},
    {802, "system not yet initialized"},
    {803, "system has unsupported display driver / cuda driver combination"},
    {804, "forward compatibility was attempted on non supported HW"},
    {805, "MPS client failed to connect to the MPS control daemon or the MPS server"},
    {999, "unknown error"},
};

inline const char* error_text(int code) {
  for (const ErrorText& known : kErrorTexts) {
    if (known.code == code) return known.text;
  }
  return nullptr;
}

}  // namespace eb::fake
