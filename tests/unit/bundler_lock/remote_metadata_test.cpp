#include "bundler/lock/remote_metadata.hpp"

#include <catch2/catch.hpp>

#include "tests/support/wheel_maker.hpp"

namespace eb {
namespace {

using test::WheelMaker;
using test::ZipMaker;

RangeReader reader_of(const std::string& file, size_t* most = nullptr) {
  return [&file, most](uint64_t offset, uint64_t size) -> std::optional<std::string> {
    if (offset + size > file.size()) return std::nullopt;
    if (most != nullptr) *most += size;
    return file.substr(offset, size);
  };
}

std::optional<std::string> metadata_of(const std::string& file) {
  return read_metadata_by_ranges(file.size(), reader_of(file));
}

TEST_CASE("METADATA by parts of the file") {
  WheelMaker wheel;
  wheel.metadata = "Name: demo\nVersion: 1.0\n";
  CHECK(metadata_of(wheel.build()) == *wheel.metadata);

  ZipMaker zip;
  zip.members = {
      {.name = "x/demo.dist-info/METADATA", .content = "not this"},
      {.name = "demo-1.dist-info/METADATA", .content = std::string(9999, 'm'), .deflate = true}};
  zip.comment = "a comment";
  CHECK(metadata_of(zip.build()) == std::string(9999, 'm'));
  zip.zip64 = true;
  CHECK(metadata_of(zip.build()) == std::string(9999, 'm'));
}

TEST_CASE("of a large wheel only the end and one entry are read") {
  ZipMaker zip;
  zip.members = {{.name = "demo-1.dist-info/METADATA", .content = "Name: demo\n"},
                 {.name = "demo/huge.so", .content = std::string(3 << 20, 'x')}};
  for (int i = 0; i < 2000; ++i) {  // a directory that is longer than the first read
    zip.members.push_back({.name = "demo/some/long/folder/name/" + std::to_string(i) + ".py"});
  }
  const std::string file = zip.build();
  size_t read = 0;
  CHECK(read_metadata_by_ranges(file.size(), reader_of(file, &read)) == "Name: demo\n");
  CHECK(read < (size_t{1} << 18));
}

TEST_CASE("what is laid out in another way is left to the whole file") {
  CHECK_FALSE(metadata_of(""));
  CHECK_FALSE(metadata_of("PK"));
  CHECK_FALSE(metadata_of(std::string(100000, 'x')));
  ZipMaker zip;
  zip.members = {{.name = "demo/METADATA", .content = "no dist-info"}};
  CHECK_FALSE(metadata_of(zip.build()));
  zip.members = {
      {.name = "demo-1.dist-info/METADATA", .content = "x", .central_offset = 0xfffffff0}};
  CHECK_FALSE(metadata_of(zip.build()));
  zip.members = {{.name = "demo-1.dist-info/METADATA", .content = "x", .method = uint16_t{12}}};
  CHECK_FALSE(metadata_of(zip.build()));
  zip.members = {{.name = "demo-1.dist-info/METADATA", .content = "x", .central_size = 0x7fffffff}};
  zip.members[0].deflate = true;
  CHECK_FALSE(metadata_of(zip.build()));
  zip.members = {{.name = "demo-1.dist-info/METADATA", .content = "x"}};
  zip.directory_offset = 0x7fffffff;
  CHECK_FALSE(metadata_of(zip.build()));
  CHECK_FALSE(read_metadata_by_ranges(100, [](uint64_t, uint64_t) { return std::nullopt; }));
}

TEST_CASE("every cut and every changed byte of the end is survived") {
  ZipMaker zip;
  zip.members = {{.name = "demo-1.dist-info/METADATA", .content = "Name: demo\n", .deflate = true}};
  const std::string file = zip.build();
  for (size_t i = 0; i < file.size(); ++i) {
    CHECK_NOTHROW(metadata_of(file.substr(0, i)));
    std::string changed = file;
    changed[i] = static_cast<char>(changed[i] ^ 0xff);
    CHECK_NOTHROW(metadata_of(changed));
  }
}

}  // namespace
}  // namespace eb
