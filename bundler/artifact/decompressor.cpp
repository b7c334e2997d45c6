#include "bundler/artifact/decompressor.hpp"

#include <archive.h>
#include <archive_entry.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <exception>
#include <vector>

#include "bundler/artifact/artifact_error.hpp"

namespace eb {

// libarchive's filters without its formats: what the decoded bytes mean is tar.cpp's to say.
struct Decompressor::State {
  const InputFile& file;
  uint64_t next = 0;
  uint64_t end = 0;
  Codec codec = Codec::kNone;
  uint64_t max_bytes = 0;
  uint64_t decoded_bytes = 0;
  archive* reader = nullptr;
  std::vector<std::byte> input = std::vector<std::byte>(size_t{256} * 1024);
  const std::byte* block = nullptr;  // decoded and not yet taken
  size_t block_size = 0;
  std::exception_ptr failure;  // of the callback, which must not throw through C

  explicit State(const InputFile& f) : file(f) {}
  ~State() { archive_read_free(reader); }

  static la_ssize_t feed(archive* reader, void* self, const void** buffer) {
    auto& state = *static_cast<State*>(self);
    try {
      const size_t want =
          static_cast<size_t>(std::min<uint64_t>(state.input.size(), state.end - state.next));
      const size_t got = state.file.read_at(state.next, state.input.data(), want);
      state.next += got;
      *buffer = state.input.data();
      return static_cast<la_ssize_t>(got);
    } catch (...) {
      state.failure = std::current_exception();
      archive_set_error(reader, EIO, "cannot read");
      return ARCHIVE_FATAL;
    }
  }

  [[noreturn]] void fail() {
    if (failure) std::rethrow_exception(failure);
    const char* text = archive_error_string(reader);
    throw bad_artifact("cannot decompress the archive", file.name(), "",
                       text != nullptr ? text : "the compressed data is damaged");
  }

  void open() {
    reader = archive_read_new();
    if (reader == nullptr) throw std::bad_alloc();
    int result = archive_read_support_format_raw(reader);
    switch (codec) {
      case Codec::kNone:
        break;
      case Codec::kGzip:
        result = std::min(result, archive_read_support_filter_gzip(reader));
        break;
      case Codec::kXz:
        result = std::min(result, archive_read_support_filter_xz(reader));
        break;
      case Codec::kZstd:
        result = std::min(result, archive_read_support_filter_zstd(reader));
        break;
      case Codec::kBzip2:
        result = std::min(result, archive_read_support_filter_bzip2(reader));
        break;
      case Codec::kLzma:
        result = std::min(result, archive_read_support_filter_lzma(reader));
        break;
    }
    // ARCHIVE_WARN: libarchive would run an external program, because it was built without the
    // library.
    if (result != ARCHIVE_OK) {
      throw Error(ExitCode::kInternal, "libarchive was built without a compression that is needed")
          .where(file.name());
    }
    if (archive_read_open(reader, this, nullptr, feed, nullptr) != ARCHIVE_OK) fail();
    archive_entry* entry = nullptr;
    if (archive_read_next_header(reader, &entry) != ARCHIVE_OK) fail();
    // A filter that does not recognise its magic stands aside and would hand the bytes through.
    if (codec != Codec::kNone && archive_filter_count(reader) != 2) {
      throw bad_artifact("cannot decompress the archive", file.name(), "",
                         "the data is not what its name says");
    }
  }
};

Decompressor::Decompressor(const InputFile& file, uint64_t offset, uint64_t size_bytes, Codec codec,
                           uint64_t max_decoded_bytes)
    : state_(std::make_unique<State>(file)) {
  state_->next = offset;
  state_->end = offset + size_bytes;
  state_->codec = codec;
  state_->max_bytes = max_decoded_bytes;
  state_->open();
}

Decompressor::~Decompressor() = default;

size_t Decompressor::read(void* buffer, size_t size) {
  State& state = *state_;
  size_t done = 0;
  while (done < size) {
    if (state.block_size == 0) {
      const void* data = nullptr;
      la_int64_t offset = 0;
      const int result = archive_read_data_block(state.reader, &data, &state.block_size, &offset);
      if (result == ARCHIVE_EOF) {
        state.block_size = 0;
        break;
      }
      if (result != ARCHIVE_OK) state.fail();
      state.block = static_cast<const std::byte*>(data);
      state.decoded_bytes += state.block_size;
      if (state.decoded_bytes > state.max_bytes) {
        throw bad_artifact("the archive decodes to too much", state.file.name(), "",
                           "more than " + std::to_string(state.max_bytes) + " bytes");
      }
      continue;
    }
    const size_t count = std::min(size - done, state.block_size);
    std::memcpy(static_cast<std::byte*>(buffer) + done, state.block, count);
    state.block += count;
    state.block_size -= count;
    done += count;
  }
  return done;
}

}  // namespace eb
