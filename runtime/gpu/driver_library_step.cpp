#include <unistd.h>

#include <string_view>

#include "runtime/gpu/steps.hpp"

namespace eb::gpu {
namespace {

constexpr char kDriver[] = "libcuda.so.1";

/// "570.124.06" of ".../libcuda.so.570.124.06"; empty for other names.
std::string version_in_name(const std::string& path) {
  const std::string_view name = std::string_view(path).substr(path.rfind('/') + 1);
  constexpr std::string_view kStem = "libcuda.so.";
  if (!name.starts_with(kStem)) return {};
  const std::string_view version = name.substr(kStem.size());
  // "libcuda.so.1.1" is the name under WSL.
  if (version.find('.') == std::string_view::npos || version.starts_with("1.")) return {};
  return std::string(version);
}

}  // namespace

void load_driver(Session& session) {
  try {
    session.driver_library = Library::open(kDriver);
  } catch (const Failure& failure) {
    if (failure.text != std::string(kDriver) +
                            ": cannot open shared object file: "
                            "No such file or directory") {
      throw;
    }
    // The node of the kernel's module: containers may have it without the driver's libraries.
    if (access("/dev/nvidiactl", F_OK) == 0) {
      throw Skip{"no libcuda.so.1 here, though /dev/nvidiactl says that the kernel has a driver"};
    }
    throw Skip{"no NVIDIA device"};
  }
  const std::string path = session.driver_library.real_path();
  session.records.figure("driver-library", path);
  const std::string version = version_in_name(path);
  if (!version.empty()) session.records.figure("driver-version", version);
  session.driver = DriverApi::of(session.driver_library);
}

}  // namespace eb::gpu
