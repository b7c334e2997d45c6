// ZSTD_getFrameHeader and ZSTD_d_stableOutBuffer are in the static part of zstd's interface; the
// library is linked statically.
#define ZSTD_STATIC_LINKING_ONLY
#include "installer/install/frame_decoder.hpp"

#include <zstd.h>

#include <algorithm>
#include <new>
#include <string>

#include "installer/base/error.hpp"
#include "installer/format/container.hpp"

namespace eb {
namespace {

// Compressed bytes that zstd gets at a time: what they decode to fits into a core's own cache
// (measured on 1 MiB: 64 to 256 KiB are alike, whole frames of 8 MiB are slower).
constexpr size_t kPieceSize = 128u << 10;

// What O_DIRECT may ask of a buffer (spanning_file.cpp): content lies at multiples of 512 bytes in
// it.
constexpr std::align_val_t kRawAlignment{4096};

struct AlignedDelete {
  void operator()(std::byte* memory) const { ::operator delete[](memory, kRawAlignment); }
};

std::string named(size_t number) { return "frame " + std::to_string(number); }

[[noreturn]] void refuse_frame(size_t number, std::string why) {
  throw Error(ExitCode::kMalformed, named(number) + " breaks the format's rules")
      .why(std::move(why))
      .hint("the bundle was made wrongly: have it built again with 'envbundle build'");
}

[[noreturn]] void mismatch(size_t number, std::string why) {
  throw Error(ExitCode::kDigestMismatch, named(number) + " does not decode to what the index says")
      .why(std::move(why))
      .hint("the bundle was made wrongly: have it built again with 'envbundle build'");
}

// What zstd itself would allow is wider than FORMAT §4: everything that decides how much memory is
// used is looked at before zstd gets to work.
void check_header(Bytes data, const Frame& frame, size_t number) {
  const auto refuse = [number](std::string why) { refuse_frame(number, std::move(why)); };
  ZSTD_frameHeader header{};
  const size_t result = ZSTD_getFrameHeader(&header, data.data(), data.size());
  if (ZSTD_isError(result) != 0) {
    refuse(std::string("its header is refused: ") + ZSTD_getErrorName(result));
  }
  if (result != 0) refuse("it ends within its header");
  if (header.frameType != ZSTD_frame) refuse("it is a skippable frame");
  if (header.frameContentSize == ZSTD_CONTENTSIZE_UNKNOWN) refuse("it does not state its size");
  if (header.frameContentSize != frame.raw_size) {
    refuse("it states " + std::to_string(header.frameContentSize) + " bytes, the index " +
           std::to_string(frame.raw_size));
  }
  if (header.windowSize > 1ull << kMaxWindowLog) {
    refuse("its window is " + std::to_string(header.windowSize) + " bytes; at most " +
           std::to_string(1ull << kMaxWindowLog) + " are allowed");
  }
  if (header.dictID != 0) refuse("it wants a dictionary");
  if (header.checksumFlag == 0) refuse("it has no checksum");
  const size_t size = ZSTD_findFrameCompressedSize(data.data(), data.size());
  if (ZSTD_isError(size) != 0) refuse("its blocks are damaged");
  if (size != data.size()) {
    refuse("there are " + std::to_string(data.size() - size) + " bytes after its end");
  }
}

}  // namespace

struct FrameDecoder::State {
  // Not zeroed: every byte that is read was written before.
  std::unique_ptr<std::byte[]> compressed;
  std::unique_ptr<std::byte[], AlignedDelete> raw;
  uint64_t compressed_capacity;
  uint64_t raw_capacity;
  Bytes input;
  ZSTD_DCtx* context = ZSTD_createDCtx();
  Sha256Hasher hasher;

  explicit State(const IndexTotals& totals)
      : compressed(std::make_unique_for_overwrite<std::byte[]>(totals.largest_compressed_frame)),
        raw(new (kRawAlignment) std::byte[totals.largest_raw_frame]),
        compressed_capacity(totals.largest_compressed_frame),
        raw_capacity(totals.largest_raw_frame) {
    if (context == nullptr) throw std::bad_alloc();
    ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, kMaxWindowLog);
    // Decodes to where the bytes are wanted; zstd keeps no window of its own.
    ZSTD_DCtx_setParameter(context, ZSTD_d_stableOutBuffer, 1);
  }
  ~State() { ZSTD_freeDCtx(context); }
};

FrameDecoder::FrameDecoder(const IndexTotals& totals) : state_(std::make_unique<State>(totals)) {}
FrameDecoder::~FrameDecoder() = default;

std::span<std::byte> FrameDecoder::input(uint64_t compressed_size) {
  if (compressed_size > state_->compressed_capacity) {
    throw Error(ExitCode::kInternal, "a frame is larger than the largest one");
  }
  const std::span<std::byte> out(state_->compressed.get(), compressed_size);
  state_->input = out;
  return out;
}

void FrameDecoder::decode(const Frame& frame, size_t number, const PieceFunction& piece) {
  State& state = *state_;
  state.hasher.update(state.input);
  if (const Sha256 actual = state.hasher.finish(); actual != frame.digest) {
    throw Error(ExitCode::kDigestMismatch, named(number) + " does not match its digest")
        .why("expected sha256 " + frame.digest.hex() + ", got " + actual.hex())
        .hint(
            "the file was damaged on its way; compare its sha256 with the one published beside "
            "it");
  }
  check_header(state.input, frame, number);
  if (frame.raw_size > state.raw_capacity) {
    throw Error(ExitCode::kInternal, "a frame is larger than the largest one");
  }
  ZSTD_DCtx_reset(state.context, ZSTD_reset_session_only);
  ZSTD_inBuffer in{state.input.data(), 0, 0};
  ZSTD_outBuffer out{state.raw.get(), frame.raw_size, 0};
  size_t left = 1;
  // Each round gives zstd more, so there is an end to them.
  while (left != 0 && in.size < state.input.size()) {
    in.size = std::min(in.size + kPieceSize, state.input.size());
    left = ZSTD_decompressStream(state.context, &out, &in);
    if (ZSTD_isError(left) != 0) mismatch(number, ZSTD_getErrorName(left));
    piece({state.raw.get(), out.pos});
  }
  if (left != 0 || out.pos != frame.raw_size) {
    mismatch(number, "expected " + std::to_string(frame.raw_size) + " bytes, got " +
                         std::to_string(out.pos) + (left != 0 ? " and no end" : ""));
  }
}

uint64_t FrameDecoder::memory_bytes(const IndexTotals& totals) {
  return totals.largest_compressed_frame + totals.largest_raw_frame + ZSTD_estimateDCtxSize();
}

}  // namespace eb
