#include "runtime/gpu/plan.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <new>
#include <set>

#include "runtime/gpu/steps.hpp"

namespace eb::gpu {
namespace {

/// Runs one step; true when it passed.
bool passes(const Step& step, const std::set<std::string_view>& passed, Session& session) {
  const Records& records = session.records;
  const auto begin = std::chrono::steady_clock::now();
  records.step(step.name, step.limit_seconds);
  try {
    if (step.load != nullptr) step.load(session);
    for (const std::string_view need : step.needs) {
      if (passed.contains(need)) continue;
      if (step.load != nullptr) records.note("the library loads; no more than that was tried");
      throw Skip{"needs " + std::string(need)};
    }
    if (step.run != nullptr) step.run(session);
  } catch (const Skip& skip) {
    records.skip(skip.reason);
    return false;
  } catch (const Failure& failure) {
    records.fail(failure.api, failure.code, failure.text);
    return false;
  } catch (const std::bad_alloc&) {
    records.fail("system", ENOMEM, "the host's memory is used up");
    return false;
  }
  records.ok(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  return true;
}

void add_with_needs(std::string_view name, std::set<std::string_view>* chosen) {
  if (!chosen->insert(name).second) return;
  for (const Step& step : all_steps()) {
    if (step.name != name) continue;
    for (const std::string_view need : step.needs) add_with_needs(need, chosen);
  }
}

}  // namespace

const std::vector<Step>& all_steps() {
  static const std::vector<Step> steps = {
      {"driver-library", 30, {}, nullptr, load_driver},
      {"driver-init", 120, {"driver-library"}, nullptr, start_driver},
      {"runtime", 120, {"driver-init"}, load_runtime, check_runtime},
      {"cublas-sgemm", 120, {"driver-init", "runtime"}, load_cublas, check_cublas_sgemm},
      {"cublas-tensor",
       60,
       {"driver-init", "runtime", "cublas-sgemm"},
       nullptr,
       check_cublas_tensor},
      {"cudnn-load", 120, {}, load_cudnn, nullptr},
      {"cudnn-convolution",
       120,
       {"driver-init", "runtime", "cudnn-load"},
       nullptr,
       check_cudnn_convolution},
      {"nccl", 120, {"driver-init", "runtime"}, load_nccl, check_nccl},
      {"bandwidth", 60, {"driver-init", "runtime"}, nullptr, measure_bandwidth},
      {"isolation", 30, {}, nullptr, list_mapped_libraries},
  };
  return steps;
}

std::vector<Step> choose_steps(std::string_view list, std::string* unknown) {
  if (list.empty()) return all_steps();
  std::set<std::string_view> chosen;
  while (true) {
    const size_t comma = std::min(list.find(','), list.size());
    const std::string_view name = list.substr(0, comma);
    if (std::ranges::none_of(all_steps(), [&](const Step& step) { return step.name == name; })) {
      if (unknown->empty()) *unknown = name.empty() ? "''" : std::string(name);
    }
    add_with_needs(name, &chosen);
    if (comma == list.size()) break;
    list.remove_prefix(comma + 1);
  }
  std::vector<Step> out;
  for (const Step& step : all_steps()) {
    if (chosen.contains(step.name)) out.push_back(step);
  }
  return out;
}

void run_steps(const std::vector<Step>& steps, Session& session) {
  std::set<std::string_view> passed;
  for (const Step& step : steps) {
    if (passes(step, passed, session)) passed.insert(step.name);
  }
  session.records.write({"end"});
}

}  // namespace eb::gpu
