#include "installer/format/tar_stream.hpp"

#include <stdlib.h>

#include <cstdio>
#include <fstream>

#include "tests/support/temp_dir.hpp"
#include "tests/support/thrown_error.hpp"
#include "tests/unit/format/sample_index.hpp"

using namespace eb;
using test::IndexBuilder;

namespace {

Entry file_entry(const std::string& path, uint64_t size_bytes = 0) {
  return {.path = RelPath(path), .size_bytes = size_bytes, .digest = {}, .target = {}};
}

Entry directory_entry(const std::string& path) {
  return {.path = RelPath(path), .type = EntryType::kDirectory, .digest = {}, .target = {}};
}

std::string field(const std::vector<std::byte>& header, size_t offset, size_t size) {
  const std::string_view text = as_text(Bytes(header).subspan(offset, size));
  return std::string(text.substr(0, text.find('\0')));
}

std::string letters(size_t count) { return std::string(count, 'x'); }

}  // namespace

TEST_CASE("the header of a file, field by field") {
  Entry entry = file_entry("bin/tool", 1234);
  entry.executable = true;
  const auto header = tar_header(entry, 1700000000);
  REQUIRE(header.size() == 512);
  CHECK(field(header, 0, 100) == "bin/tool");
  CHECK(as_text(Bytes(header).subspan(100, 8)) == std::string_view("0000755\0", 8));
  CHECK(as_text(Bytes(header).subspan(108, 8)) == std::string_view("0000000\0", 8));
  CHECK(as_text(Bytes(header).subspan(116, 8)) == std::string_view("0000000\0", 8));
  CHECK(as_text(Bytes(header).subspan(124, 12)) == std::string_view("00000002322\0", 12));
  CHECK(as_text(Bytes(header).subspan(136, 12)) == std::string_view("14524770400\0", 12));
  unsigned sum = 8 * ' ';
  for (size_t i = 0; i < 512; ++i) {
    if (i < 148 || i >= 156) sum += std::to_integer<unsigned>(header[i]);
  }
  char checksum[8];
  std::snprintf(checksum, sizeof checksum, "%06o", sum);
  CHECK(as_text(Bytes(header).subspan(148, 8)) == std::string(checksum, 6) + std::string("\0 ", 2));
  CHECK(field(header, 156, 1) == "0");
  CHECK(as_text(Bytes(header).subspan(257, 8)) == std::string_view("ustar\0"
                                                                   "00",
                                                                   8));
  CHECK(field(header, 265, 64).empty());
  CHECK(field(header, 345, 155).empty());
}

TEST_CASE("where a long name goes") {
  struct Row {
    std::string path;
    size_t blocks;
    std::string prefix;
  };
  const Row rows[] = {
      {letters(100), 1, ""},
      {letters(101), 3, ""},
      {"a/" + letters(100), 1, "a"},
      {"a/b/" + letters(98), 1, "a"},
      {"a/" + letters(101), 3, ""},
      {letters(155) + "/" + letters(100), 1, letters(155)},
      {letters(156) + "/" + letters(100), 3, ""},
      {letters(77) + "/" + letters(77) + "/x/" + letters(100), 3, ""},
      {"\xc3\xa9", 3, ""},
  };
  for (const Row& row : rows) {
    CAPTURE(row.path);
    const Entry entry = file_entry(row.path);
    const auto header = tar_header(entry, 0);
    CHECK(header.size() == row.blocks * 512);
    CHECK(tar_header_size(entry) == header.size());
    if (row.blocks == 1) {
      const std::string prefix = field(header, 345, 155);
      CHECK(prefix == row.prefix);
      CHECK((prefix.empty() ? "" : prefix + "/") + field(header, 0, 100) == row.path);
    } else {
      CHECK(field(header, 0, 100) == "././@PaxHeader");
      CHECK(field(header, 156, 1) == "x");
      const std::string record = " path=" + row.path + "\n";
      const std::string text = field(header, 512, 512);
      CHECK(text.ends_with(record));
      CHECK(text.substr(0, text.size() - record.size()) == std::to_string(text.size()));
    }
  }
}

TEST_CASE("a directory's slash counts, and never is a name of its own") {
  CHECK(tar_header_size(directory_entry(letters(99))) == 512);
  CHECK(tar_header_size(directory_entry(letters(100))) == 1536);
  CHECK(tar_header_size(directory_entry("a/" + letters(99))) == 512);
  CHECK(tar_header_size(directory_entry("a/" + letters(100))) == 1536);
  CHECK(field(tar_header(directory_entry("a/b"), 0), 0, 100) == "a/b/");
}

TEST_CASE("the length of a pax record counts its own digits") {
  // 3 + " path=" + "\n": 10 bytes besides the value with two digits, 11 with three.
  for (size_t size = 101; size < 260; ++size) {
    if (size > 255) break;
    const auto header = tar_header(file_entry(letters(size)), 0);
    const std::string text = field(header, 512, header.size() - 1024);
    CHECK(std::stoul(text) == text.size());
  }
  Entry link{.path = RelPath("l"), .type = EntryType::kSymlink, .digest = {}, .target = "\xc3\xa9"};
  for (size_t size = 1; size < 200; ++size) {
    link.target = "\xc3\xa9" + letters(size);
    const auto header = tar_header(link, 0);
    const std::string text = field(header, 512, header.size() - 1024);
    CHECK(std::stoul(text) == text.size());
    CHECK(text == std::to_string(text.size()) + " linkpath=" + link.target + "\n");
    CHECK(tar_header_size(link) == header.size());
  }
}

TEST_CASE("a file too large for eleven octal digits") {
  const uint64_t most = (1ull << 33) - 1;
  CHECK(tar_header_size(file_entry("a", most)) == 512);
  CHECK(field(tar_header(file_entry("a", most), 0), 124, 12) == "77777777777");
  const auto header = tar_header(file_entry("a", most + 1), 0);
  CHECK(header.size() == 1536);
  CHECK(tar_header_size(file_entry("a", most + 1)) == 1536);
  CHECK(field(header, 512, 512) == "19 size=8589934592\n");
  CHECK(field(header, 1024 + 124, 12) == "00000000000");
}

TEST_CASE("padding fills the last block") {
  CHECK(tar_padding(0) == 0);
  CHECK(tar_padding(1) == 511);
  CHECK(tar_padding(511) == 1);
  CHECK(tar_padding(512) == 0);
  CHECK(tar_padding(UINT64_MAX) == 1);
}

TEST_CASE("the order of the stream") {
  Index index = IndexBuilder().dir("b").dir("a").file("a/2").file("a/1").link("0", "b").build();
  std::swap(index.entries[2].offset, index.entries[3].offset);
  std::string order;
  for (const uint32_t i : stream_order(index)) order += index.entries[i].path.str() + " ";
  CHECK(order == "a b a/2 a/1 0 ");
}

TEST_CASE("tar unpacks the stream to the tree of the index") {
  const std::string deep = "d/" + letters(120) + "/" + letters(90) + "/" + letters(40);
  IndexBuilder builder;
  builder.dir("d").dir("d/" + letters(120)).dir("d/" + letters(120) + "/" + letters(90)).dir(deep);
  builder.file(deep + "/" + letters(200), "deep").file("plain", "text", true).file("empty");
  builder.file("d/é", "accent").link("d/l", "../plain").link("d/é2", letters(99) + "é/x");
  const Index index = builder.build();
  test::TempDir folder;
  {
    std::ofstream out(folder.path() / "t.tar", std::ios::binary);
    const auto zeros = [&out](uint64_t n) { out << std::string(n, '\0'); };
    for (const uint32_t i : stream_order(index)) {
      const Entry& entry = index.entries[i];
      out << as_text(tar_header(entry, 1700000000));
      for (const char* content : {"deep", "text", "accent"}) {
        if (entry.type == EntryType::kFile && entry.digest == sha256(as_bytes(content))) {
          out << content;
        }
      }
      zeros(tar_padding(entry.size_bytes));
    }
    zeros(kTarEndSize);
  }
  const std::string at = folder.path().string();
  REQUIRE(std::system(("mkdir '" + at + "/out' && tar --warning=all -xf '" + at + "/t.tar' -C '" +
                       at + "/out' 2>'" + at + "/err'")
                          .c_str()) == 0);
  CHECK(std::filesystem::file_size(folder.path() / "err") == 0);
  size_t found = 0;
  for (const auto& item : std::filesystem::recursive_directory_iterator(folder.path() / "out")) {
    static_cast<void>(item);
    ++found;
  }
  CHECK(found == index.entries.size());
  for (const Entry& entry : index.entries) {
    const auto path = folder.path() / "out" / entry.path.str();
    CAPTURE(entry.path.str());
    const auto status = std::filesystem::symlink_status(path);
    switch (entry.type) {
      case EntryType::kDirectory:
        CHECK(std::filesystem::is_directory(status));
        break;
      case EntryType::kSymlink:
        REQUIRE(std::filesystem::is_symlink(status));
        CHECK(std::filesystem::read_symlink(path) == entry.target);
        break;
      case EntryType::kFile: {
        std::ifstream in(path, std::ios::binary);
        const std::string content{std::istreambuf_iterator<char>(in), {}};
        CHECK(sha256(as_bytes(content)) == entry.digest);
        CHECK(((status.permissions() & std::filesystem::perms::owner_exec) !=
               std::filesystem::perms::none) == entry.executable);
        break;
      }
    }
  }
}
