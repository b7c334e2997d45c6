#include "installer/driver/verdict.hpp"

#include "installer/driver/judge.hpp"

namespace eb {

const char* verdict_name(VerdictKind kind) {
  switch (kind) {
    case VerdictKind::kNotNeeded:
      return "not-needed";
    case VerdictKind::kOk:
      return "ok";
    case VerdictKind::kLimited:
      return "limited";
    case VerdictKind::kTooOld:
      return "too-old";
    case VerdictKind::kNoDriver:
      return "no-driver";
    case VerdictKind::kGpuNotSupported:
      return "gpu-not-supported";
    case VerdictKind::kCannotTell:
      return "cannot-tell";
  }
  return "cannot-tell";
}

Verdict judge(const GpuDemand& demand, const DriverProbe& probe) {
  return Judge(demand, probe).run();
}

std::string verdict_warning(const Verdict& verdict) {
  switch (verdict.kind) {
    case VerdictKind::kTooOld:
    case VerdictKind::kGpuNotSupported:
      return verdict.summary;
    case VerdictKind::kNoDriver:
      return verdict.reason == "no-gpu" ? std::string() : verdict.summary;
    case VerdictKind::kOk:
    case VerdictKind::kLimited:
    case VerdictKind::kCannotTell:
      return verdict.hazards.empty() ? std::string() : verdict.hazards.front();
    case VerdictKind::kNotNeeded:
      return {};
  }
  return {};
}

}  // namespace eb
