#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "installer/base/file.hpp"

namespace eb::image {

/// PARENT/envbundle-UID/KEY, made where it is missing: folders that only this user can enter
/// (0700), of which nobody else can have laid a part. nullopt, and words in `why`, where PARENT is
/// no folder, could be changed by others (writable by them and not sticky), or something else lies
/// in the way.
std::optional<std::string> private_folder(const std::string& parent, const std::string& key,
                                          std::string* why);

/// A lock of this node on a private folder (flock), released by the kernel when its holder ends.
/// Waits for others; throws Error(kBusy) after `limit`. `waiting` is called once when it takes
/// longer.
Fd lock_folder(const std::string& folder, std::chrono::seconds limit, void (*waiting)());

}  // namespace eb::image
