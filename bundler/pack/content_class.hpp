#pragma once

#include <string_view>

#include "installer/base/rel_path.hpp"

namespace eb {

/// What a file probably holds, judged by its name alone, so that a plan needs no disk. Files of one
/// class lie together in the stream, because a compressor that sees like beside like finds more;
/// the order of the values is the order in the stream.
enum class ContentClass { kText, kPython, kBytecode, kOther, kBinary, kPacked };

ContentClass content_class(const RelPath& path, bool executable);

}  // namespace eb
