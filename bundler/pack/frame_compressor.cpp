// ZSTD_CCtx_params, ZSTD_getCParams and the memory estimate are in the static part of zstd's
// interface; libzstd is linked statically, so they are of the release that compresses.
#define ZSTD_STATIC_LINKING_ONLY
#include "bundler/pack/frame_compressor.hpp"

#include <zstd.h>

#include <algorithm>
#include <bit>
#include <string>
#include <vector>

#include "installer/base/error.hpp"
#include "installer/format/container.hpp"

namespace eb {
namespace {

// Nothing is lost by it on a frame that cannot become smaller.
constexpr int kQuickestLevel = 1;

// What is looked at before a frame is compressed: 1 MiB of the 16 or 32, from all over it.
constexpr size_t kSamplePieces = 16;
constexpr size_t kSamplePieceBytes = size_t{64} * 1024;

std::vector<std::byte> sample_of(Bytes raw) {
  if (raw.size() <= kSamplePieces * kSamplePieceBytes) return {raw.begin(), raw.end()};
  std::vector<std::byte> out;
  out.reserve(kSamplePieces * kSamplePieceBytes);
  for (size_t i = 0; i < kSamplePieces; ++i) {
    const Bytes piece =
        raw.subspan((raw.size() - kSamplePieceBytes) / (kSamplePieces - 1) * i, kSamplePieceBytes);
    out.insert(out.end(), piece.begin(), piece.end());
  }
  return out;
}

size_t checked(size_t result, const char* what) {
  if (ZSTD_isError(result) != 0) {
    throw Error(ExitCode::kInternal, what).why(ZSTD_getErrorName(result));
  }
  return result;
}

int window_log_of(uint64_t frame_raw_size) {
  const int log = std::bit_width(std::max<uint64_t>(frame_raw_size, 2) - 1);
  return std::clamp(log, ZSTD_WINDOWLOG_MIN, kMaxWindowLog);
}

ZSTD_paramSwitch_e literals_of(int level) {
  return level <= kFastLevel ? ZSTD_ps_disable : ZSTD_ps_auto;
}

/// Everything that decides a byte, by name: defaults may change with a zstd release or with the
/// size of the input.
class Parameters {
 public:
  Parameters(int level, int window_log, ZSTD_paramSwitch_e literals) {
    if (params_ == nullptr) throw Error(ExitCode::kInternal, "cannot start zstd");
    const ZSTD_compressionParameters p = ZSTD_getCParams(level, 1ull << window_log, 0);
    set(ZSTD_c_format, ZSTD_f_zstd1);
    set(ZSTD_c_compressionLevel, level);
    set(ZSTD_c_windowLog, window_log);
    set(ZSTD_c_hashLog, static_cast<int>(p.hashLog) + more_hash_log(p.strategy));
    set(ZSTD_c_chainLog, static_cast<int>(p.chainLog));
    set(ZSTD_c_searchLog, static_cast<int>(p.searchLog));
    set(ZSTD_c_minMatch, static_cast<int>(p.minMatch));
    set(ZSTD_c_targetLength, static_cast<int>(p.targetLength));
    set(ZSTD_c_strategy, static_cast<int>(p.strategy));
    set(ZSTD_c_enableLongDistanceMatching, ZSTD_ps_enable);
    set(ZSTD_c_ldmHashLog, std::max(window_log - kLdmHashRateLog, ZSTD_LDM_HASHLOG_MIN));
    set(ZSTD_c_ldmHashRateLog, kLdmHashRateLog);
    set(ZSTD_c_ldmMinMatch, kLdmMinMatch);
    set(ZSTD_c_ldmBucketSizeLog, kLdmBucketSizeLog);
    set(ZSTD_c_useRowMatchFinder,
        p.strategy >= ZSTD_greedy && p.strategy <= ZSTD_lazy2 ? ZSTD_ps_enable : ZSTD_ps_disable);
    set(ZSTD_c_literalCompressionMode, literals);
    set(ZSTD_c_contentSizeFlag, 1);
    set(ZSTD_c_checksumFlag, 1);
    set(ZSTD_c_dictIDFlag, 0);
    set(ZSTD_c_nbWorkers, 0);
  }
  ~Parameters() { ZSTD_freeCCtxParams(params_); }
  Parameters(const Parameters&) = delete;
  Parameters& operator=(const Parameters&) = delete;

  const ZSTD_CCtx_params* get() const { return params_; }

 private:
  // zstd's own are 7 and 64. A match of 32 bytes is two instructions of a GPU: frames of PyTorch's
  // bundle become 1.2 % smaller by the quick search, 0.4 % by the greedy one; lazy ones gain
  // nothing.
  static constexpr int kLdmHashRateLog = 6;
  static constexpr int kLdmMinMatch = 32;
  static constexpr int kLdmBucketSizeLog = 3;

  /// The tables of the quick searches are made for a window of 2 MiB or less: with twice the places
  /// frames of 16 MiB become 0.6 % smaller by two tables, with four times 4 % by one.
  static int more_hash_log(ZSTD_strategy strategy) {
    if (strategy == ZSTD_fast) return 2;
    return strategy == ZSTD_dfast ? 1 : 0;
  }

  void set(ZSTD_cParameter parameter, int value) {
    checked(ZSTD_CCtxParams_setParameter(params_, parameter, value), "zstd refuses a parameter");
  }
  ZSTD_CCtx_params* params_ = ZSTD_createCCtxParams();
};

}  // namespace

uint64_t frame_raw_size_of(int level) { return (level == kMaxLevel ? 32ull : 16ull) << 20; }

struct FrameCompressor::State {
  State(int level, uint64_t frame_raw_size)
      : quickest(kQuickestLevel, window_log_of(frame_raw_size), ZSTD_ps_auto),
        chosen(level, window_log_of(frame_raw_size), literals_of(level)) {}
  ~State() { ZSTD_freeCCtx(context); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  size_t run(const Parameters& parameters, Bytes raw) {
    out.resize(std::max(out.size(), ZSTD_compressBound(raw.size())));
    checked(ZSTD_CCtx_reset(context, ZSTD_reset_session_and_parameters), "zstd cannot reset");
    checked(ZSTD_CCtx_setParametersUsingCCtxParams(context, parameters.get()),
            "zstd refuses its parameters");
    return checked(ZSTD_compress2(context, out.data(), out.size(), raw.data(), raw.size()),
                   "zstd cannot compress a frame");
  }

  /// Images, archives and device code that is compressed already gain nothing from a long search.
  bool is_packed(Bytes raw) {
    const std::vector<std::byte> sample = sample_of(raw);
    return run(quickest, sample) > sample.size() - sample.size() / 64;
  }

  const Parameters quickest;
  const Parameters chosen;
  ZSTD_CCtx* context = ZSTD_createCCtx();
  std::vector<std::byte> out;  ///< kept: new pages for each frame cost a tenth of the time
};

FrameCompressor::FrameCompressor(int level, uint64_t frame_raw_size) {
  if (level < 1 || level > kMaxLevel) {
    throw Error(ExitCode::kUsage, "no such compression level")
        .why(std::to_string(level) + " asked for; 1 to " + std::to_string(kMaxLevel) +
             " are possible");
  }
  state_ = std::make_unique<State>(level, frame_raw_size);
  if (state_->context == nullptr) throw Error(ExitCode::kInternal, "cannot start zstd");
}
FrameCompressor::~FrameCompressor() = default;
FrameCompressor::FrameCompressor(FrameCompressor&&) noexcept = default;
FrameCompressor& FrameCompressor::operator=(FrameCompressor&&) noexcept = default;

Bytes FrameCompressor::compress(Bytes raw) {
  const bool is_packed = state_->is_packed(raw);
  const size_t size = state_->run(is_packed ? state_->quickest : state_->chosen, raw);
  return Bytes(state_->out).first(size);
}

size_t FrameCompressor::memory_bytes(int level, uint64_t frame_raw_size) {
  const Parameters parameters(level, window_log_of(frame_raw_size), literals_of(level));
  return checked(ZSTD_estimateCCtxSize_usingCCtxParams(parameters.get()),
                 "zstd cannot tell its memory") +
         frame_raw_size + ZSTD_compressBound(frame_raw_size);
}

}  // namespace eb
