#include "installer/format/index.hpp"

#include <memory>
#include <random>

#include "installer/base/bytes.hpp"
#include "installer/format/container.hpp"
#include "tests/support/thrown_error.hpp"
#include "tests/unit/format/raw_index.hpp"
#include "tests/unit/format/sample_index.hpp"

using namespace eb;
using Catch::Matchers::Contains;
using test::IndexBuilder;
using test::raw_entries;
using test::raw_index;
using test::raw_meta;
using test::raw_sections;
using test::RawSection;
using test::sample_index;
using test::thrown_error;

namespace {

Error parse_error(Bytes data) {
  const Error error = thrown_error([data] { parse_index(data); });
  CHECK(error.code() == ExitCode::kMalformed);
  return error;
}

/// A random valid index: directories, files, symlinks to what is there and to what is not.
Index random_index(std::mt19937& random) {
  const auto below = [&random](unsigned n) { return static_cast<unsigned>(random() % n); };
  const auto name = [&] {
    static const std::string kLetters[] = {"a", "b", "-", ".x", "é", "Z", "_9", " "};
    std::string out;
    for (unsigned i = 0; i <= below(6); ++i) out += kLetters[below(8)];
    if (below(20) == 0) out += std::string(below(150), 'n');
    return out;
  };
  IndexBuilder builder;
  std::vector<std::string> directories = {""};
  std::map<std::string, bool> taken;
  for (unsigned i = below(30); i > 0; --i) {
    const std::string path = directories[below(static_cast<unsigned>(directories.size()))] + name();
    if (!RelPath::parse(path) || !taken.emplace(path, true).second) continue;
    switch (below(3)) {
      case 0:
        builder.dir(path);
        directories.push_back(path + "/");
        break;
      case 1:
        builder.file(path, std::string(below(3000), 'c'), below(2) == 0);
        break;
      default:
        builder.link(path, name());
        break;
    }
  }
  for (unsigned i = below(4); i > 0; --i) builder.meta("k" + std::to_string(below(50)), name());
  Index index = builder.build();
  for (unsigned i = below(3); i > 0; --i) {
    index.optional_sections.insert(index.optional_sections.begin(),
                                   {"s" + std::to_string(i), std::vector<std::byte>(below(20))});
  }
  return index;
}

bool is_accepted(const Index& index) {
  try {
    check_index(index);
    return true;
  } catch (const Error&) {
    return false;
  }
}

}  // namespace

TEST_CASE("an index comes back as it was written") {
  const Index index = sample_index();
  const auto data = encode_index(index);
  CHECK(parse_index(data) == index);
  CHECK(encode_index(parse_index(data)) == data);
}

TEST_CASE("the encoding is the one that FORMAT describes") {
  const Index index = IndexBuilder().dir("d").file("d/f", "abc", true).link("l", "d/f").build();
  ByteWriter meta;
  meta.u32(3);
  const std::pair<const char*, const char*> pairs[] = {
      {"epoch", "1700000000"}, {"name", "sample"}, {"platform", "linux-x86_64"}};
  for (const auto& [key, value] : pairs) {
    meta.u16(static_cast<uint16_t>(std::string(key).size()));
    meta.text(key);
    meta.u32(static_cast<uint32_t>(std::string(value).size()));
    meta.text(value);
  }
  ByteWriter frames;
  frames.u32(1);
  frames.u64(100);
  frames.u64(512 + 512 + 512 + 512 + 1024);
  frames.digest(index.frames[0].digest);
  ByteWriter entries;
  entries.u32(3);
  entries.u8(1);
  entries.u8(0);
  entries.u16(1);
  entries.text("d");
  entries.u8(2);
  entries.u8(1);
  entries.u16(3);
  entries.text("d/f");
  entries.u64(3);
  entries.u64(512);
  entries.digest(sha256(as_bytes("abc")));
  entries.u8(3);
  entries.u8(0);
  entries.u16(1);
  entries.text("l");
  entries.u16(3);
  entries.text("d/f");
  CHECK(encode_index(index) == raw_index({{"meta", 1, meta.release()},
                                          {"frames", 1, frames.release()},
                                          {"entries", 1, entries.release()}}));
}

TEST_CASE("any valid index comes back as it was written") {
  std::mt19937 random(20240607);
  unsigned accepted = 0;
  for (int round = 0; round < 2000; ++round) {
    const Index index = random_index(random);
    if (!is_accepted(index)) continue;  // a symlink that leads to itself
    ++accepted;
    const auto data = encode_index(index);
    REQUIRE(parse_index(data) == index);
    REQUIRE(encode_index(parse_index(data)) == data);
  }
  CHECK(accepted > 1500);
}

TEST_CASE("what is accepted is canonical, whatever was done to it") {
  std::mt19937 random(7);
  unsigned accepted = 0;
  for (int round = 0; round < 300; ++round) {
    const Index index = random_index(random);
    if (!is_accepted(index)) continue;
    const auto original = encode_index(index);
    for (int change = 0; change < 40; ++change) {
      auto data = original;
      const size_t at = random() % data.size();
      switch (random() % 4) {
        case 0:
          data[at] ^= static_cast<std::byte>(1u << (random() % 8));
          break;
        case 1:
          data[at] = static_cast<std::byte>(random());
          break;
        case 2:
          data.erase(data.begin() + static_cast<std::ptrdiff_t>(at));
          break;
        default:
          data.insert(data.begin() + static_cast<std::ptrdiff_t>(at), data[random() % data.size()]);
          break;
      }
      try {
        const Index parsed = parse_index(data);
        ++accepted;
        REQUIRE(encode_index(parsed) == data);
      } catch (const Error& error) {
        REQUIRE(error.code() == ExitCode::kMalformed);
        REQUIRE_FALSE(error.why().empty());
      }
    }
  }
  CHECK(accepted > 100);  // digests and values may change and stay valid
}

TEST_CASE("every flipped bit of an index is refused or gives another index") {
  const Index index = sample_index();
  const auto data = encode_index(index);
  for (size_t bit = 0; bit < 8 * data.size(); ++bit) {
    auto damaged = data;
    damaged[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
    try {
      const Index other = parse_index(damaged);
      REQUIRE(other != index);
      REQUIRE(encode_index(other) == damaged);
    } catch (const Error& error) {
      REQUIRE(error.code() == ExitCode::kMalformed);
    }
  }
}

TEST_CASE("F003_truncated_index_at_every_byte") {
  const auto data = encode_index(sample_index());
  for (size_t size = 0; size < data.size(); ++size) {
    CAPTURE(size);
    parse_error(Bytes(data).first(size));
  }
}

TEST_CASE("F004_trailing_bytes_in_the_index") {
  auto data = encode_index(sample_index());
  data.push_back(std::byte{0});
  CHECK(parse_error(data).why() == "1 bytes after the last section");
  for (size_t i = 0; i < 3; ++i) {
    auto sections = raw_sections();
    sections[i].data.push_back(std::byte{0});
    const Error error = parse_error(raw_index(sections));
    CHECK(error.why() == "1 bytes after the last record");
    CHECK_THAT(error.where(), Contains("index section '" + sections[i].name + "', byte "));
  }
}

TEST_CASE("F006_counts_that_the_bytes_cannot_hold") {
  struct Row {
    size_t section;
    uint32_t count;
    const char* why;
  };
  const Row rows[] = {
      {0, UINT32_MAX, "4294967295 records; at most 256 are allowed"},
      {1, UINT32_MAX, "4294967295 records; at most 1048576 are allowed"},
      {2, UINT32_MAX, "4294967295 records; at most 4194304 are allowed"},
      {1, kMaxFrames, "1048576 records do not fit into the 48 bytes that are left"},
      {2, kMaxEntries, "4194304 records do not fit into the 0 bytes that are left"},
      {0, kMaxMetaKeys, "256 records do not fit into the "},
  };
  for (const Row& row : rows) {
    CAPTURE(row.section, row.count);
    auto sections = raw_sections();
    for (size_t i = 0; i < 4; ++i) {
      sections[row.section].data[i] = static_cast<std::byte>(row.count >> (8 * i));
    }
    CHECK_THAT(parse_error(raw_index(sections)).why(), Contains(row.why));
  }
  for (size_t i = 0; i < 3; ++i) {
    auto sections = raw_sections();
    sections[i].data.resize(3);
    CHECK(parse_error(raw_index(sections)).why() ==
          "the section ends before its number of records");
  }
  auto data = raw_index(raw_sections());
  data[8] = data[9] = data[10] = data[11] = std::byte{0xFF};
  CHECK(parse_error(data).why() == "4294967295 sections; allowed are 3 to 64");
}

TEST_CASE("an index larger than its cap is refused unread") {
  const size_t size = size_t{kMaxIndexSize} + 1;
  const auto data = std::make_unique_for_overwrite<std::byte[]>(size);  // address space only
  CHECK(parse_error({data.get(), size}).why() == "more than the allowed size");
}

TEST_CASE("F024_unknown_required_section") {
  auto sections = raw_sections();
  sections.push_back({"delta", 1, {}});
  Error error = parse_error(raw_index(sections));
  CHECK(std::string(error.what()) == "the bundle needs a feature that this program does not know");
  CHECK(error.where() == "index section 'delta'");
  CHECK(error.why() == "the section is marked as required");
  CHECK(error.hints() ==
        std::vector<std::string>{"use the envinstall that came with the bundle, or a newer one"});

  sections[0].data = raw_meta(
      {{"epoch", "0"}, {"min-installer", "2.5"}, {"name", "n"}, {"platform", "linux-x86_64"}});
  error = parse_error(raw_index(sections));
  CHECK(error.hints() ==
        std::vector<std::string>{"use the envinstall that came with the bundle, or 2.5 or newer"});

  // Also where a known section must be.
  sections = raw_sections();
  sections[1].name = "blocks";
  CHECK(parse_error(raw_index(sections)).where() == "index section 'blocks'");
}

TEST_CASE("F024_unknown_optional_section_is_kept_and_ignored") {
  auto sections = raw_sections();
  sections.push_back({"notes", 0, {std::byte{1}, std::byte{2}}});
  sections.push_back({"notes-2", 0, {}});
  const auto data = raw_index(sections);
  const Index index = parse_index(data);
  REQUIRE(index.optional_sections.size() == 2);
  CHECK(index.optional_sections[0].name == "notes");
  CHECK(index.optional_sections[0].data.size() == 2);
  CHECK(encode_index(index) == data);
}

TEST_CASE("sections that are refused") {
  const auto why = [](const std::vector<RawSection>& sections) {
    return parse_error(raw_index(sections)).why();
  };
  auto sections = raw_sections();
  std::swap(sections[0], sections[1]);
  CHECK(why(sections) == "section 'frames' stands where 'meta' must be");
  sections = raw_sections();
  sections[2].required = 0;
  CHECK(why(sections) == "the section must be marked as required");
  sections[2].required = 2;
  CHECK(why(sections) == "section 'entries' has unknown flags");
  sections = raw_sections();
  sections.push_back(sections[2]);
  CHECK(why(sections) == "the section stands twice");
  sections = raw_sections();
  sections.push_back({"b", 0, {}});
  sections.push_back({"a", 0, {}});
  CHECK(why(sections) == "the section is not in order or stands twice");
  sections[4].name = "b";
  CHECK(why(sections) == "the section is not in order or stands twice");
  for (const std::string& name :
       {std::string(), std::string("Big"), std::string("9x"), std::string("a_b"),
        std::string("a\0b", 3), std::string("\xff")}) {
    CAPTURE(name);
    sections = raw_sections();
    sections.push_back({name, 0, {}});
    CHECK(why(sections) == "a section has no valid name");
  }
  sections = raw_sections();
  sections.resize(2);
  CHECK(why(sections) == "2 sections; allowed are 3 to 64");
  sections = raw_sections();
  while (sections.size() < 65) sections.push_back({"x", 0, {}});
  CHECK(why(sections) == "65 sections; allowed are 3 to 64");
  auto data = raw_index(raw_sections());
  data[0] ^= std::byte{1};
  CHECK(parse_error(data).why() == "it does not begin as an index");
  // A section that ends beyond the index: the length field of the last one is one too large.
  data = raw_index(raw_sections());
  data[data.size() - 4 - 4] ^= std::byte{1};
  CHECK(parse_error(data).why() == "a section ends beyond the index");
}

TEST_CASE("meta that is refused") {
  using Pairs = std::vector<std::pair<std::string, std::string>>;
  const auto why = [](const Pairs& pairs) {
    auto sections = raw_sections();
    sections[0].data = raw_meta(pairs);
    return parse_error(raw_index(sections)).why();
  };
  const auto with = [](const std::string& key, const std::string& value) {
    std::map<std::string, std::string> all = {
        {"epoch", "0"}, {"name", "n"}, {"platform", "linux-x86_64"}};
    all[key] = value;
    return Pairs(all.begin(), all.end());
  };
  CHECK(why({}) == "key 'name' is missing");
  CHECK(why({{"epoch", "0"}, {"name", "n"}}) == "key 'platform' is missing");
  CHECK(why({{"name", "n"}, {"platform", "p"}}) == "key 'epoch' is missing");
  CHECK(why({{"name", "n"}, {"epoch", "0"}}) == "key 'epoch' is not in order or stands twice");
  CHECK(why({{"epoch", "0"}, {"epoch", "0"}}) == "key 'epoch' is not in order or stands twice");
  for (const std::string& key : {std::string(), std::string("A"), std::string("a b"),
                                 std::string("a_b"), std::string(65, 'k')}) {
    CHECK_THAT(why(with(key, "v")), Contains("does not match [a-z0-9-]{1,64}"));
  }
  CHECK(why(with("k", "a\nb")) == "the value of 'k' is not printable UTF-8");
  CHECK(why(with("k", "\xff")) == "the value of 'k' is not printable UTF-8");
  CHECK(why(with("k", std::string(65537, 'v'))) ==
        "the value of 'k' has 65537 bytes; at most 65536 are allowed");
  const std::pair<const char*, std::string> bad_values[] = {
      {"name", ""},
      {"name", "a/b"},
      {"name", ".."},
      {"name", ".hidden"},
      {"name", "-option"},
      {"name", "a b"},
      {"name", std::string(65, 'n')},
      {"platform", "linux/x"},
      {"epoch", ""},
      {"epoch", "-1"},
      {"epoch", "01"},
      {"epoch", "1 "},
      {"epoch", "8589934592"},
      {"epoch", "99999999999999999999"},
      {"not-after", "soon"},
      {"counter", "18446744073709551615"},
      {"counter", "9007199254740992"},
      {"lock-sha256", std::string(64, 'G')},
      {"lock-sha256", std::string(64, 'g')},
      {"lock-sha256", std::string(64, '/')},
      {"lock-sha256", std::string(64, ':')},
      {"lock-sha256", std::string(63, 'a')},
      {"lock-sha256", std::string(65, 'a')},
      {"lock-sha256", std::string(64, 'A')},
      {"min-kernel", "3.x"},
      {"min-installer", "v1"},
      {"glibc", ""},
      {"python", "3.11rc1"},
      {"cuda", "12."},
      {"min-driver", "525.60.13-1"},
  };
  for (const auto& [key, value] : bad_values) {
    CAPTURE(key, value);
    CHECK_THAT(why(with(key, value)), Contains(std::string("the value of '") + key + "' must ") &&
                                          Contains(", it is '" + value + "'"));
  }
  const std::pair<const char*, std::string> good_values[] = {
      {"name", std::string(64, 'n')},
      {"name", "pytorch-2.8_cu128+x.1"},
      {"epoch", "8589934591"},
      {"counter", "9007199254740991"},
      {"not-after", "0"},
      {"lock-sha256", std::string(64, 'a')},
      {"lock-sha256", "0123456789abcdef" + std::string(48, '0')},
      {"min-driver", "525.60.13"},
      {"k", ""},
      {"licences", "MIT, BSD-3-Clause"},
  };
  for (const auto& [key, value] : good_values) {
    CAPTURE(key, value);
    auto sections = raw_sections();
    sections[0].data = raw_meta(with(key, value));
    CHECK(parse_index(raw_index(sections)).meta.at(key) == value);
  }
}

TEST_CASE("more meta keys than allowed are refused while encoding") {
  IndexBuilder builder;
  for (int i = 0; i < 254; ++i) builder.meta("k" + std::to_string(i), "v");
  const Error error = thrown_error([&] { encode_index(builder.build()); });
  CHECK(error.code() == ExitCode::kInternal);
  CHECK(error.why() == "257 keys; at most 256 are allowed");
}

TEST_CASE("an index that would be refused is not written") {
  Index index = sample_index();
  index.entries[1].path = RelPath("bin2/tool");
  const Error error = thrown_error([&] { encode_index(index); });
  CHECK(error.code() == ExitCode::kInternal);
  CHECK(error.where() == "index, entry 1, 'bin2/tool'");
  index = sample_index();
  index.frames[0].raw_size += 512;
  CHECK(thrown_error([&] { encode_index(index); }).code() == ExitCode::kInternal);
  index = sample_index();
  index.optional_sections = {{"entries", {}}};
  CHECK(thrown_error([&] { encode_index(index); }).why() == "the section stands twice");
}

TEST_CASE("optional sections that would be refused are not written") {
  const auto why = [](std::vector<OptionalSection> sections) {
    Index index = sample_index();
    index.optional_sections = std::move(sections);
    const Error error = thrown_error([&] { encode_index(index); });
    CHECK(error.code() == ExitCode::kInternal);
    CHECK(std::string(error.what()) == "the program made an invalid index");
    return error.why();
  };
  for (const char* name : {"", "A", "0", "a_b", "a234567890123456x"}) {
    CAPTURE(name);
    CHECK(why({{name, {}}}) == "the section has no valid name");
  }
  for (const char* name : {"meta", "frames", "entries"}) {
    CHECK(why({{name, {}}}) == "the section stands twice");
  }
  CHECK(why({{"b", {}}, {"a", {}}}) == "the section is not in order or stands twice");
  CHECK(why({{"a", {}}, {"a", {}}}) == "the section is not in order or stands twice");
  std::vector<OptionalSection> many;
  for (uint32_t i = 0; i < kMaxSections - 2; ++i) many.push_back({"x" + std::to_string(i), {}});
  CHECK(why(many) == "too many sections");
}

TEST_CASE("an index larger than its cap is not written") {
  Index index = sample_index();
  index.optional_sections = {{"large", std::vector<std::byte>(kMaxIndexSize)}};
  const Error error = thrown_error([&] { encode_index(index); });
  CHECK(error.code() == ExitCode::kInternal);
  CHECK_THAT(error.why(), Contains(" bytes; at most 268435456 are allowed"));
}

TEST_CASE("totals are computed") {
  Index index = IndexBuilder()
                    .dir("d")
                    .file("d/a", std::string(1000, 'a'))
                    .file("d/b", "b")
                    .link("l", "d/a")
                    .build();
  const uint64_t raw = index.frames[0].raw_size;
  index.frames[0].raw_size = raw - 512;
  index.frames.push_back({.compressed_size = 30, .raw_size = 512, .digest = {}});
  const IndexTotals sum = totals(index);
  CHECK(sum.directories == 1);
  CHECK(sum.files == 2);
  CHECK(sum.symlinks == 1);
  CHECK(sum.file_bytes == 1001);
  CHECK(sum.compressed_bytes == 130);
  CHECK(sum.raw_bytes == raw);
  CHECK(sum.largest_raw_frame == raw - 512);
  CHECK(sum.largest_compressed_frame == 100);
}
