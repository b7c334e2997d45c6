#include "installer/base/error.hpp"
#include "installer/format/container.hpp"
#include "installer/format/index.hpp"
#include "tests/support/thrown_error.hpp"
#include "tests/unit/format/raw_index.hpp"
#include "tests/unit/format/sample_index.hpp"

using namespace eb;
using Catch::Matchers::Contains;
using test::IndexBuilder;
using test::raw_index;
using test::raw_sections;
using test::RawEntry;
using test::sample_index;
using test::thrown_error;

namespace {

// The error of an index that has these entries; of the first of them, so no layout is needed.
Error entries_error(const std::vector<RawEntry>& entries) {
  const Error error = thrown_error([&entries] { parse_index(raw_index(raw_sections(entries))); });
  CHECK(error.code() == ExitCode::kMalformed);
  return error;
}

std::string why_not_path(const std::string& path) {
  return entries_error({{.type = 1, .path = path, .target = {}}}).why();
}

// check_index() and parse_index() must agree on a set that can be built.
Error set_error(const Index& index) {
  const Error error = thrown_error([&index] { check_index(index); });
  CHECK(error.code() == ExitCode::kMalformed);
  CHECK(std::string(error.what()) == "the index breaks a rule of the format");
  std::vector<RawEntry> raw;
  for (const Entry& entry : index.entries) {
    raw.push_back({static_cast<uint8_t>(entry.type), 0, entry.path.str(), entry.size_bytes,
                   entry.offset, entry.target});
  }
  CHECK(entries_error(raw).why() == error.why());
  return error;
}

std::string why_not_link(const std::string& target) {
  return set_error(IndexBuilder().dir("a").dir("a/b").link("a/b/l", target).build()).why();
}

}  // namespace

TEST_CASE("F091_absolute_path") {
  CHECK(why_not_path("/etc/passwd") == "the path is absolute: '/etc/passwd'");
}

TEST_CASE("F092_parent_component") {
  CHECK(why_not_path("..") == "the path has a '..' component: '..'");
  CHECK(why_not_path("a/../b") == "the path has a '..' component: 'a/../b'");
}

TEST_CASE("F093_empty_or_dot_component") {
  CHECK(entries_error(
            {{.type = 1, .path = "", .target = {}}, {.type = 1, .path = "ab", .target = {}}})
            .why() == "the path is empty: ''");
  CHECK(why_not_path("a/") == "the path has an empty component: 'a/'");
  CHECK(why_not_path("a//b") == "the path has an empty component: 'a//b'");
  CHECK(why_not_path("./a") == "the path has a '.' component: './a'");
}

TEST_CASE("F094_control_characters_and_bad_utf8") {
  CHECK_THAT(why_not_path(std::string("a\0b", 3)), Contains("control character"));
  CHECK_THAT(why_not_path("a\nb"), Contains("control character"));
  CHECK_THAT(why_not_path("a\xc2\x85"), Contains("control character"));
  CHECK_THAT(why_not_path("a\xff"), Contains("not UTF-8"));
}

TEST_CASE("F095_too_long_or_too_deep") {
  CHECK_THAT(why_not_path(std::string(256, 'x')), Contains("longer than 255 bytes"));
  CHECK_THAT(why_not_path(std::string(65535, 'x')), Contains("longer than 1024 bytes"));
  std::string deep = "d";
  for (int i = 0; i < 64; ++i) deep += "/d";
  CHECK_THAT(why_not_path(deep), Contains("deeper than 64 components"));
}

TEST_CASE("F096_duplicate_path") {
  IndexBuilder builder;
  const Error error = set_error(builder.file("a").file("a").build());
  CHECK(error.where() == "index, entry 1, 'a'");
  CHECK(error.why() == "the path stands twice, as a file and a file");
}

TEST_CASE("F097_file_and_directory_of_one_path") {
  Index index = IndexBuilder().dir("a").build();
  index.entries.push_back(IndexBuilder().file("a").build().entries[0]);
  CHECK(set_error(index).why() == "the path stands twice, as a directory and a file");
}

TEST_CASE("entries out of order are refused") {
  Index index = IndexBuilder().dir("a").dir("b").build();
  std::swap(index.entries[0], index.entries[1]);
  CHECK(set_error(index).why() == "the path is not in order after 'b'");
}

TEST_CASE("F098_file_as_directory") {
  CHECK(set_error(IndexBuilder().file("a").file("a/b").build()).why() ==
        "it lies below 'a', which is a file, not a directory");
  CHECK(set_error(IndexBuilder().dir("d").file("d/a").dir("d/a/b").build()).why() ==
        "it lies below 'd/a', which is a file, not a directory");
}

TEST_CASE("F099_symlink_as_directory") {
  CHECK(set_error(IndexBuilder().dir("d").link("a", "d").file("a/b").build()).why() ==
        "it lies below 'a', which is a symlink, not a directory");
}

TEST_CASE("every directory must be there") {
  CHECK(set_error(IndexBuilder().dir("a").file("a/b/c").build()).why() ==
        "its directory 'a/b' is not in the index");
  CHECK(set_error(IndexBuilder().dir("a-b").file("a/c").build()).why() ==
        "its directory 'a' is not in the index");
}

TEST_CASE("F100_symlink_target_alone") {
  CHECK(why_not_link("") == "the target is empty");
  CHECK(why_not_link("/etc/passwd") == "the target '/etc/passwd' is absolute");
  CHECK(why_not_link("../../..") == "the target '../../..' leads out of the tree");
  CHECK(why_not_link("../../../etc") == "the target '../../../etc' leads out of the tree");
  CHECK(why_not_link("../..") == "the target '../..' leads out of the tree");
  CHECK(why_not_link("a\nb") == "the target is not printable UTF-8");
  CHECK(why_not_link("\xff") == "the target is not printable UTF-8");
  CHECK(why_not_link(std::string(1025, 'x')) == "the target is longer than 1024 bytes");
}

TEST_CASE("symlinks that are taken") {
  IndexBuilder builder;
  builder.dir("a").dir("a/b").file("a/f");
  builder.link("a/b/up", "..").link("a/b/here", ".").link("a/b/to", "../f").link("a/b/gone", "no");
  builder.link("a/b/x", "up/b/./here//to").link("z", "a/b/x/");
  check_index(builder.build());
}

TEST_CASE("F100_symlink_that_leaves_through_another") {
  // As text `a/b/s/../../x` is `a/x`; on the disk a/b/s is a, so it is `../x` of the tree.
  const Error error = set_error(IndexBuilder()
                                    .dir("a")
                                    .dir("a/b")
                                    .dir("a/b/c")
                                    .link("a/b/c/s", "../..")
                                    .link("a/b/c/t", "s/../../x")
                                    .build());
  CHECK(error.where() == "index, entry 4, 'a/b/c/t'");
  CHECK(error.why() == "the target 's/../../x' leads out of the tree");
  CHECK(
      set_error(
          IndexBuilder().dir("a").dir("a/b").link("a/b/s", "..").link("a/b/t", "s/../c/..").build())
          .why() == "the target 's/../c/..' is the tree itself");
}

TEST_CASE("F100_symlink_loops_and_chains") {
  CHECK(set_error(IndexBuilder().link("a", "a").build()).why() == "the symlink leads to itself");
  CHECK(set_error(IndexBuilder().link("a", "b").link("b", "c").link("c", "a").build()).why() ==
        "the symlink leads to itself");
  CHECK(set_error(IndexBuilder().dir("d").link("d/a", "../e/x").link("e", "d/a").build()).why() ==
        "the symlink leads to itself");

  const auto chain = [](int links) {
    IndexBuilder builder;
    builder.file("l0");
    for (int i = 1; i <= links; ++i) {
      builder.link("l" + std::to_string(i), "l" + std::to_string(i - 1));
    }
    return builder.build();
  };
  check_index(chain(40));
  CHECK(set_error(chain(41)).why() == "more than 40 symlinks must be followed to its end");
  CHECK(set_error(chain(3000)).why() == "more than 40 symlinks must be followed to its end");
  // The reverse order, where each link is resolved before it is needed.
  IndexBuilder down;
  for (int i = 100; i < 141; ++i) {
    down.link("l" + std::to_string(i), "l" + std::to_string(i - 1));
  }
  CHECK(set_error(down.build()).why() == "more than 40 symlinks must be followed to its end");
  // Links that stand side by side in one target add up.
  IndexBuilder wide;
  wide.dir("d").link("d/s", ".");
  std::string target;
  for (int i = 0; i < 39; ++i) target += "s/";
  check_index(IndexBuilder(wide).link("d/t", target).build());
  CHECK(set_error(wide.link("d/t", target + "s").build()).why() ==
        "more than 40 symlinks must be followed to its end");
}

TEST_CASE("symlinks that double the way at each step end early") {
  // Followed one by one, the last would take 2^500 steps.
  IndexBuilder builder;
  builder.dir("d").link("d/l0", ".");
  for (int i = 1; i <= 500; ++i) {
    const std::string before = "l" + std::to_string(i - 1);
    builder.link("d/l" + std::to_string(i), before + "/" + before);
  }
  CHECK(set_error(builder.build()).why() == "more than 40 symlinks must be followed to its end");
}

TEST_CASE("F102_reserved_names") {
  for (const char* name : {".envinstall", ".bundle", "current", "releases", "lost+found", ".nfs",
                           ".nfs000000000000001"}) {
    CAPTURE(name);
    for (Index index : {IndexBuilder().dir(name).build(), IndexBuilder().file(name).build(),
                        IndexBuilder().link(name, "x").build()}) {
      CHECK(set_error(index).why() == "the name is reserved for the installer or the file system");
    }
    check_index(IndexBuilder().dir("share").dir(std::string("share/") + name).build());
  }
  check_index(IndexBuilder().dir(".bundles").dir("currents").dir("release").dir("Current").build());
}

TEST_CASE("F103_modes_that_do_not_exist") {
  for (const uint8_t flags : {2, 3, 4, 128, 255}) {
    CAPTURE(flags);
    CHECK(entries_error({{.type = 2, .flags = flags, .path = "a", .target = {}}}).why() ==
          "entry 'a' has flags " + std::to_string(flags) + "; only a file may be executable (1)");
  }
  for (const uint8_t type : {1, 3}) {
    CHECK_THAT(entries_error({{.type = type, .flags = 1, .path = "a", .target = "b"}}).why(),
               Contains("only a file may be executable"));
  }
}

TEST_CASE("F104_types_that_do_not_exist") {
  for (const int type : {0, 4, 5, 6, 128, 255}) {
    CAPTURE(type);
    CHECK(entries_error({{.type = static_cast<uint8_t>(type), .path = "a", .target = {}}}).why() ==
          "entry 'a' has type " + std::to_string(type) +
              "; there are directory (1), file (2), symlink (3)");
  }
}

TEST_CASE("F105_and_F106_fields_of_another_type") {
  const auto refused = [](auto change, const std::string& why) {
    Index index = sample_index();
    change(index.entries);
    const Error error = thrown_error([&] { check_index(index); });
    CHECK(error.code() == ExitCode::kMalformed);
    CHECK(error.why() == why);
  };
  using Entries = std::vector<Entry>;
  const std::string only_file = "only a file has size, offset, digest or the executable flag";
  refused([](Entries& e) { e[0].executable = true; }, only_file);
  refused([](Entries& e) { e[0].size_bytes = 1; }, only_file);
  refused([](Entries& e) { e[3].offset = 512; }, only_file);
  refused([](Entries& e) { e[3].digest = sha256({}); }, only_file);
  refused([](Entries& e) { e[0].target = "x"; }, "only a symlink has a target");
  refused([](Entries& e) { e[1].target = "x"; }, "only a symlink has a target");
  refused([](Entries& e) { e[1].type = static_cast<EntryType>(7); }, "unknown type 7");
  refused([](Entries& e) { e[1].size_bytes = kMaxFileSize + 1; },
          "a file of 1099511627777 bytes; at most 1099511627776 are allowed");
}

TEST_CASE("F107_too_many_names_in_one_directory") {
  Index index = IndexBuilder().dir("d").build();
  Entry entry = index.entries[0];
  index.entries.reserve(kMaxDirectoryEntries + 2);
  for (uint32_t i = 0; i < kMaxDirectoryEntries; ++i) {
    entry.path = RelPath("d/" + std::to_string(10'000'000 + i));
    index.entries.push_back(entry);
  }
  check_index(index);
  entry.path = RelPath("d/z");
  index.entries.push_back(entry);
  const Error error = thrown_error([&] { check_index(index); });
  CHECK(error.where() == "index, entry 1048577, 'd/z'");
  CHECK(error.why() == "its directory holds more than 1048576 names");
}

TEST_CASE("where names section, byte and entry") {
  // 12 bytes of index header, three section headers of 24, meta and frames, a count, one record.
  const auto sections = raw_sections({{1, 0, "a", 0, 0, ""}, {1, 0, "a", 0, 0, ""}});
  const size_t record = 12 + 3 * 24 + sections[0].data.size() + sections[1].data.size() + 4 + 5;
  const Error error = thrown_error([&] { parse_index(raw_index(sections)); });
  CHECK(error.where() ==
        "index section 'entries', byte " + std::to_string(record) + ": entry 1, 'a'");
}

TEST_CASE("F007_frames_and_files_tile_the_stream") {
  const Index good = IndexBuilder().dir("d").file("d/a", "aa").file("d/b", "b").build();
  check_layout(good);
  const auto why = [](const Index& index) {
    const Error error = thrown_error([&index] { check_layout(index); });
    CHECK(error.code() == ExitCode::kMalformed);
    return error.why();
  };
  Index index = good;
  index.entries[1].offset += 512;  // a gap
  CHECK(why(index) == "its offset is 1024, but what stands before it ends at 512");
  index = good;
  index.entries[2].offset -= 512;  // an overlap
  CHECK(why(index) == "its offset is 1024, but what stands before it ends at 1536");
  index = good;
  index.entries[2].offset = index.entries[1].offset;  // two files in one place
  CHECK(why(index) == "its offset is 512, but what stands before it ends at 1536");
  index = good;
  index.entries[1].offset = 0;  // over the directories
  CHECK(why(index) == "its offset is 0, but what stands before it ends at 512");
  index = good;
  index.frames[0].raw_size += 512;
  CHECK(why(index) == "the frames decode to 4096 bytes, but the entries make a tar stream of 3584");
  index = good;
  index.frames.clear();
  CHECK(why(index) == "the frames decode to 0 bytes, but the entries make a tar stream of 3584");
  // Files may stand in any order.
  index = good;
  index.entries[2].offset = 512;
  index.entries[1].offset = 1536;
  check_layout(index);
}

TEST_CASE("F008_offsets_and_sizes_at_the_end_of_the_number_range") {
  Index index = IndexBuilder().file("a", "a").build();
  index.entries[0].offset = UINT64_MAX;
  CHECK_THAT(thrown_error([&] { check_layout(index); }).why(),
             Contains("its offset is 18446744073709551615"));
  const Error error = entries_error(
      {{.type = 2, .path = "a", .size_bytes = UINT64_MAX, .offset = 0, .target = {}}});
  CHECK(error.why() == "a file of 18446744073709551615 bytes; at most 1099511627776 are allowed");
}

TEST_CASE("F008_sizes_whose_sum_overflows") {
  Index index = IndexBuilder().file("a").file("b").build();
  index.entries[0].size_bytes = index.entries[1].size_bytes = uint64_t{1} << 63;
  index.entries[1].offset = 2 * 512 + 512 + (uint64_t{1} << 63);
  index.entries[0].offset = 0;
  const Error error = thrown_error([&] { check_layout(index); });
  CHECK(error.code() == ExitCode::kMalformed);
  CHECK(error.why() == "the tar stream overflows");
}

TEST_CASE("more frames than allowed are refused") {
  Index index = IndexBuilder().build();
  index.frames.resize(kMaxFrames + 1, index.frames[0]);
  const Error error = thrown_error([&] { check_layout(index); });
  CHECK(error.code() == ExitCode::kMalformed);
  CHECK(error.where() == "index section 'frames'");
  CHECK(error.why() == "1048577 frames; at most 1048576 are allowed");
}

TEST_CASE("frames outside their bounds") {
  const auto why = [](uint64_t compressed, uint64_t raw) {
    const Error error = thrown_error([=] {
      parse_index(raw_index(raw_sections({}, {{compressed, raw}})));
    });
    CHECK(error.code() == ExitCode::kMalformed);
    CHECK(error.where() == "index section 'frames', frame 0");
    return error.why();
  };
  CHECK(why(20, 0) == "a raw size of 0 bytes; allowed are 1 to 67108864");
  CHECK(why(20, kMaxFrameRawSize + 1) == "a raw size of 67108865 bytes; allowed are 1 to 67108864");
  CHECK(why(20, UINT64_MAX) ==
        "a raw size of 18446744073709551615 bytes; allowed are 1 to 67108864");
  CHECK(why(0, 1024) == "a compressed size of 0 bytes; allowed are 1 to 2056");
  CHECK(why(2057, 1024) == "a compressed size of 2057 bytes; allowed are 1 to 2056");
  CHECK(why(UINT64_MAX, 1024) ==
        "a compressed size of 18446744073709551615 bytes; allowed are 1 to 2056");
  CHECK(parse_index(raw_index(raw_sections({}, {{2056, 1024}}))).frames.size() == 1);
}

TEST_CASE("an empty tree is a tree") {
  const Index index = IndexBuilder().build();
  CHECK(index.frames[0].raw_size == kTarEndSize);
  CHECK(parse_index(encode_index(index)) == index);
}
