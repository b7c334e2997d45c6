#pragma once

#include "installer/install/image_form.hpp"
#include "installer/install/release_check.hpp"

namespace eb {

/// check_release() for a release in image form: what lies beside the image, and the image's size.
/// With contents the image is read through: its SHA-256 is compared with the record's, and every
/// name, mode and file in it with the signed index. A difference inside is shown as
/// "image.sqfs/PATH".
ReleaseCheck check_image_release(Sys& sys, int release, const std::string& where,
                                 const Index& index, const ImageRecord& record,
                                 const ReleaseCheckOptions& options, EventSink& events,
                                 const StopFlag& stop);

/// Words for what is wrong with the image as a file, empty = nothing: it is there, of its size, and
/// with `contents` of the record's SHA-256.
std::string image_file_problem(Sys& sys, int release, const std::string& where,
                               const ImageRecord& record, bool contents, bool* missing,
                               const StopFlag& stop);

/// The one or the other, by what the release is. `*own` becomes the index of what it has as files
/// of its own: what links at the top of the prefix can lead to. It may be null.
ReleaseCheck check_installed(Sys& sys, int release, const std::string& where, const Index& index,
                             const ReleaseCheckOptions& options, EventSink& events,
                             const StopFlag& stop, Index* own = nullptr);

}  // namespace eb
