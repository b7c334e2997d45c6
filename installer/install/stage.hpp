#pragma once

#include <string>
#include <vector>

#include "installer/base/events.hpp"
#include "installer/base/file.hpp"
#include "installer/install/host.hpp"
#include "installer/install/prefix.hpp"

namespace eb {

/// What the file system does with modes here: where a new file has the mode that was asked for, the
/// fchmod() of every file can be left out (one request a file on NFS and Lustre).
struct ModeBehaviour {
  bool files_exact = false;
  bool directories_exact = false;
  mode_t inherited = 0;  ///< S_ISGID where directories inherit it
};

/// A private directory (0700) inside the prefix that becomes a release by one rename, or is removed
/// by the destructor.
class Stage {
 public:
  /// .envinstall/stage-<release>-<nonce>
  Stage(Sys& sys, const Prefix& prefix, std::string release, std::string nonce);
  ~Stage();
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;

  int fd() const { return fd_.get(); }
  const std::string& name() const { return name_; }  ///< below .envinstall
  std::string where() const { return prefix_.at(kStateDir) + "/" + name_; }

  /// Tries out what an install needs, and cleans up: symlink, rename, fsync, modes, execution.
  /// Throws Error(kUnsupportedFs) naming what the file system cannot, kNoSpace and so on from the
  /// calls. A group that differs from the prefix's is a warning (quota by group, F117).
  ModeBehaviour probe(const Host& host, EventSink& events);

  /// It is a release now: the destructor leaves it alone.
  void published() { owned_ = false; }
  /// Removes it now; the same as the destructor does. Returns 0 or -errno.
  int remove() noexcept;

 private:
  Sys& sys_;
  const Prefix& prefix_;
  std::string name_;
  Fd fd_;
  bool owned_ = false;
};

/// Names below .envinstall of what killed runs staged of a release, whose lock the caller holds.
std::vector<std::string> abandoned_stages(Sys& sys, const Prefix& prefix,
                                          const std::string& release, const std::string& nonce);

/// Removes what runs that are dead left in .envinstall: staging and trash. Whether a run is dead is
/// asked of its release's lock, so nobody's work is taken away. `held` is the release whose lock
/// the caller holds. Never throws: what cannot be removed now is removed by a later run.
void remove_leftovers(Sys& sys, const Prefix& prefix, const Host& host, const std::string& held,
                      const std::string& nonce, EventSink& events) noexcept;

/// "MOUNT POINT (TYPE, OPTIONS)" of the mount that holds `path`, by /proc/self/mounts; empty when
/// it cannot be told.
std::string mount_text(Sys& sys, const std::string& root, const std::string& path);

}  // namespace eb
