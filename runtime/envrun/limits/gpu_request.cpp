#include "runtime/envrun/limits/gpu_request.hpp"

#include <algorithm>

#include "installer/base/error.hpp"
#include "installer/driver/host_files.hpp"

namespace eb {
namespace {

constexpr unsigned kMostGpus = 256;

Error bad_request(const std::string& text) {
  return Error(ExitCode::kUsage, "--gpus " + text + " is not understood")
      .hint(
          "all, none, a number of GPUs, device=0,1, or UUIDs as nvidia-smi -L shows them: "
          "GPU-…,GPU-… or MIG-…");
}

bool is_uuid(const std::string& device) {
  // CUDA takes a beginning of a UUID; a MIG instance's of older drivers is MIG-GPU-…/1/0.
  return (device.starts_with("GPU-") || device.starts_with("MIG-")) && device.size() > 4 &&
         device.find_first_not_of("0123456789abcdefABCDEFGPUMI-/") == std::string::npos;
}

}  // namespace

bool is_gpu_index(const std::string& device) {
  const auto index = number_of(device);
  return index && *index < kMostGpus;
}

GpuRequest parse_gpu_request(const std::string& given) {
  std::string text = given;
  std::erase(text, '"');
  if (text == "all") return {};
  if (text == "none") return {.kind = GpuRequest::Kind::kCount, .count = 0};
  if (is_gpu_index(text)) {
    return {.kind = GpuRequest::Kind::kCount, .count = static_cast<unsigned>(*number_of(text))};
  }
  constexpr std::string_view kDevice = "device=";
  const bool is_named = text.starts_with(kDevice);
  std::string rest = is_named ? text.substr(kDevice.size()) : text;
  if (is_named && rest == "all") return {};
  GpuRequest out{.kind = GpuRequest::Kind::kDevices};
  for (size_t at = 0; at <= rest.size();) {
    const size_t end = std::min(rest.find(',', at), rest.size());
    std::string device = rest.substr(at, end - at);
    at = end + 1;
    if (is_gpu_index(device)) {
      if (!is_named) {
        throw bad_request(given).hint("GPUs by their index: --gpus device=" + rest);
      }
      device = std::to_string(*number_of(device));
    } else if (!is_uuid(device)) {
      throw bad_request(given);
    }
    if (std::ranges::find(out.devices, device) == out.devices.end()) {
      out.devices.push_back(std::move(device));
    }
  }
  return out;
}

}  // namespace eb
