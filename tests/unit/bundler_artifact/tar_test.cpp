#include "bundler/artifact/tar.hpp"

#include <catch2/catch.hpp>
#include <vector>

#include "installer/base/error.hpp"
#include "tests/support/temp_dir.hpp"
#include "tests/unit/bundler_artifact/tar_maker.hpp"

using namespace eb;
using namespace eb::test;

namespace {

struct Read {
  TarEntry entry;
  std::string content;
};

std::vector<Read> read_all(const std::string& data, const std::string& name = "t.tar") {
  TempDir dir;
  write_file(dir.path() / name, data);
  TarReader tar(dir.path() / name);
  std::vector<Read> out;
  TarEntry entry;
  while (tar.next(entry)) {
    Read read{entry, ""};
    char buffer[100];
    while (const size_t got = tar.read(buffer, sizeof buffer)) read.content.append(buffer, got);
    out.push_back(read);
  }
  return out;
}

// "what | where | why" of the refusal, "" when the archive is read.
std::string refusal(const std::string& data, const std::string& name = "t.tar") {
  try {
    read_all(data, name);
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::kInvalidLock);
    return std::string(error.what()) + " | " + error.where() + " | " + error.why();
  }
  return "";
}

}  // namespace

TEST_CASE("tar entries of every kind are read") {
  const std::string long_name = "d/" + std::string(150, 'n') + "/f";
  const auto got =
      read_all(tar_entry({.name = "./", .type = '5'}) + tar_entry({.name = "./d/", .type = '5'}) +
               tar_entry({.name = "./d/run", .mode = "0004755"}, "#!") +
               tar_entry({.name = "d/link", .type = '2', .link = "/etc/x"}) +
               tar_entry({.name = "./d/hard", .type = '1', .link = "./d/run"}) +
               tar_entry({.name = "f", .prefix = "a/b"}, std::string(1000, 'x')) +
               tar_entry({.name = "././@LongLink", .type = 'L'}, long_name + '\0') +
               tar_entry({.name = "d/nnnn", .magic = "ustar  "}, "gnu") +
               pax_header(pax_record("path", "d/pax") + pax_record("mtime", "1.5")) +
               tar_entry({.name = "short"}, "pax") +
               tar_entry({.name = "v7dir/", .type = '\0', .magic = ""}) + tar_end());
  REQUIRE(got.size() == 9);
  CHECK(got[0].entry.path.empty());
  CHECK(got[1].entry.path == "d");
  CHECK(got[1].entry.type == TarEntry::Type::kDirectory);
  CHECK(got[2].entry.path == "d/run");
  CHECK(got[2].entry.mode == 04755);
  CHECK(got[2].entry.executable());
  CHECK(got[2].content == "#!");
  CHECK(got[3].entry.type == TarEntry::Type::kSymlink);
  CHECK(got[3].entry.target == "/etc/x");
  CHECK(got[4].entry.type == TarEntry::Type::kHardLink);
  CHECK(got[4].entry.target == "d/run");
  CHECK(got[5].entry.path == "a/b/f");
  CHECK(got[5].content == std::string(1000, 'x'));
  CHECK(got[6].entry.path == long_name);
  CHECK(got[6].content == "gnu");
  CHECK(got[7].entry.path == "d/pax");
  CHECK(got[8].entry.type == TarEntry::Type::kDirectory);
}

TEST_CASE("content that is not read is skipped") {
  TempDir dir;
  write_file(dir.path() / "t.tar", tar_entry({.name = "a"}, std::string(200000, 'a')) +
                                       tar_entry({.name = "b"}, "bb") + tar_end());
  TarReader tar(dir.path() / "t.tar");
  TarEntry entry;
  char byte = 0;
  REQUIRE(tar.next(entry));
  REQUIRE(tar.read(&byte, 1) == 1);
  REQUIRE(tar.next(entry));
  CHECK(entry.path == "b");
  CHECK_FALSE(tar.next(entry));
  CHECK_FALSE(tar.next(entry));
}

TEST_CASE("every compression is read, and one that its name does not say is refused") {
  const std::string tar = tar_entry({.name = "a"}, std::string(100000, 'a')) + tar_end();
  const auto check = [&](int (*filter)(archive*), const std::string& name) {
    const auto got = read_all(compress(tar, filter), name);
    REQUIRE(got.size() == 1);
    CHECK(got[0].content == std::string(100000, 'a'));
  };
  check(archive_write_add_filter_gzip, "t.tar.gz");
  check(archive_write_add_filter_gzip, "t.tgz");
  check(archive_write_add_filter_xz, "t.tar.xz");
  check(archive_write_add_filter_zstd, "t.tar.zst");
  check(archive_write_add_filter_bzip2, "t.tar.bz2");
  CHECK(refusal(compress(tar, archive_write_add_filter_xz), "t.tar.gz") ==
        "cannot decompress the archive | t.tar.gz | the data is not what its name says");
  CHECK(refusal(tar, "t.zip") ==
        "not a tar archive that can be read | t.zip | names end in .tar, "
        ".tar.gz, .tar.xz, .tar.zst or .tar.bz2");
  CHECK(is_tar_name("x.tar.zst"));
  CHECK_FALSE(is_tar_name("x.whl"));
}

TEST_CASE("F061_damaged_or_cut_tar_is_refused") {
  const std::string good = tar_entry({.name = "a"}, std::string(700, 'a')) + tar_end();
  CHECK(refusal("") != "");
  for (const size_t size : {100u, 512u, 600u, 1536u, 1600u}) {
    CHECK_THAT(refusal(good.substr(0, size)),
               Catch::StartsWith("the archive is cut short | t.tar"));
  }
  CHECK(refusal(tar_entry({.name = "a", .good_checksum = false}) + tar_end()) ==
        "a damaged tar header | t.tar | its checksum does not agree");
  CHECK(refusal(good + "more") ==
        "the archive goes on after its end | t.tar | there is data after the empty block");
  const std::string packed = compress(good, archive_write_add_filter_xz);
  CHECK(refusal(packed.substr(0, packed.size() / 2), "t.tar.xz") != "");
}

TEST_CASE("F061_pax_size_that_differs_from_the_header_is_refused") {
  CHECK(refusal(pax_header(pax_record("size", "512")) + tar_entry({.name = "a"}, "0123456789") +
                tar_end()) ==
        "two sizes for one entry | t.tar: a | the tar header says 10, the pax header 512");
  CHECK(refusal(pax_header(pax_record("size", "10")) +
                tar_entry({.name = "a", .size = "00000000000"}) + tar_end()) ==
        "two sizes for one entry | t.tar: a | the tar header says 0, the pax header 10");
  CHECK(refusal(pax_header(pax_record("size", "-10")) + tar_entry({.name = "a"}) + tar_end()) ==
        "a damaged pax header | t.tar | its size '-10' is no number");
  CHECK(refusal(pax_header(pax_record("size", "10")) + tar_entry({.name = "a"}, "0123456789") +
                tar_end())
            .empty());
}

TEST_CASE("F061_negative_and_huge_numbers_are_refused") {
  const std::string negative("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xf0", 12);
  CHECK(refusal(tar_entry({.name = "a", .size = negative}) + tar_end()) ==
        "a damaged tar header | t.tar | its size is no valid number");
  const std::string huge("\x80\x00\x00\x00\x7f\xff\xff\xff\xff\xff\xff\xff", 12);
  CHECK(refusal(tar_entry({.name = "a", .size = huge}) + tar_end()) ==
        "a damaged tar header | t.tar | its size is no valid number");
  CHECK(refusal(tar_entry({.name = "a", .size = "00000000 1x"}) + tar_end()) ==
        "a damaged tar header | t.tar | its size is no valid number");
  // Base-256 itself is how GNU writes sizes from 8 GiB on.
  const std::string three("\x80\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x03", 12);
  CHECK(refusal(tar_entry({.name = "a", .size = three}, "abc") + tar_end()).empty());
  const std::string nine_gib("\x80\x00\x00\x00\x00\x00\x00\x02\x40\x00\x00\x00", 12);
  CHECK(refusal(tar_entry({.name = "a", .size = nine_gib}) + tar_end()) ==
        "the archive is cut short | t.tar: a | it ends inside this entry");
}

TEST_CASE("F061_chains_of_names_are_refused") {
  const std::string long_name = tar_entry({.name = "././@LongLink", .type = 'L'}, "a/long");
  CHECK(refusal(long_name + long_name + tar_entry({.name = "a"}) + tar_end()) ==
        "two long names for one entry | t.tar | one is allowed");
  CHECK(refusal(long_name + pax_header(pax_record("path", "other")) + tar_entry({.name = "a"}) +
                tar_end()) == "two names for one entry | t.tar | 'a/long' and 'other'");
  CHECK(refusal(pax_header(pax_record("path", "b")) + pax_header(pax_record("path", "c")) +
                tar_entry({.name = "a"}) + tar_end()) ==
        "two pax headers for one entry | t.tar | one is allowed");
  CHECK(refusal(long_name + tar_end()) == "a header without its entry | t.tar | the archive ends");
  CHECK(refusal(tar_entry({.name = "L", .type = 'L', .size = "00010000000"}) + tar_end()) ==
        "a long name is too large | t.tar | 2097152 bytes");
}

TEST_CASE("F061_global_header_that_names_files_is_refused") {
  CHECK(
      refusal(pax_header(pax_record("path", "evil"), 'g') + tar_entry({.name = "a"}) + tar_end()) ==
      "a global pax header names a file | t.tar | such headers change entries that they hide");
  CHECK(refusal(pax_header(pax_record("comment", "0123abcd"), 'g') + tar_entry({.name = "a"}) +
                tar_end())
            .empty());
}

TEST_CASE("F061_sparse_files_and_devices_are_refused") {
  CHECK(refusal(tar_entry({.name = "a", .type = 'S'}) + tar_end()) ==
        "a sparse file in the archive | t.tar: a | no such form is read");
  CHECK(refusal(pax_header(pax_record("GNU.sparse.major", "1")) + tar_entry({.name = "a"}) +
                tar_end()) == "a sparse file in the archive | t.tar | no such form is read");
  for (const char type : {'3', '4', '6'}) {
    CHECK(refusal(tar_entry({.name = "dev/null", .type = type}) + tar_end()) ==
          "a device or FIFO in the archive | t.tar: dev/null | only files, directories and links "
          "are allowed");
  }
  CHECK(refusal(tar_entry({.name = "a", .type = 'Z'}) + tar_end()) ==
        "an unknown kind of tar entry | t.tar: a | its type is 'Z'");
  CHECK(refusal(tar_entry({.name = "a", .type = '2', .link = "b"}, "content") + tar_end()) ==
        "a tar entry with content that it cannot have | t.tar: a | 7 bytes of a directory or link");
}

TEST_CASE("F061_bad_pax_records_are_refused") {
  for (const char* text :
       {"5 a=b\n", "99 a=b\n", "x a=b\n", "6 ab=\n1", "6 a=bc", " a=b\n", "4 a\n"}) {
    INFO(text);
    CHECK_THAT(refusal(pax_header(text) + tar_entry({.name = "a"}) + tar_end()),
               Catch::StartsWith("a damaged pax header"));
  }
}

TEST_CASE("F091_F092_tar_entries_outside_the_root_are_refused") {
  CHECK(refusal(tar_entry({.name = "../x"}) + tar_end()) ==
        "a tar entry with a bad name | t.tar: ../x | the path has a '..' component");
  CHECK(refusal(tar_entry({.name = "/etc/passwd"}) + tar_end()) ==
        "a tar entry with a bad name | t.tar: /etc/passwd | the path is absolute");
  CHECK(refusal(tar_entry({.name = "a//b"}) + tar_end()) ==
        "a tar entry with a bad name | t.tar: a//b | the path has an empty component");
  CHECK(refusal(tar_entry({.name = "a\xff"}) + tar_end()) ==
        "a tar entry with a bad name | t.tar: a\xff | the path is not UTF-8");
  CHECK(refusal(tar_entry({.name = "./", .type = '2', .link = "x"}) + tar_end()) ==
        "a tar entry with a bad name | t.tar: ./ | the path is empty");
  CHECK(refusal(tar_entry({.name = "h", .type = '1', .link = "../x"}) + tar_end()) ==
        "a hard link with a bad target | t.tar: h | the path has a '..' component");
}
