#include <algorithm>

#include "corpus_maker.hpp"
#include "sound_index.hpp"

namespace eb::test {

void add_damaged_sections(CorpusMaker& corpus) {
  std::vector<RawSection> good = laid_out(good_entries());
  // Right but for the frame, whose digest is that of nothing: what follows is wrong before that.
  corpus.add("index-sound", 13, "a sound index whose frame is not what it says",
             corpus.of_sections(good));
  const std::string index = text_of(raw_index(good));
  corpus.add("index-magic", 10, "the index begins otherwise",
             corpus.of_index("EBINDEY" + index.substr(7)));
  for (const uint32_t count : {0u, 2u, 4u, 65u, ~0u}) {
    std::string text = index;
    text.replace(8, 4, number(count));
    corpus.add("index-sections-" + std::to_string(count), 10,
               "the index says " + std::to_string(count) + " sections", corpus.of_index(text));
  }
  corpus.add("index-byte-after", 10, "a byte after the last section", corpus.of_index(index + "x"));
  corpus.add("index-short", 10, "ends in a section",
             corpus.of_index(index.substr(0, index.size() - 5)));
  std::vector<RawSection> changed = good;
  std::swap(changed[0], changed[1]);
  corpus.add("index-order", 10, "frames before meta", corpus.of_sections(changed));
  changed = good;
  changed.push_back(good[2]);
  corpus.add("index-section-twice", 10, "entries twice", corpus.of_sections(changed));
  changed = good;
  changed.push_back({"future", 1, {}});
  corpus.add("index-required-unknown", 10, "an unknown section that is marked as required",
             corpus.of_sections(changed));
  changed = good;
  changed.push_back({"zz", 0, {}});
  changed.push_back({"aa", 0, {}});
  corpus.add("index-optional-order", 10, "optional sections not in order",
             corpus.of_sections(changed));
  changed = good;
  changed.push_back({"Upper", 0, {}});
  corpus.add("index-section-name", 10, "a section's name with a capital",
             corpus.of_sections(changed));
  changed = good;
  changed[0].required = 3;
  corpus.add("index-section-flags", 10, "an unknown flag", corpus.of_sections(changed));
  changed = good;
  changed[2].required = 0;
  corpus.add("index-entries-optional", 10, "entries not marked as required",
             corpus.of_sections(changed));
}

void add_damaged_meta(CorpusMaker& corpus) {
  const auto with = [&corpus](const std::string& name, int code, const std::string& what,
                              std::vector<std::pair<std::string, std::string>> more,
                              const std::string& without = "") {
    auto all = good_meta();
    std::erase_if(all, [&](const auto& pair) {
      return pair.first == without ||
             std::ranges::any_of(more, [&](const auto& m) { return m.first == pair.first; });
    });
    all.insert(all.end(), more.begin(), more.end());
    std::ranges::stable_sort(all, {}, [](const auto& pair) { return pair.first; });
    corpus.add("meta-" + name, code, what, corpus.of_sections(laid_out(good_entries(), all)));
  };
  for (const char* key : {"name", "platform", "epoch"}) {
    with(std::string("no-") + key, 10, std::string("no ") + key, {}, key);
  }
  with("key-twice", 10, "a key twice", {{"x", "1"}, {"x", "1"}});
  with("key-capital", 10, "a key with a capital", {{"Key", "1"}});
  with("key-empty", 10, "an empty key", {{"", "1"}});
  with("key-long", 10, "a key of 65 bytes", {{std::string(65, 'k'), "1"}});
  with("value-control", 10, "an escape character in a value", {{"x", "\x1b[31m"}});
  with("value-not-utf8", 10, "a value that is no UTF-8", {{"x", "\xC0\xAF"}});
  with("name-slash", 10, "a slash in the name", {{"name", "../evil"}});
  with("name-empty", 10, "an empty name", {{"name", ""}});
  with("name-long", 10, "a name of 65 bytes", {{"name", std::string(65, 'n')}});
  with("epoch-zero-first", 10, "a leading zero", {{"epoch", "01"}});
  with("epoch-large", 10, "an epoch above 2^33-1", {{"epoch", "8589934592"}});
  with("epoch-negative", 10, "a negative epoch", {{"epoch", "-1"}});
  with("counter-large", 10, "a counter of 2^64-1", {{"counter", "18446744073709551615"}});
  with("lock-digest", 10, "a digest of the lock with capitals",
       {{"lock-sha256", std::string(64, 'A')}});
  with("min-installer", 10, "asks for a newer installer", {{"min-installer", "99.0"}});
  with("min-kernel", 12, "asks for a newer kernel", {{"min-kernel", "99.0"}});
  with("expired", 12, "expired in 2023", {{"not-after", "1700000001"}});
  with("other-platform", 12, "for another architecture", {{"platform", "linux-aarch64"}});
  auto unsorted = good_meta();
  std::swap(unsorted[0], unsorted[1]);
  corpus.add("meta-order", 10, "keys not in order",
             corpus.of_sections(laid_out(good_entries(), unsorted)));
}

void add_damaged_frames(CorpusMaker& corpus) {
  const auto with = [&corpus](const std::string& name, const std::string& what,
                              const std::vector<RawFrame>& list) {
    std::vector<RawSection> all = laid_out(good_entries());
    all[1].data = raw_frames(list);
    corpus.add("frames-" + name, 10, what, corpus.of_sections(all));
  };
  // Of laid_out(good_entries()): three headers, one block of content, the end.
  constexpr uint64_t kRaw = 512 * 3 + 512 + 1024;
  with("none", "no frame", {});
  with("short", "the frames hold less than the stream", {{20, kRaw - 1}});
  with("long", "the frames hold more than the stream", {{20, kRaw + 1}});
  with("data-size", "compressed sizes that do not add up to the data", {{19, kRaw}});
  with("empty-frame", "a frame of nothing", {{10, kRaw}, {10, 0}});
  with("raw-cap", "a frame above 64 MiB", {{20, (64ull << 20) + 1}});
  with("raw-overflow", "raw sizes that overflow", {{10, ~0ull}, {10, kRaw + 1}});
  with("compressed-overflow", "compressed sizes that overflow", {{~0ull, kRaw - 1}, {21, 1}});
  std::vector<RawSection> counted = laid_out(good_entries());
  counted[1].data[3] = std::byte{0xFF};
  corpus.add("frames-count", 10, "billions of frames in sixty bytes", corpus.of_sections(counted));
}

}  // namespace eb::test
