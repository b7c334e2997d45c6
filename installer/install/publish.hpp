#pragma once

#include <string>

#include "installer/base/events.hpp"
#include "installer/format/index.hpp"
#include "installer/install/prefix.hpp"
#include "installer/install/stage.hpp"

namespace eb {

// FAULTS §4, steps 8 and 10: what makes a finished stage a release, and a release the active one.
// Plain renames; right on NFS and Lustre too, where the reply to a call that was done may be lost.

enum class PublishResult {
  kPublished,
  kExistsAlready,  ///< another run published the same release first; the stage is still there
};

/// Renames the stage to releases/`release` and makes the name durable. `nonce` is that of the
/// stage's receipt: by it a lost reply is told from another's work. Throws Error; whether the
/// release is published is then told by `*is_published`.
PublishResult publish(Sys& sys, const Prefix& prefix, Stage& stage, const std::string& release,
                      const std::string& nonce, bool* is_published);

/// Makes `current` name `release`, in one rename. Throws Error; whether it was done is then told by
/// `*is_current`.
void flip_current(Sys& sys, const Prefix& prefix, const std::string& release,
                  const std::string& nonce, bool* is_current);

/// The links of kTopLinks that the release asks for. What lies in the way is left alone, with a
/// warning.
void make_top_links(Sys& sys, const Prefix& prefix, const Index& index, EventSink& events);
/// Removes links of ours that the now active release has nothing for; all when `index` is null.
void drop_top_links(Sys& sys, int prefix, const Index* index) noexcept;

}  // namespace eb
