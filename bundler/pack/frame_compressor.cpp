// ZSTD_getCParams and the memory estimate are in the static part of zstd's interface; libzstd is
// linked statically, so they are of the release that compresses.
#define ZSTD_STATIC_LINKING_ONLY
#include "bundler/pack/frame_compressor.hpp"

#include <zstd.h>

#include <string>

#include "installer/base/error.hpp"
#include "installer/format/container.hpp"

namespace eb {
namespace {

// What a first look at an incompressible frame costs less than.
constexpr int kProbeLevel = 1;

size_t checked(size_t result, const char* what) {
  if (ZSTD_isError(result) != 0) {
    throw Error(ExitCode::kInternal, what).why(ZSTD_getErrorName(result));
  }
  return result;
}

ZSTD_compressionParameters parameters_of(int level) {
  ZSTD_compressionParameters parameters = ZSTD_getCParams(level, 1ull << kMaxWindowLog, 0);
  if (parameters.windowLog > static_cast<unsigned>(kMaxWindowLog)) {
    parameters.windowLog = kMaxWindowLog;
  }
  return parameters;
}

}  // namespace

struct FrameCompressor::State {
  int level;
  ZSTD_CCtx* context = ZSTD_createCCtx();
  ~State() { ZSTD_freeCCtx(context); }

  void set(ZSTD_cParameter parameter, int value) {
    checked(ZSTD_CCtx_setParameter(context, parameter, value), "zstd refuses a parameter");
  }
  // Everything that decides a byte is set by name: defaults may change with a zstd release or with
  // the size of the input.
  void configure(int use_level) {
    const ZSTD_compressionParameters p = parameters_of(use_level);
    checked(ZSTD_CCtx_reset(context, ZSTD_reset_session_and_parameters), "zstd cannot reset");
    set(ZSTD_c_format, ZSTD_f_zstd1);
    set(ZSTD_c_compressionLevel, use_level);
    set(ZSTD_c_windowLog, static_cast<int>(p.windowLog));
    set(ZSTD_c_hashLog, static_cast<int>(p.hashLog));
    set(ZSTD_c_chainLog, static_cast<int>(p.chainLog));
    set(ZSTD_c_searchLog, static_cast<int>(p.searchLog));
    set(ZSTD_c_minMatch, static_cast<int>(p.minMatch));
    set(ZSTD_c_targetLength, static_cast<int>(p.targetLength));
    set(ZSTD_c_strategy, static_cast<int>(p.strategy));
    set(ZSTD_c_enableLongDistanceMatching, ZSTD_ps_disable);
    set(ZSTD_c_useRowMatchFinder,
        p.strategy >= ZSTD_greedy && p.strategy <= ZSTD_lazy2 ? ZSTD_ps_enable : ZSTD_ps_disable);
    set(ZSTD_c_literalCompressionMode, ZSTD_ps_auto);
    set(ZSTD_c_contentSizeFlag, 1);
    set(ZSTD_c_checksumFlag, 1);
    set(ZSTD_c_dictIDFlag, 0);
    set(ZSTD_c_nbWorkers, 0);
  }
  size_t run(int use_level, Bytes raw, std::vector<std::byte>& out) {
    configure(use_level);
    return checked(ZSTD_compress2(context, out.data(), out.size(), raw.data(), raw.size()),
                   "zstd cannot compress a frame");
  }
};

FrameCompressor::FrameCompressor(int level) : state_(std::make_unique<State>()) {
  if (level < 1 || level > kMaxLevel) {
    throw Error(ExitCode::kUsage, "no such compression level")
        .why(std::to_string(level) + " asked for; 1 to " + std::to_string(kMaxLevel) +
             " are possible");
  }
  if (state_->context == nullptr) throw Error(ExitCode::kInternal, "cannot start zstd");
  state_->level = level;
}
FrameCompressor::~FrameCompressor() = default;
FrameCompressor::FrameCompressor(FrameCompressor&&) noexcept = default;
FrameCompressor& FrameCompressor::operator=(FrameCompressor&&) noexcept = default;

std::vector<std::byte> FrameCompressor::compress(Bytes raw) {
  std::vector<std::byte> out(ZSTD_compressBound(raw.size()));
  // Images, archives and device code that is compressed already gain nothing from a long search.
  size_t size = state_->run(kProbeLevel, raw, out);
  const bool is_packed = size > raw.size() - raw.size() / 64;
  if (!is_packed && state_->level != kProbeLevel) size = state_->run(state_->level, raw, out);
  out.resize(size);
  out.shrink_to_fit();
  return out;
}

size_t FrameCompressor::memory_bytes(int level, size_t frame_raw_size) {
  return ZSTD_estimateCCtxSize_usingCParams(parameters_of(level)) + frame_raw_size +
         ZSTD_compressBound(frame_raw_size);
}

}  // namespace eb
