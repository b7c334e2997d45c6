#pragma once

#include <optional>
#include <string>

#include "installer/install/durability.hpp"
#include "installer/install/image_form.hpp"
#include "installer/install/preflight.hpp"

namespace eb {

/// How many files a tree must hold before its number of files is a reason against it where files
/// are slow (HPC §6: importing a package from a tree of 20,000 files takes a minute on Lustre).
inline constexpr uint64_t kManyFiles = 10'000;

/// In which form a release suits the place that it is for.
struct FormAdvice {
  ReleaseForm recommended = ReleaseForm::kTree;
  std::string why;  ///< one sentence for a person; empty where the tree is right
};

/// By file system (Lustre, GPFS, BeeGFS, NFS) and by what is left of inodes and quota: a tree
/// should not take more than half of it. Pure.
FormAdvice advise_form(const SpaceReport& space, const Durability& durability);

}  // namespace eb
