#include <algorithm>
#include <cstring>
#include <optional>
#include <vector>

#include "installer/format/tar_stream.hpp"
#include "installer/install/frame_cursor.hpp"
#include "installer/install/frame_decoder.hpp"
#include "tests/fuzz/fuzz_target.hpp"

namespace {

using namespace eb;

/// The files as a consumer gets them, frame by frame in the stream's order.
class Contents {
 public:
  explicit Contents(const Index& index) : index_(index), bytes_(index.entries.size()) {}

  void add(uint32_t number, uint64_t offset, Bytes data) {
    fuzz::require(number < bytes_.size(), "content is of an entry");
    const Entry& entry = index_.entries[number];
    std::vector<std::byte>& bytes = bytes_[number];
    fuzz::require(entry.type == EntryType::kFile, "only a file has content");
    fuzz::require(offset == bytes.size(), "content comes once and in order");
    fuzz::require(data.size() <= entry.size_bytes - offset, "content lies in its file");
    bytes.insert(bytes.end(), data.begin(), data.end());
  }

  /// The stream with this content, from what the bundler makes it of.
  std::vector<std::byte> stream(uint64_t epoch) const {
    std::vector<std::byte> out;
    for (const uint32_t number : stream_order(index_)) {
      const Entry& entry = index_.entries[number];
      fuzz::require(bytes_[number].size() == entry.size_bytes, "all content is handed on");
      const std::vector<std::byte> header = tar_header(entry, epoch);
      out.insert(out.end(), header.begin(), header.end());
      out.insert(out.end(), bytes_[number].begin(), bytes_[number].end());
      out.resize(out.size() + tar_padding(entry.size_bytes));
    }
    out.resize(out.size() + kTarEndSize);
    return out;
  }

 private:
  const Index& index_;
  std::vector<std::vector<std::byte>> bytes_;
};

/// Cuts `data` into frames; nullopt when there is too little. A digest that is wrong stops nearly
/// every input, so the index gets those that are right, and the last frame has all that is left.
std::optional<std::vector<Bytes>> cut(Index& index, Bytes data, bool compressed) {
  std::vector<Bytes> out;
  for (Frame& frame : index.frames) {
    if (compressed && &frame == &index.frames.back()) frame.compressed_size = data.size();
    const uint64_t size = compressed ? frame.compressed_size : frame.raw_size;
    if (data.size() < size) return std::nullopt;
    out.push_back(data.first(size));
    frame.digest = sha256(out.back());
    data = data.subspan(size);
  }
  return out;
}

}  // namespace

// How (odd: the frames are compressed; the rest: the step in which plain ones become known), two
// bytes for the size of the index, the index, the frames.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const Bytes input = fuzz::bytes_of(data, size);
  if (size < 3) return 0;
  const bool compressed = (data[0] & 1) != 0;
  const size_t step = 1 + 64 * size_t{data[0]};
  const size_t index_size = std::min<size_t>(data[1] + 256 * data[2], size - 3);
  Index index;
  if (!fuzz::accepts([&] { index = parse_index(input.subspan(3, index_size)); },
                     ExitCode::kMalformed)) {
    return 0;
  }
  const auto frames = cut(index, input.subspan(3 + index_size), compressed);
  constexpr uint64_t kMaxRaw = 1 << 20;  // more is no other code, and slow
  if (!frames || totals(index).raw_bytes > kMaxRaw) return 0;

  const StreamLayout layout(index);
  FrameDecoder decoder(totals(index));
  Contents contents(index);
  std::vector<std::byte> stream;
  fuzz::accepts(
      [&] {
        for (size_t i = 0; i < frames->size(); ++i) {
          const Bytes frame = (*frames)[i];
          FrameCursor cursor(layout, i);
          Bytes raw;
          const auto known = [&](Bytes so_far) {
            fuzz::require(so_far.size() <= index.frames[i].raw_size, "a frame keeps to its size");
            raw = so_far;
            cursor.advance(so_far, [&](uint32_t entry, uint64_t offset, Bytes content) {
              contents.add(entry, offset, content);
            });
          };
          if (compressed) {
            std::ranges::copy(frame, decoder.input(frame.size()).begin());
            decoder.decode(index.frames[i], i, known);
          } else {
            for (size_t end = step; end < frame.size(); end += step) known(frame.first(end));
            known(frame);
          }
          stream.insert(stream.end(), raw.begin(), raw.end());
        }
        fuzz::require(stream == contents.stream(layout.epoch()),
                      "a stream that is accepted is the one that its index describes");
      },
      ExitCode::kMalformed, ExitCode::kDigestMismatch);
  return 0;
}
