#include "bundler/artifact/zip_file.hpp"

#include <zlib.h>

#include <algorithm>

#include "bundler/artifact/artifact_error.hpp"

namespace eb {

ZipFile::ZipFile(const std::filesystem::path& path, std::string name)
    : file_(path, std::move(name)), entries_(read_zip_structure(file_)) {
  by_name_.reserve(entries_.size());
  for (size_t i = 0; i < entries_.size(); ++i) by_name_.emplace(entries_[i].name, i);
}

const ZipEntry* ZipFile::find(std::string_view name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : &entries_[found->second];
}

std::string ZipFile::read(const ZipEntry& entry, uint64_t max_bytes) const {
  if (entry.size_bytes > max_bytes) {
    throw bad_artifact("a file of the archive is too large", name(), entry.name,
                       std::to_string(entry.size_bytes) + " bytes; at most " +
                           std::to_string(max_bytes) + " make sense here");
  }
  ZipEntryReader reader(*this, entry);
  std::string out(static_cast<size_t>(entry.size_bytes), '\0');
  size_t done = 0;
  while (const size_t got = reader.read(out.data() + done, out.size() - done)) done += got;
  // The end checks size and sum; an empty file gets there only by asking once more.
  char byte = 0;
  reader.read(&byte, 1);
  return out;
}

struct ZipEntryReader::State {
  const ZipFile& zip;
  const ZipEntry& entry;
  uint64_t next = 0;  // offset of the first compressed byte not yet read
  uint64_t compressed_left = 0;
  uint64_t size_left = 0;
  uLong crc = crc32(0, nullptr, 0);
  bool ended = false;
  z_stream stream{};
  bool has_stream = false;
  std::vector<std::byte> input;

  State(const ZipFile& z, const ZipEntry& e)
      : zip(z),
        entry(e),
        next(e.data_offset),
        compressed_left(e.compressed_bytes),
        size_left(e.size_bytes) {
    if (!entry.deflated) return;
    if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) throw std::bad_alloc();
    has_stream = true;
    input.resize(static_cast<size_t>(std::min<uint64_t>(compressed_left, uint64_t{256} * 1024)));
  }
  ~State() {
    if (has_stream) inflateEnd(&stream);
  }

  [[noreturn]] void fail(std::string why) const {
    throw bad_artifact("a damaged file in the archive", zip.name(), entry.name, std::move(why));
  }

  size_t take(void* buffer, size_t size) {
    const size_t want = static_cast<size_t>(std::min<uint64_t>(size, compressed_left));
    if (zip.file().read_at(next, buffer, want) != want) {
      throw Error(ExitCode::kIo, "the file became shorter while it was read").where(zip.name());
    }
    next += want;
    compressed_left -= want;
    return want;
  }

  // Some bytes of content, at least one unless the end was reached.
  size_t inflate_some(void* buffer, size_t size) {
    stream.next_out = static_cast<Bytef*>(buffer);
    stream.avail_out = static_cast<uInt>(std::min<size_t>(size, UINT32_MAX));
    const uInt room = stream.avail_out;
    while (stream.avail_out == room) {
      if (stream.avail_in == 0 && compressed_left > 0) {
        stream.next_in = reinterpret_cast<Bytef*>(input.data());
        stream.avail_in = static_cast<uInt>(take(input.data(), input.size()));
      }
      const int result = inflate(&stream, Z_NO_FLUSH);
      if (result == Z_STREAM_END) {
        ended = true;
        break;
      }
      if (result == Z_BUF_ERROR && stream.avail_in == 0 && compressed_left == 0) {
        fail("its compressed data is cut short");
      }
      if (result != Z_OK && result != Z_BUF_ERROR) {
        fail(stream.msg != nullptr ? stream.msg : "its compressed data is damaged");
      }
    }
    return room - stream.avail_out;
  }

  void check_end() const {
    if (size_left != 0) fail("it is shorter than the archive says");
    if (compressed_left != 0 || stream.avail_in != 0) fail("data stands after its end");
    if (crc != entry.crc) fail("its CRC-32 does not agree");
  }
};

ZipEntryReader::ZipEntryReader(const ZipFile& zip, const ZipEntry& entry)
    : state_(std::make_unique<State>(zip, entry)) {}

ZipEntryReader::~ZipEntryReader() = default;

size_t ZipEntryReader::read(void* buffer, size_t size) {
  State& state = *state_;
  size_t done = 0;
  while (done < size && !state.ended) {
    auto* at = static_cast<std::byte*>(buffer) + done;
    size_t got = 0;
    if (state.entry.deflated) {
      got = state.inflate_some(at, size - done);
    } else {
      got = state.take(at, size - done);
      state.ended = got == 0;
    }
    if (got > state.size_left) state.fail("it is longer than the archive says");
    state.size_left -= got;
    state.crc = crc32_z(state.crc, reinterpret_cast<const Bytef*>(at), got);
    done += got;
    if (state.ended) state.check_end();
  }
  return done;
}

}  // namespace eb
