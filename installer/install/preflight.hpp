#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "installer/base/events.hpp"
#include "installer/format/verified_bundle.hpp"
#include "installer/install/floor.hpp"
#include "installer/install/host.hpp"
#include "installer/install/prefix.hpp"
#include "installer/install/quota.hpp"

namespace eb {

// Everything that can be said against an install before anything is written.

/// What a person asked for in so many words; it is logged.
struct PolicyExceptions {
  bool downgrade = false;  ///< a release counter below the floor
  bool expired = false;    ///< past the bundle's not-after
};

/// The bundle's demands: platform, kernel, expiry, release counter. Throws Error(kPolicy).
/// Time is the latest of clock, bundle and what the prefix remembers, so that a clock that stands
/// in 1970 lets nothing old pass for new (F043). What `exceptions` allow becomes a warning.
void check_policy(const VerifiedBundle& bundle, const Host& host, const Floor& floor,
                  const PolicyExceptions& exceptions, EventSink& events);

/// Space that a release takes, rounded up to blocks, with a margin.
struct SpaceNeed {
  uint64_t bytes = 0;
  uint64_t inodes = 0;
  /// So many files of so many bytes are there already, to be shared.
  void spare(uint64_t files, uint64_t file_bytes);
};
SpaceNeed space_need(const VerifiedBundle& bundle, uint64_t block_size);
/// The same in image form, of which `outside` are the files beside the image. How well the content
/// compresses is known from the bundle: an image is at most so much larger than that.
SpaceNeed image_space_need(const VerifiedBundle& bundle, uint64_t block_size, uint64_t outside);

/// What the file system below `dir` says of itself.
struct SpaceReport {
  SpaceNeed need;
  uint64_t tree_inodes = 0;  ///< files, folders and links of the release in tree form
  std::optional<QuotaLeft> quota;
  uint64_t free_bytes = 0;
  uint64_t free_inodes = 0;  ///< 0 where the file system does not count them
  bool counts_inodes = false;
  uint64_t fs_type = 0;  ///< statfs f_type
  bool is_noexec = false;
  bool is_read_only = false;
};
/// With an `image` of so many outside files, what that needs.
SpaceReport read_space(Sys& sys, int dir, const VerifiedBundle& bundle,
                       std::optional<uint64_t> image, const std::string& where);

/// Throws Error: kNoSpace with what is needed and what there is, also beyond `max_bytes` (0 = no
/// limit); kUnsupportedFs for a read-only or noexec mount; kPermission where the prefix cannot be
/// written.
void check_space(const SpaceReport& space, const VerifiedBundle& bundle, uint64_t max_bytes,
                 const std::string& where);
void check_writable(Sys& sys, const PrefixView& view, const SpaceReport& space, const Host& host);

}  // namespace eb
