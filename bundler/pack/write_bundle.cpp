#include <algorithm>
#include <atomic>
#include <chrono>

#include "bundler/pack/frame_compressor.hpp"
#include "bundler/pack/frame_writer.hpp"
#include "bundler/pack/output_file.hpp"
#include "bundler/pack/pack.hpp"
#include "bundler/pack/resign.hpp"
#include "bundler/pack/tar_source.hpp"
#include "installer/base/error.hpp"
#include "installer/base/worker_pool.hpp"
#include "installer/format/container.hpp"

namespace eb {
namespace {

uint64_t data_offset(uint64_t index_size, uint64_t signatures_size) {
  Prologue prologue;
  prologue.index_size = static_cast<uint32_t>(index_size);
  prologue.signatures_size = static_cast<uint32_t>(signatures_size);
  return prologue.data_offset();
}

uint64_t expected_signatures_size(const std::vector<size_t>& sizes) {
  std::vector<std::vector<std::byte>> blobs;
  blobs.reserve(sizes.size());
  for (const size_t size : sizes) blobs.emplace_back(size);
  return encode_signatures(blobs).size();
}

// Records have a fixed width, so an index with made-up frames is as long as the real one will be.
uint64_t encoded_size(Index index) {
  for (Frame& frame : index.frames) frame.compressed_size = 1;
  return encode_index(index).size();
}

void compress_frames(const TarSource& source, std::vector<Frame>& frames, FrameWriter& writer,
                     int level, const PackOptions& options, unsigned threads) {
  std::vector<uint64_t> starts;
  uint64_t at = 0;
  for (const Frame& frame : frames) {
    starts.push_back(at);
    at += frame.raw_size;
  }
  std::atomic<size_t> next = 0;
  // Each item is a whole worker, which takes frames until there are none.
  for_each_parallel(threads, threads, [&](size_t) {
    try {
      FrameCompressor compressor(level, options.frame_raw_size);
      std::vector<std::byte> buffer(static_cast<size_t>(options.frame_raw_size));
      for (size_t i = next++; i < frames.size() && writer.wait_for_turn(i); i = next++) {
        const std::span raw = std::span(buffer).first(static_cast<size_t>(frames[i].raw_size));
        source.read(starts[i], raw);
        writer.put(i, compressor.compress(raw));
      }
    } catch (...) {
      writer.fail();
      throw;
    }
  });
}

}  // namespace

void write_header(OutputFile& file, Bytes index, Bytes signatures, uint64_t data_size) {
  Prologue prologue;
  prologue.index_size = static_cast<uint32_t>(index.size());
  prologue.signatures_size = static_cast<uint32_t>(signatures.size());
  prologue.data_size = data_size;
  prologue.index_digest = sha256(index);
  file.write(encode_prologue(prologue), 0);
  const std::vector<std::byte> index_header = skippable_header(prologue.index_size);
  file.write(index_header, prologue.index_offset() - index_header.size());
  file.write(index, prologue.index_offset());
  const std::vector<std::byte> signatures_header = skippable_header(prologue.signatures_size);
  file.write(signatures_header, prologue.signatures_offset() - signatures_header.size());
  file.write(signatures, prologue.signatures_offset());
}

Index write_bundle(const Tree& tree, const PackPlan& plan, const std::filesystem::path& file,
                   const PackOptions& options, const Signer& signer, EventSink& events) {
  const auto begun = std::chrono::steady_clock::now();
  const int level = options.level == 0 ? kDefaultLevel : options.level;
  const size_t frame_memory = FrameCompressor::memory_bytes(level, options.frame_raw_size);
  const auto threads = static_cast<unsigned>(std::clamp<uint64_t>(
      options.threads, 1, std::max<uint64_t>(1, kMaxPackMemory / (2 * frame_memory))));

  const TarSource source(tree, plan);
  Index index = plan.index;
  const uint64_t index_size = encoded_size(index);
  if (index_size > kMaxIndexSize) {
    throw Error(ExitCode::kConflict, "the tree has too many entries for one bundle")
        .where(tree.root.string())
        .why("its index takes " + std::to_string(index_size) + " bytes; at most " +
             std::to_string(kMaxIndexSize) + " are allowed")
        .hint("leave files out with `prune` in the manifest");
  }
  const uint64_t reserved =
      data_offset(index_size, expected_signatures_size(options.signature_sizes));

  OutputFile output(file);
  events.on(PhaseStarted{"pack", source.size_bytes(), "bytes"});
  FrameWriter writer(output, reserved, index.frames, 2 * size_t{threads}, events);
  compress_frames(source, index.frames, writer, level, options, threads);

  const std::vector<std::byte> index_bytes = encode_index(index);
  if (index_bytes.size() != index_size) {
    throw Error(ExitCode::kInternal, "the index has not the size that was reserved for it");
  }
  const std::vector<std::byte> signatures =
      encode_signatures(signer ? signer(index_bytes) : std::vector<std::vector<std::byte>>{});
  output.move_tail(reserved, writer.data_size(), data_offset(index_size, signatures.size()));
  write_header(output, index_bytes, signatures, writer.data_size());
  output.commit();
  events.on(PhaseFinished{
      "pack", std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count()});
  return index;
}

}  // namespace eb
