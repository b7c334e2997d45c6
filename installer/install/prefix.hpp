#pragma once

#include <optional>
#include <string>
#include <vector>

#include "installer/base/file.hpp"

namespace eb {

// The prefix of DESIGN §6:
//   current -> releases/<name>, releases/<name>/, .envinstall/{id,floor,log,lock.d,stage-…,trash-…}

inline constexpr char kStateDir[] = ".envinstall";
inline constexpr char kReleasesDir[] = "releases";
inline constexpr char kCurrentLink[] = "current";
/// What a release has of these gets a link at the top of the prefix.
inline constexpr const char* kTopLinks[] = {"bin", "etc", "lib", "share"};

/// What stands at a path, looked at without changing anything.
struct PrefixView {
  std::string path;  ///< absolute, links resolved; for messages and the report
  bool exists = false;
  bool is_ours = false;  ///< carries the marker; false for an empty or missing directory
  std::vector<std::string> missing;  ///< components to be made, outermost first
  std::optional<std::string> current;
  std::vector<std::string> releases;  ///< sorted
  Fd dir;                             ///< the prefix, or the deepest parent that exists
};

/// For installing. Throws Error(kUsage) for what must not become a prefix (F108–F110): a file, `/`,
/// the home folder, a foreign directory that is not empty, a parent missing without
/// `create_parents`. The path is resolved once, here; from then on descriptors are used.
PrefixView look_at_prefix(Sys& sys, const std::string& path, const std::string& home,
                          bool create_parents);

/// For everything else: Error(kUsage) unless it is a prefix of ours, or empty.
PrefixView open_prefix(Sys& sys, const std::string& path);

/// The release that `current` names; nullopt when there is none. Error(kUsage) when `current` is
/// not a link of ours.
std::optional<std::string> read_current(Sys& sys, int prefix, const std::string& path);

/// A prefix that is being worked on.
struct Prefix {
  std::string path;
  Fd root;
  Fd state;     ///< .envinstall
  Fd releases;  ///< releases
  /// Directories that make_prefix() made, to be removed again when nothing comes of it.
  std::vector<std::string> made;
  bool made_state = false;

  std::string at(const std::string& below) const { return path + "/" + below; }
};

/// Makes what is missing: directories 0755 whatever the umask, the marker, releases/. Consumes
/// `view`.
Prefix make_prefix(Sys& sys, PrefixView view);

/// Undoes make_prefix() as far as nothing else lies there; for a first install that failed. Never
/// throws, touches nothing of a prefix that was there before.
void unmake_prefix(Sys& sys, Prefix& prefix) noexcept;

/// Absolute path of an open directory; `otherwise` where /proc cannot tell.
std::string real_path(Sys& sys, int dir, const std::string& otherwise);

/// Creates a directory with exactly these permissions, but for a setgid bit that it inherits; an
/// existing one is left alone. Returns whether it made it.
bool make_directory(Sys& sys, int dir, const char* name, mode_t mode, const std::string& where);
/// The same: 1 for made, 0 for there already, or -errno (nothing was made then).
int try_make_directory(Sys& sys, int dir, const char* name, mode_t mode);

/// fsync of a directory. A file system that knows no such thing is no error (FAULTS §6).
void sync_directory(Sys& sys, int dir, const std::string& where);

}  // namespace eb
