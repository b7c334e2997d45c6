#include "corpus_maker.hpp"

namespace eb::test {
namespace {

Blob blob_of(const std::string& text) { return {as_bytes(text).begin(), as_bytes(text).end()}; }

}  // namespace

void add_damaged_contents(CorpusMaker& corpus) {
  const HandMadeBundle good = corpus.made();
  const Blob raw(good.raw(0).begin(), good.raw(0).end());
  corpus.add("data-no-size", 10, "a frame that does not state its size",
             corpus.of_frame(0, compress_frame(raw, {.content_size = false})));
  corpus.add("data-no-checksum", 10, "a frame without checksum",
             corpus.of_frame(0, compress_frame(raw, {.checksum = false})));
  corpus.add("data-less", 10, "a frame that states less than the index",
             corpus.of_frame(0, compress_frame(Bytes(raw).first(raw.size() - 1))));
  Blob more = raw;
  more.push_back(std::byte{0});
  corpus.add("data-more", 10, "a frame that states more than the index",
             corpus.of_frame(0, compress_frame(more)));
  const std::string size = number<uint64_t>(raw.size());
  corpus.add("data-window", 10, "a window of 3.75 TB",
             corpus.of_frame(0, blob_of("\x28\xB5\x2F\xFD\xC4\xFF" + size +
                                        std::string("\x01\0\0\0\0\0\0", 7))));
  corpus.add("data-legacy", 10, "zstd 0.7's magic",
             corpus.of_frame(0, blob_of("\x27\xB5\x2F\xFD" + std::string(16, '\0'))));
  corpus.add(
      "data-skippable", 10, "a skippable frame",
      corpus.of_frame(0, blob_of("\x50\x2A\x4D\x18" + number<uint32_t>(8) + std::string(8, '\0'))));
  corpus.add("data-gzip", 10, "gzip",
             corpus.of_frame(0, blob_of("\x1f\x8b\x08" + std::string(20, '\0'))));
  Blob dictionary = compress_frame(raw);
  const size_t at = (std::to_integer<int>(dictionary[4]) & 0x20) != 0 ? 5 : 6;
  dictionary[4] |= std::byte{1};
  dictionary.insert(dictionary.begin() + static_cast<ptrdiff_t>(at), std::byte{7});
  corpus.add("data-dictionary", 10, "a frame that wants a dictionary",
             corpus.of_frame(0, dictionary));
  Blob after = compress_frame(raw);
  after.push_back(std::byte{0});
  corpus.add("data-byte-after", 10, "a byte after the frame's end, inside its bounds",
             corpus.of_frame(0, after));
  Blob second = compress_frame(raw);
  const Blob empty = compress_frame(Bytes());
  second.insert(second.end(), empty.begin(), empty.end());
  corpus.add("data-two-frames", 10, "a second, empty frame inside the first one's bounds",
             corpus.of_frame(0, second));
  Blob zeros(raw.size());
  corpus.add("data-other-content", 13, "another content of the right size, signed",
             corpus.of_frame(0, compress_frame(zeros)));
  Blob header = raw;
  header[100] = std::byte{'4'};
  corpus.add("data-tar-mode", 13, "a tar header with a set-id bit",
             corpus.of_frame(0, compress_frame(header)));
  std::string changed = corpus.whole;
  changed[corpus.data_at + 30] = static_cast<char>(changed[corpus.data_at + 30] ^ 1);
  corpus.add("data-one-bit", 13, "one bit of a frame", changed);
  changed = corpus.whole;
  changed.replace(changed.size() - 100, 100, std::string(100, '\0'));
  corpus.add("data-hole", 13, "zeros in place of the last bytes", changed);
  const std::string first = text_of(good.frames[0]);
  const std::string next = text_of(good.frames[1]);
  corpus.add("data-exchanged", 13, "two frames exchanged",
             corpus.whole.substr(0, corpus.data_at) + next + first +
                 corpus.data.substr(first.size() + next.size()));
  HandMadeBundle other = corpus.made();
  other.index.entries[1].digest = sha256(as_bytes("other"));
  corpus.add("data-file-digest", 0,
             "the digest of a file is another's: the frames' digests vouch for what is installed, "
             "`verify` finds it",
             read_text(other.write(corpus.shop)));
}

}  // namespace eb::test
