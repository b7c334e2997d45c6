#include <set>

#include "runtime/gpu/needed_libraries.hpp"
#include "runtime/gpu/steps.hpp"

namespace eb::gpu {
namespace {

constexpr char kStem[] = "libcudnn";

std::string name_of(const std::string& path) { return path.substr(path.rfind('/') + 1); }

/// cuDNN's engines that are compiled at run time look for these by soname.
void load_compiler(const Session& session) {
  for (const char* stem : {"libnvrtc-builtins", "libnvrtc"}) {
    try {
      open_of_release(session, stem);
    } catch (const Skip& skip) {
      session.records.note(skip.reason + ": what cuDNN compiles at run time will not work");
    }
  }
}

Failure missing(const std::string& path, const std::string& needed) {
  return {"loader", 0, path + " needs " + needed + ", which the release has not beside it"};
}

/// Loads all, each after those that it needs by soname: those are in the process then, and the
/// loader does not look for them where another cuDNN may lie (not all builds have a RUNPATH).
void load_all(const std::vector<std::string>& paths) {
  std::set<std::string> names;
  for (const std::string& path : paths) names.insert(name_of(path));
  for (const std::string& path : in_order_of_need(paths)) {
    for (const std::string& needed : needed_libraries(path)) {
      if (!needed.starts_with(kStem) || names.contains(needed)) continue;
      throw missing(path, needed);
    }
    Library::open(path);
  }
}

void check_versions(const CudnnApi& cudnn) {
  const auto check = [&](abi::cudnnStatus_t (*function)(), const char* name) {
    if (function != nullptr) cudnn.check(function(), name);
  };
  check(cudnn.cudnnGraphVersionCheck, "cudnnGraphVersionCheck");
  check(cudnn.cudnnOpsVersionCheck, "cudnnOpsVersionCheck");
  check(cudnn.cudnnCnnVersionCheck, "cudnnCnnVersionCheck");
  check(cudnn.cudnnAdvVersionCheck, "cudnnAdvVersionCheck");
}

}  // namespace

void load_cudnn(Session& session) {
  const Library library = open_of_release(session, kStem);
  load_compiler(session);
  // The dispatcher loads the others by soname, and takes what is in the process already.
  const std::vector<std::string> all = libraries_in(folder_of(library.real_path()), kStem);
  load_all(all);
  session.cudnn = CudnnApi::of(library);
  session.records.figure("cudnn-version", std::to_string(session.cudnn.cudnnGetVersion()));
  session.records.figure(
      "cudnn-cuda", cuda_version_text(static_cast<int>(session.cudnn.cudnnGetCudartVersion())));
  session.records.figure("cudnn-libraries", std::to_string(all.size()));
  check_versions(session.cudnn);
}

}  // namespace eb::gpu
