#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "installer/base/sys.hpp"
#include "installer/format/index.hpp"

namespace eb {

// A release in image form: for file systems that hate small files (HPC §6).
//
//   releases/<name>-image-<id>/
//     image.sqfs                      the whole tree of the bundle, one file
//     libexec/envbundle/envimage      mounts or unpacks it on a node (runtime/image)
//     bin/NAME                        the same program, one hard link a name of the tree's bin/
//     share/envbundle/…, modulefiles/… as in the tree: what shells and module systems read
//     .bundle/{index,signatures,receipt,image}

inline constexpr char kImageFile[] = "image.sqfs";
inline constexpr char kImageRecordFile[] = "image";  ///< in .bundle
inline constexpr char kImageProgram[] = "libexec/envbundle/envimage";

enum class ReleaseForm { kTree, kImage };
const char* form_name(ReleaseForm form);

/// Name of the release of a bundle in image form: a bundle may be there in both forms, so that one
/// takes the place of the other by one rename, and back. It ends like the other (the index's ID).
std::string image_release_name(const std::string& release_name);

/// The files that lie outside of the image: what is real in a release in image form. Entries of
/// bin/ are those of kImageProgram. Throws Error(kPolicy) for a bundle without that program.
std::vector<std::string> outside_paths(const Index& index);

/// The part of `index` that such a release holds as files: `paths` with their directories; no
/// frames. A path that the index does not have is Error(kDigestMismatch).
Index outer_index(const Index& index, const std::vector<std::string>& paths);

/// .bundle/image: what the image file is, and what lies beside it. Lines of "key value". A note,
/// like the receipt: what counts is the signed index.
struct ImageRecord {
  uint64_t size_bytes = 0;
  Sha256 digest;  ///< of the image file
  std::vector<std::string> outside;
};
std::string encode_image_record(const ImageRecord& record);
/// nullopt when it is none.
std::optional<ImageRecord> parse_image_record(const std::string& text);
/// Of the release in `dir`/`release`; nullopt for one in tree form. Throws Error(kDigestMismatch)
/// when it is there and cannot be understood.
std::optional<ImageRecord> read_image_record(Sys& sys, int dir, const std::string& release,
                                             const std::string& where);

}  // namespace eb
