#include <catch2/catch.hpp>

#include "bundler/artifact/zip_file.hpp"
#include "installer/base/error.hpp"
#include "tests/support/temp_dir.hpp"
#include "tests/support/zip_maker.hpp"
#include "tests/unit/bundler_artifact/tar_maker.hpp"

using namespace eb;
using namespace eb::test;
using Catch::Contains;

namespace {

// "what | where | why" of the refusal, "" when structure and content are read.
std::string refusal(const std::string& data) {
  TempDir dir;
  write_file(dir.path() / "z.zip", data);
  try {
    const ZipFile zip(dir.path() / "z.zip");
    for (const ZipEntry& entry : zip.entries()) zip.read(entry, 1 << 30);
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::kInvalidLock);
    return std::string(error.what()) + " | " + error.where() + " | " + error.why();
  }
  return "";
}

std::string refusal(const ZipMaker& zip) { return refusal(zip.build()); }

ZipMember file(std::string name, std::string content = "content") {
  return {.name = std::move(name), .content = std::move(content)};
}

std::string u16(uint16_t value) {
  return {static_cast<char>(value & 255), static_cast<char>(value >> 8)};
}

std::string u64(uint64_t value) {
  std::string out;
  for (int i = 0; i < 8; ++i) out += static_cast<char>(value >> (8 * i) & 255);
  return out;
}

std::string extra(uint16_t id, const std::string& data) {
  return u16(id) + u16(static_cast<uint16_t>(data.size())) + data;
}

}  // namespace

TEST_CASE("a zip archive is read: stored, deflated, modes, directories, descriptors, ZIP64") {
  TempDir dir;
  const std::string text(300000, 'x');
  ZipMaker maker{
      .members = {{.name = "d/", .mode = 040755},
                  file("d/stored"),
                  {.name = "d/deflated", .content = text, .deflate = true},
                  {.name = "run", .content = "#!", .mode = 0100755},
                  {.name = "typeless", .content = "x", .mode = 0755},
                  {.name = "ünïcode", .content = "u"},
                  {.name = "later", .content = text, .deflate = true, .descriptor = true},
                  {.name = "empty", .deflate = true}},
      .comment = "made by hand"};
  for (const bool zip64 : {false, true}) {
    maker.zip64 = zip64;
    write_file(dir.path() / "z.zip", maker.build());
    const ZipFile zip(dir.path() / "z.zip");
    REQUIRE(zip.entries().size() == 8);
    CHECK(zip.find("d")->directory);
    CHECK(zip.read(*zip.find("d/stored"), 100) == "content");
    CHECK(zip.read(*zip.find("d/deflated"), 1 << 20) == text);
    CHECK(zip.read(*zip.find("later"), 1 << 20) == text);
    CHECK(zip.read(*zip.find("ünïcode"), 100) == "u");
    CHECK(zip.read(*zip.find("empty"), 0).empty());
    CHECK(zip.find("run")->executable);
    CHECK_FALSE(zip.find("typeless")->executable);
    CHECK(zip.find("missing") == nullptr);
    CHECK_THROWS_AS(zip.read(*zip.find("d/deflated"), 1000), Error);
  }
  CHECK(refusal(ZipMaker{}).empty());
}

TEST_CASE("F047_name_twice_is_refused") {
  CHECK(
      refusal(ZipMaker{.members = {file("a", "one"), file("b"), file("a", "two")}}) ==
      "a zip archive with a name twice | z.zip: a | readers differ in which of the two they take");
  CHECK_THAT(refusal(ZipMaker{.members = {file("a"), {.name = "a/", .mode = 040755}}}),
             Contains("a name twice"));
}

TEST_CASE("F048_local_header_without_central_entry_is_refused") {
  ZipMaker zip{.members = {file("a"), file("hidden"), file("c")}};
  zip.members[1].in_central = false;
  CHECK(refusal(zip) ==
        "a zip archive with a gap or overlap between entries | z.zip: a | the data of this one "
        "ends at byte 38, the next thing begins at byte 81");
  zip.members = {file("a"), file("hidden")};
  zip.members[1].in_central = false;
  CHECK_THAT(refusal(zip), Contains("gap or overlap"));
  zip.members = {file("hidden"), file("c")};
  zip.members[0].in_central = false;
  CHECK_THAT(refusal(zip), Contains("an entry should begin at byte 0, this one begins at 43"));
  zip.members.pop_back();
  CHECK_THAT(refusal(zip), Contains("data that belongs to no entry"));
  CHECK_THAT(refusal(ZipMaker{.members = {file("a")}, .prefix = "#!/bin/sh\n"}),
             Contains("an entry should begin at byte 0"));
}

TEST_CASE("F049_central_entry_without_local_header_is_refused") {
  ZipMaker zip{.members = {file("a"), file("b")}};
  zip.members[1].central_offset = 40;
  CHECK_THAT(refusal(zip), Contains("gap or overlap") || Contains("without a local header"));
  zip.members = {file("a", std::string(100, 'a'))};
  std::string data = zip.build();
  data[0] = 'X';
  CHECK(refusal(data) == "a zip entry without a local header | z.zip: a | none at byte 0");
}

TEST_CASE("F050_headers_that_disagree_are_refused") {
  const auto check = [](auto change, const char* what) {
    ZipMaker zip{.members = {file("a")}};
    change(zip.members[0]);
    CHECK_THAT(refusal(zip), Catch::StartsWith(what));
  };
  check([](ZipMember& m) { m.local_name = "b"; }, "a zip entry with two names | z.zip: a");
  check([](ZipMember& m) { m.local_name = "a/../../b"; }, "a zip entry with two names");
  check([](ZipMember& m) { m.local_crc = 1; }, "a zip entry whose two headers disagree | z.zip: a");
  check([](ZipMember& m) { m.local_size = 1; }, "a zip entry whose two headers disagree");
  check([](ZipMember& m) { m.local_compressed = 1; }, "a zip entry whose two headers disagree");
  check([](ZipMember& m) { m.local_flags = 0; }, "a zip entry whose two headers disagree");
  check([](ZipMember& m) { m.central_size = 1; }, "a stored zip entry with two sizes");
  check([](ZipMember& m) { m.central_crc = m.local_crc = 7; },
        "a damaged file in the archive | z.zip: a | its CRC-32 does not agree");
  check([](ZipMember& m) { m.local_extra = extra(0x7075, "\1\0\0\0\0b"); },
        "a zip entry with two names");
  check([](ZipMember& m) { m.central_extra = extra(0x7075, "\1\0\0\0\0b"); },
        "a zip entry with two names");
}

TEST_CASE("F051_data_after_the_end_is_refused") {
  CHECK(refusal(ZipMaker{.members = {file("a")}, .trailing = "more"}) ==
        "a zip archive with data after its end | z.zip | the end record does not end the file");
  CHECK_THAT(refusal(ZipMaker{.members = {file("a")}, .central_tail = "more"}),
             Contains("a damaged zip directory"));
}

TEST_CASE("F052_wrong_count_of_entries_is_refused") {
  CHECK(refusal(ZipMaker{.members = {file("a"), file("b")}, .count = 1}) ==
        "a zip archive that lies about its number of entries | z.zip | it says 1 and has 2");
  CHECK_THAT(refusal(ZipMaker{.members = {file("a")}, .count = 2}), Contains("it says 2"));
}

TEST_CASE("F053_data_descriptor_missing_or_wrong_is_refused") {
  ZipMaker zip{.members = {{.name = "a", .content = "abc", .descriptor = true}}};
  REQUIRE(refusal(zip).empty());
  zip.members[0].descriptor_bytes = "";
  CHECK(
      refusal(zip) ==
      "a zip entry without the data descriptor that it announces | z.zip: a | 0 bytes stand after "
      "its data");
  zip.members[0].descriptor_bytes = std::string(16, '\0');
  CHECK_THAT(refusal(zip), Contains("without the data descriptor"));
  zip.members = {{.name = "a", .content = "abc", .descriptor_bytes = std::string(16, '\0')}};
  CHECK_THAT(refusal(zip), Contains("gap or overlap"));
}

TEST_CASE("F054_zip_in_the_comment_is_refused") {
  const std::string inner = ZipMaker{.members = {file("evil")}}.build();
  CHECK_THAT(refusal(ZipMaker{.members = {file("a")}, .comment = inner}),
             Contains("two ends") || Contains("in its comment"));
  CHECK_THAT(refusal(ZipMaker{.members = {file("a")}, .comment = "PK\003\004"}),
             Contains("in its comment"));
}

TEST_CASE("F055_zip64_contradictions_are_refused") {
  const auto good = [] { return ZipMaker{.members = {file("a")}, .zip64 = true}; };
  REQUIRE(refusal(good()).empty());
  ZipMaker zip = good();
  zip.zip64_data = "extensible";
  CHECK_THAT(refusal(zip), Contains("a bad ZIP64"));
  zip = good();
  zip.count = 7;
  CHECK_THAT(refusal(zip), Contains("contradict each other"));
  zip = good();
  zip.directory_offset = 5;
  CHECK_THAT(refusal(zip), Contains("contradict each other"));
  zip = good();
  zip.zip64_count = 2;
  CHECK_THAT(refusal(zip), Contains("it says 2 and has 1"));
  zip = good();
  zip.zip64_offset = 1;
  CHECK_THAT(refusal(zip), Contains("does not lie before its end"));

  zip = ZipMaker{.members = {file("a")}};
  zip.members[0].central_extra = extra(1, u64(7));
  CHECK(refusal(zip) ==
        "a zip entry whose ZIP64 fields contradict its header | z.zip: a | 8 bytes "
        "of ZIP64 fields");
  zip.members[0].central_extra.clear();
  zip.members[0].local_extra = extra(1, u64(8) + u64(7));
  CHECK_THAT(refusal(zip), Contains("ZIP64 fields contradict"));
  // Some writers repeat the sizes in the local header.
  zip.members[0].local_extra = extra(1, u64(7) + u64(7));
  CHECK(refusal(zip).empty());
  // Sizes that stand in ZIP64 fields alone.
  zip.members[0].local_size = zip.members[0].local_compressed = 0xFFFFFFFF;
  zip.members[0].central_size = zip.members[0].central_compressed = 0xFFFFFFFF;
  zip.members[0].central_extra = extra(1, u64(7) + u64(7));
  CHECK(refusal(zip).empty());
  zip.members[0].central_extra = extra(1, u64(7));
  CHECK_THAT(refusal(zip), Contains("ZIP64 fields contradict"));
  zip.members[0].central_extra = extra(1, u64(7) + u64(7)) + extra(1, u64(7) + u64(7));
  CHECK_THAT(refusal(zip), Contains("an extra field stands there twice"));
  zip.members[0].central_extra = "\1";
  CHECK_THAT(refusal(zip), Contains("its extra fields do not fit"));
}

TEST_CASE("F056_bad_names_are_refused") {
  const auto of_name = [](const std::string& name) {
    return refusal(ZipMaker{.members = {file(name)}});
  };
  CHECK(of_name("a\xff") == "a zip entry with a bad name | z.zip: a\xff | the path is not UTF-8");
  CHECK(of_name("") == "a zip entry with a bad name | z.zip | the path is empty");
  CHECK_THAT(of_name(std::string("a\0b", 3)), Contains("the path holds a control character"));
  CHECK_THAT(of_name("../a"), Contains("the path has a '..' component"));
  CHECK_THAT(of_name("/etc/passwd"), Contains("the path is absolute"));
  CHECK_THAT(of_name("a/./b"), Contains("the path has a '.' component"));
  CHECK_THAT(of_name("a//"), Contains("empty component") || Contains("bad name"));
  ZipMaker zip{.members = {file("ü")}};
  zip.members[0].flags = 0;
  CHECK_THAT(refusal(zip), Contains("it is not ASCII and not marked as UTF-8"));
}

TEST_CASE("F057_unsupported_methods_and_encryption_are_refused") {
  for (const uint16_t method : {1, 9, 12, 14, 93, 99}) {
    ZipMaker zip{.members = {file("a")}};
    zip.members[0].method = method;
    CHECK(refusal(zip) == "a zip entry with an unsupported compression | z.zip: a | method " +
                              std::to_string(method) + "; stored and deflated are read");
  }
  for (const int bit : {0, 6, 13}) {
    ZipMaker zip{.members = {file("a")}};
    zip.members[0].flags = static_cast<uint16_t>(1 << bit);
    CHECK_THAT(refusal(zip), Contains("an encrypted zip entry | z.zip: a"));
  }
  CHECK_THAT(refusal(ZipMaker{.members = {{.name = "l", .content = "/etc", .mode = 0120777}}}),
             Contains("a symlink in a zip archive"));
  CHECK_THAT(refusal(ZipMaker{.members = {{.name = "d/", .content = "x", .mode = 040755}}}),
             Contains("a zip directory with content"));
}

TEST_CASE("F058_overlapping_entries_are_refused") {
  // Two names for one run of compressed bytes, as in quadratic bombs.
  ZipMaker zip{.members = {file("a", std::string(1000, 'a')), file("b", std::string(1000, 'a'))}};
  zip.members[1].central_offset = 0;
  CHECK_THAT(refusal(zip), Contains("gap or overlap"));
  zip = ZipMaker{.members = {{.name = "a", .content = std::string(1000, 'a'), .deflate = true}}};
  zip.members[0].local_size = zip.members[0].central_size = 10;
  CHECK(refusal(zip) ==
        "a damaged file in the archive | z.zip: a | it is longer than the archive says");
  zip.members[0].local_size = zip.members[0].central_size = 2000;
  CHECK(refusal(zip) ==
        "a damaged file in the archive | z.zip: a | it is shorter than the archive says");
}

TEST_CASE("damaged compressed data is refused") {
  const std::string text = "some text that deflate makes something of, of, of, of";
  ZipMaker zip{.members = {{.name = "a", .content = text, .deflate = true}}};
  const std::string good = zip.build();
  const size_t begin = 31;
  const size_t size = ZipMaker::deflated(text).size();
  for (size_t i = 0; i < size; ++i) {
    std::string bad = good;
    bad[begin + i] = static_cast<char>(bad[begin + i] ^ 0x55);
    INFO(i);
    CHECK_THAT(refusal(bad), Catch::StartsWith("a damaged file in the archive | z.zip: a"));
  }
  // Compressed data that goes on after its end.
  zip.members[0].content = ZipMaker::deflated(text) + "more";
  zip.members[0].deflate = false;
  zip.members[0].method = 8;
  zip.members[0].local_size = zip.members[0].central_size = static_cast<uint32_t>(text.size());
  zip.members[0].local_crc = zip.members[0].central_crc = static_cast<uint32_t>(
      crc32(0, reinterpret_cast<const Bytef*>(text.data()), static_cast<uInt>(text.size())));
  CHECK(refusal(zip) == "a damaged file in the archive | z.zip: a | data stands after its end");
  zip.members[0].content = ZipMaker::deflated(text).substr(0, 20);
  CHECK(refusal(zip) ==
        "a damaged file in the archive | z.zip: a | its compressed data is cut short");
}

TEST_CASE("an archive cut anywhere is refused") {
  const std::string good =
      ZipMaker{.members = {file("a"), {.name = "b", .content = "bb", .deflate = true}},
               .zip64 = true}
          .build();
  for (size_t size = 0; size < good.size(); ++size) {
    INFO(size);
    CHECK(refusal(good.substr(0, size)) != "");
  }
  CHECK(refusal("not a zip") == "not a zip archive | z.zip | it is too short for one");
  CHECK(refusal(std::string(100, 'x')) == "not a zip archive | z.zip | it has no end record");
}
