#pragma once

#include <cstdint>
#include <vector>

#include "installer/base/events.hpp"
#include "installer/format/verified_bundle.hpp"
#include "installer/install/bundle_source.hpp"
#include "installer/install/stop_flag.hpp"
#include "installer/install/stream_layout.hpp"

namespace eb {

/// The frames that hold the content of the files `entries` (numbers in the index), sorted. An empty
/// file has the frame that its header ends in, as StreamLayout::check_frame() has it.
std::vector<size_t> frames_of(const StreamLayout& layout, const std::vector<uint32_t>& entries);

/// Reads these frames of a file, each once, compares digests, decodes, and hands on the content of
/// all files in them: `content` is called by up to `jobs` threads at once. Sends a phase "read" to
/// `events`. Throws as run_frames() does.
void read_frames(BundleSource& source, const VerifiedBundle& bundle, const StreamLayout& layout,
                 const std::vector<size_t>& frames, unsigned jobs,
                 const StreamLayout::ContentFunction& content, EventSink& events,
                 const StopFlag& stop);

}  // namespace eb
