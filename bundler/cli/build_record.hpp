#pragma once

#include <filesystem>
#include <optional>

#include "installer/base/digest.hpp"

namespace eb {

struct BuildRequest;

/// A value that is the same exactly when the same bundle must come out: lock, envbundle itself,
/// signers and options. The place of the output and the number of threads are not in it.
Sha256 recipe_of(const BuildRequest& request);

/// What came out of which recipe on this machine: the SHA-256 of the bundle, one small file each.
/// It serves only to leave out a build whose result is there, so nothing depends on it being
/// complete.
class BuildRecords {
 public:
  explicit BuildRecords(std::filesystem::path folder) : folder_(std::move(folder)) {}

  std::optional<Sha256> find(const Sha256& recipe) const;
  void store(const Sha256& recipe, const Sha256& bundle) const;

 private:
  std::filesystem::path folder_;
};

}  // namespace eb
