#include "corpus_maker.hpp"

namespace eb::test {

void add_damaged_containers(CorpusMaker& corpus) {
  const std::string& good = corpus.whole;
  corpus.add("container-empty", 10, "no byte at all", "");
  corpus.add("container-other-magic", 10, "a zip file", "PK\x03\x04" + std::string(200, 'x'));
  corpus.add("container-plain-zstd", 10, "the data frames alone: a zstd file, no bundle",
             corpus.data);
  for (const size_t at : {1, 4, 8, 19, 20, 24, 71, 103, 104, 108, 112}) {
    corpus.add("container-cut-at-" + std::to_string(at), 10,
               "cut after " + std::to_string(at) + " bytes", good.substr(0, at));
  }
  corpus.add("container-cut-in-index", 10, "cut in the middle of the index",
             good.substr(0, corpus.index_at + 40));
  corpus.add("container-cut-before-signatures", 10, "cut before the signature frame's header",
             good.substr(0, corpus.signatures_at - 8));
  corpus.add("container-cut-in-signatures", 10, "cut in the signatures",
             good.substr(0, corpus.data_at - 3));
  corpus.add("container-cut-before-data", 10, "no data frame is there",
             good.substr(0, corpus.data_at));
  corpus.add("container-cut-in-data", 10, "cut in the first frame",
             good.substr(0, corpus.data_at + 11));
  corpus.add("container-cut-last-byte", 10, "the last byte is missing",
             good.substr(0, good.size() - 1));
  corpus.add("container-one-byte-more", 10, "a byte after the last frame", good + "x");
  corpus.add("container-zeros-after", 10, "512 zeros after the last frame",
             good + std::string(512, '\0'));
  corpus.add("container-twice", 10, "the bundle, and the bundle again", good + good);
  corpus.add("container-skippable-after", 10, "an empty skippable frame after the last frame",
             good + text_of(skippable_header(0)));
  std::string mangled = good;
  mangled.replace(mangled.find("\r\n\x1a\n"), 4, "\n\x1a\n");
  corpus.add("container-line-ends", 10, "CR LF became LF, as in a transfer as text", mangled);
  mangled = good;
  for (char& c : mangled) c = static_cast<char>(c & 0x7F);
  corpus.add("container-seven-bits", 10, "the eighth bit of every byte is gone", mangled);
  corpus.add("container-major-2", 10, "major version 2",
             corpus.with_prologue(20, number<uint16_t>(2)));
  corpus.add("container-major-0", 10, "major version 0",
             corpus.with_prologue(20, number<uint16_t>(0)));
  std::string digest = good;
  digest[80] = static_cast<char>(digest[80] ^ 1);
  corpus.add("container-prologue-digest", 10, "the prologue's own digest is wrong", digest);
  corpus.add("container-index-size-0", 10, "index size 0",
             corpus.with_prologue(24, number<uint32_t>(0)));
  corpus.add("container-index-size-max", 10, "index size 2^32-1",
             corpus.with_prologue(24, number<uint32_t>(~0u)));
  corpus.add("container-index-size-cap", 10, "index size one above its cap",
             corpus.with_prologue(24, number<uint32_t>(kMaxIndexSize + 1)));
  corpus.add("container-signatures-size-cap", 10, "signatures size one above its cap",
             corpus.with_prologue(28, number<uint32_t>(kMaxSignaturesSize + 1)));
  corpus.add("container-signatures-size-0", 10, "signatures size 0",
             corpus.with_prologue(28, number<uint32_t>(0)));
  corpus.add("container-data-size-0", 10, "data size 0",
             corpus.with_prologue(32, number<uint64_t>(0)));
  corpus.add("container-data-size-max", 10, "data size 2^64-1",
             corpus.with_prologue(32, number<uint64_t>(~0ull)));
  corpus.add("container-data-size-one-more", 10, "data size larger than the file",
             corpus.with_prologue(32, number<uint64_t>(corpus.data.size() + 1)));
  std::string header = good;
  header[corpus.index_at - 8] = 0x50;
  corpus.add("container-index-frame-magic", 10, "another skippable magic before the index", header);
  header = good;
  header[corpus.index_at - 4] = static_cast<char>(header[corpus.index_at - 4] + 1);
  corpus.add("container-index-frame-size", 10, "the index frame's header states another size",
             header);
  header = good;
  header[corpus.signatures_at - 4] = static_cast<char>(header[corpus.signatures_at - 4] + 1);
  corpus.add("container-signature-frame-size", 10,
             "the signature frame's header states another size", header);
  header = good;
  header[corpus.index_at + 30] = static_cast<char>(header[corpus.index_at + 30] ^ 4);
  corpus.add("container-index-changed", 13, "one bit of the index", header);
  corpus.add("container-other-index-digest", 13, "the prologue names another index",
             corpus.with_prologue(40, text_of(sha256(as_bytes("other")).bytes)));
}

}  // namespace eb::test
