#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bundler/cli/obtain.hpp"
#include "bundler/pack/pack.hpp"
#include "bundler/sign/signing_key.hpp"

namespace eb {

/// One build, decided: everything that a file of its result depends on, and where things lie.
struct BuildRequest {
  LockFile lock;
  SourceArguments sources;
  std::filesystem::path output;
  std::filesystem::path work_parent;  ///< "" = the output's folder
  std::filesystem::path installer;    ///< "" = none is written
  std::filesystem::path program;      ///< envbundle itself
  std::vector<std::unique_ptr<SigningKey>> keys;
  int level = 0;  ///< PackOptions::level
  unsigned threads = 1;
  std::optional<uint64_t> counter;   ///< default: the lock's epoch
  std::optional<int64_t> not_after;  ///< seconds since 1970
  bool force = false;

  std::filesystem::path folder() const {
    return output.has_parent_path() ? output.parent_path() : std::filesystem::path(".");
  }
};

struct BuildReport {
  bool up_to_date = false;  ///< nothing had to be packed
  Sha256 id;
  uint64_t size_bytes = 0;           ///< of the bundle
  uint64_t artifact_size_bytes = 0;  ///< of what the lock names
  std::filesystem::path installer;   ///< "" = none
};

/// lock → fetch → stage → pack → sign → verify → installer and SHA256SUMS beside it. A bundle that
/// the same request made before, and that is still what it was, is kept. The output appears under
/// its name when it has been verified. Throws Error; the old output is then as it was.
BuildReport build_bundle(const BuildRequest& request, EventSink& events);

/// The bundle's meta for a lock; `python_version` is that of the staged interpreter or "".
std::map<std::string, std::string> bundle_meta(const BuildRequest& request,
                                               const std::string& python_version);

}  // namespace eb
