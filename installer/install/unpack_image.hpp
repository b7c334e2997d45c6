#pragma once

#include "installer/install/image_form.hpp"
#include "installer/install/unpack.hpp"

namespace eb {

/// Unpacks the whole bundle into one squashfs in a stage, kImageFile, and what lies beside it as
/// files: verified frames are decoded by all workers and written in their order. The same bundle
/// gives the same image, whatever the number of workers. `outside` is outside_paths(). Throws
/// Error; the stage is then incomplete. The record's digest is not yet known (see hash_image()).
ImageRecord unpack_image(Sys& sys, BundleSource& source, const VerifiedBundle& bundle,
                         const Stage& stage, std::vector<std::string> outside,
                         const UnpackOptions& options, EventSink& events, const StopFlag& stop);

/// SHA-256 of a file in `dir`. Throws Error.
Sha256 hash_file(Sys& sys, int dir, const char* name, const std::string& where,
                 const StopFlag& stop);

}  // namespace eb
