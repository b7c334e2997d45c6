#include "installer/install/form_advice.hpp"

#include <algorithm>
#include <array>

#include "installer/install/size_text.hpp"

namespace eb {
namespace {

constexpr std::array kSlowWithFiles = {"Lustre", "GPFS", "BeeGFS", "NFS"};

}  // namespace

FormAdvice advise_form(const SpaceReport& space, const Durability& durability) {
  const std::string files = count_text(space.tree_inodes, "file", "files");
  const auto is_much = [&](uint64_t left) { return space.tree_inodes > left / 2; };
  if (space.quota && space.quota->inodes && is_much(*space.quota->inodes)) {
    return {ReleaseForm::kImage, "the quota of " + space.quota->whose + " has room for " +
                                     std::to_string(*space.quota->inodes) +
                                     " more files, a tree needs " +
                                     std::to_string(space.tree_inodes)};
  }
  if (space.counts_inodes && is_much(space.free_inodes)) {
    return {ReleaseForm::kImage,
            "the file system has room for " + std::to_string(space.free_inodes) +
                " more files, a tree needs " + std::to_string(space.tree_inodes)};
  }
  if (space.tree_inodes > kManyFiles &&
      std::ranges::find(kSlowWithFiles, durability.file_system) != kSlowWithFiles.end()) {
    return {ReleaseForm::kImage,
            durability.file_system + " is slow with many small files, a tree has " + files};
  }
  return {};
}

}  // namespace eb
