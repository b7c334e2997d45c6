#pragma once

#include <optional>
#include <string>
#include <vector>

#include "installer/base/events.hpp"
#include "installer/format/verified_bundle.hpp"
#include "installer/install/bundle_source.hpp"
#include "installer/install/host.hpp"
#include "installer/install/prefix.hpp"
#include "installer/install/stop_flag.hpp"
#include "installer/install/trust_store.hpp"

namespace eb {

struct RepairOptions {
  std::optional<std::string> release = {};  ///< nullopt: the one that the bundle is of
  unsigned jobs = 1;
  unsigned wait_seconds = 600;
};

struct RepairReport {
  std::string prefix;
  std::string release;
  std::string id;
  uint64_t files = 0;                  ///< read and compared
  std::vector<std::string> rewritten;  ///< files, links, folders and notes of the bundle, by path
  uint64_t modes = 0;                  ///< of them, those of which only the mode was wrong
  uint64_t bytes = 0;                  ///< written
  uint64_t frames_read = 0;
  uint64_t frames = 0;             ///< that the bundle has
  std::vector<std::string> added;  ///< what no bundle brought; it is left alone
  std::string kept_at;             ///< where what stood in the way lies now; empty = nothing did
};

/// Compares every byte of an installed release with its signed index, and writes anew what is wrong
/// or missing, out of the bundle: of that, only the frames that hold it are read. Each file is made
/// under .envinstall and takes its place by one rename, so that whoever has the old one open keeps
/// it, and whoever opens it gets the old or the new one whole. What stands where a file or folder
/// of the release belongs and is of another kind is moved to .envinstall/kept-….
///
/// The bundle is the release's when their IDs agree; the release's own index is not believed.
/// Of a release in image form, what lies beside the image is repaired.
///
/// Throws Error: kUsage for a bundle of another release, for a stream, and where there is no such
/// release; kDigestMismatch for an image that is damaged, which has to be made anew, and when
/// the files are still not right afterwards; what reading the bundle throws. Files that were
/// repaired until then stay so: running it again goes on.
RepairReport repair(Sys& sys, BundleSource& source, const VerifiedBundle& bundle, PrefixView view,
                    const RepairOptions& options, const TrustStore& trust, const Host& host,
                    EventSink& events, const StopFlag& stop);

}  // namespace eb
