#include <sys/resource.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <random>

#include "bundler/pack/frame_compressor.hpp"
#include "bundler/pack/output_file.hpp"
#include "bundler/pack/pack.hpp"
#include "bundler/pack/resign.hpp"
#include "installer/base/error.hpp"
#include "installer/format/container.hpp"
#include "sample_tree.hpp"

namespace eb {
namespace {

using test::read_bytes;
using test::read_text;
using test::Scratch;
using test::shell;

Index pack(const std::filesystem::path& root, const std::filesystem::path& file,
           PackOptions options, const Signer& signer = nullptr) {
  const Tree tree = scan_tree(root, options.threads);
  NullSink events;
  return write_bundle(tree, plan_pack(tree, test::sample_meta(), options), file, options, signer,
                      events);
}

std::vector<std::byte> blob(size_t size) { return std::vector<std::byte>(size, std::byte{42}); }

size_t names_in(const std::filesystem::path& folder) {
  return static_cast<size_t>(std::distance(std::filesystem::directory_iterator(folder), {}));
}

TEST_CASE("zstd and tar alone give the tree back") {
  const Scratch scratch;
  test::make_sample_tree(scratch / "t");
  pack(scratch / "t", scratch / "b.zst", {.threads = 2, .frame_raw_size = 65536});
  const auto log = scratch / "log";
  INFO(read_text(log));
  REQUIRE(shell("zstd -tq " + (scratch / "b.zst").string(), log) == 0);
  const std::string unpack = "mkdir " + (scratch / "out").string() + " && cd " +
                             (scratch / "out").string() +
                             " && umask 022 && zstd -dcq ../b.zst | tar -xf -";
  REQUIRE(shell("set -e; " + unpack, log) == 0);
  CHECK(read_text(log).empty());
  CHECK(scan_tree(scratch / "out", 1).entries == scan_tree(scratch / "t", 1).entries);
  REQUIRE(shell("zstd -dcq " + (scratch / "b.zst").string() + " | tar -tf - | wc -l", log) == 0);
  CHECK(std::stoul(read_text(log)) == scan_tree(scratch / "t", 1).entries.size());
  // The tar's own idea of time and owner.
  REQUIRE(shell("zstd -dcq " + (scratch / "b.zst").string() +
                    " | TZ=UTC tar -tvf - --numeric-owner lib/empty",
                log) == 0);
  CHECK_THAT(read_text(log), Catch::StartsWith("-rw-r--r-- 0/0 "));
  CHECK_THAT(read_text(log), Catch::Contains("2023-11-14"));
}

TEST_CASE("the written header and index describe the file") {
  const Scratch scratch;
  test::make_sample_tree(scratch / "t");
  const Index index =
      pack(scratch / "t", scratch / "b.zst", {.threads = 1, .frame_raw_size = 65536});
  const BundleHeader header = read_bundle_header(scratch / "b.zst");
  CHECK(parse_index(header.index) == index);
  CHECK(header.signatures.empty());
  const std::vector<std::byte> file = read_bytes(scratch / "b.zst");
  uint64_t at = header.prologue.data_offset();
  for (const Frame& frame : index.frames) {
    CHECK(sha256(Bytes(file).subspan(at, frame.compressed_size)) == frame.digest);
    at += frame.compressed_size;
  }
  CHECK(at == file.size());
}

TEST_CASE("threads, folder and day change no byte") {
  const Scratch scratch;
  test::make_sample_tree(scratch / "t");
  test::make_sample_tree(scratch / "elsewhere/deep/t");
  shell("find " + (scratch / "elsewhere").string() + " -exec touch -h -d 2001-01-01 {} +",
        scratch / "log");
  for (const int level : {1, 9}) {
    pack(scratch / "t", scratch / "a.zst", {.level = level, .threads = 1, .frame_raw_size = 65536});
    pack(scratch / "elsewhere/deep/t", scratch / "b.zst",
         {.level = level, .threads = 5, .frame_raw_size = 65536});
    CHECK(read_bytes(scratch / "a.zst") == read_bytes(scratch / "b.zst"));
  }
}

TEST_CASE("a signer sees the index that is written, whether its sizes were known or not") {
  const Scratch scratch;
  test::make_sample_tree(scratch / "t");
  std::vector<std::byte> seen;
  const Signer signer = [&](Bytes index) {
    seen.assign(index.begin(), index.end());
    return std::vector{blob(100), blob(77)};
  };
  pack(scratch / "t", scratch / "known.zst",
       {.frame_raw_size = 65536, .signature_sizes = {100, 77}}, signer);
  const BundleHeader header = read_bundle_header(scratch / "known.zst");
  CHECK(header.index == seen);
  CHECK(header.signatures == std::vector{blob(100), blob(77)});
  const std::vector<std::byte> known = read_bytes(scratch / "known.zst");
  // Too little and too much room: the data is moved.
  pack(scratch / "t", scratch / "b.zst", {.frame_raw_size = 65536}, signer);
  CHECK(read_bytes(scratch / "b.zst") == known);
  pack(scratch / "t", scratch / "b.zst", {.frame_raw_size = 65536, .signature_sizes = {5000}},
       signer);
  CHECK(read_bytes(scratch / "b.zst") == known);
  CHECK(shell("zstd -tq " + (scratch / "b.zst").string(), scratch / "log") == 0);
}

TEST_CASE("signatures are replaced without touching the data") {
  const Scratch scratch;
  test::make_sample_tree(scratch / "t");
  const Signer two = [](Bytes) { return std::vector{blob(100), blob(77)}; };
  pack(scratch / "t", scratch / "two.zst", {.signature_sizes = {100, 77}}, two);
  pack(scratch / "t", scratch / "b.zst", {});
  replace_signatures(scratch / "b.zst", read_bundle_header(scratch / "b.zst"),
                     {blob(100), blob(77)});
  CHECK(read_bytes(scratch / "b.zst") == read_bytes(scratch / "two.zst"));
  CHECK(shell("zstd -tq " + (scratch / "b.zst").string(), scratch / "log") == 0);
  CHECK(names_in(scratch.root()) == 4);  // t, two.zst, b.zst, log: no temporary
}

TEST_CASE("a failure leaves the old file and nothing else") {
  const Scratch scratch;
  test::make_sample_tree(scratch / "t");
  const Tree tree = scan_tree(scratch / "t", 1);
  test::write_file(scratch / "out/b.zst", "the old one");
  const auto check_old = [&] {
    CHECK(read_text(scratch / "out/b.zst") == "the old one");
    CHECK(names_in(scratch / "out") == 1);
  };
  NullSink events;
  SECTION("a file shrank between scan and pack") {
    test::write_file(scratch / "t/lib/libbig.so.1", "short");
    const PackOptions options{.threads = 3, .frame_raw_size = 65536};
    try {
      write_bundle(tree, plan_pack(tree, test::sample_meta(), options), scratch / "out/b.zst",
                   options, nullptr, events);
      FAIL("accepted");
    } catch (const Error& error) {
      CHECK(error.code() == ExitCode::kIo);
      CHECK(std::string(error.what()) == "a file changed while it was packed");
      CHECK(error.where() == (scratch / "t/lib/libbig.so.1").string());
    }
    check_old();
  }
  SECTION("the signer fails") {
    const PackOptions options;
    const Signer signer = [](Bytes) -> std::vector<std::vector<std::byte>> {
      throw Error(ExitCode::kUntrusted, "no");
    };
    CHECK_THROWS_AS(write_bundle(tree, plan_pack(tree, test::sample_meta(), options),
                                 scratch / "out/b.zst", options, signer, events),
                    Error);
    check_old();
  }
  SECTION("the disk is full") {
    // A limit on the file size stands for it: the write is refused in the middle of a frame.
    const PackOptions options;
    struct rlimit old {};
    ::getrlimit(RLIMIT_FSIZE, &old);
    const struct rlimit small { 100'000, old.rlim_max };
    std::signal(SIGXFSZ, SIG_IGN);
    ::setrlimit(RLIMIT_FSIZE, &small);
    const auto restore = [&] { ::setrlimit(RLIMIT_FSIZE, &old); };
    try {
      write_bundle(tree, plan_pack(tree, test::sample_meta(), options), scratch / "out/b.zst",
                   options, nullptr, events);
      restore();
      FAIL("accepted");
    } catch (const Error& error) {
      restore();
      CHECK(error.code() == ExitCode::kIo);
      CHECK(std::string(error.what()) == "cannot write");
    }
    check_old();
  }
}

TEST_CASE("levels that do not exist are refused") {
  for (const int level : {-1, 20}) {
    try {
      const FrameCompressor compressor(level, 1u << 20);
      FAIL("accepted");
    } catch (const Error& error) {
      CHECK(error.code() == ExitCode::kUsage);
    }
  }
}

TEST_CASE("the window of a frame is the frame, which an installer accepts") {
  const std::vector<std::byte> raw(20u << 20, std::byte{7});
  for (const int level : {1, 9, kMaxLevel}) {
    FrameCompressor compressor(level, frame_raw_size_of(level) * 2);
    const Bytes frame = compressor.compress(raw);
    // Frame header descriptor (RFC 8878 §3.1.1.1.1).
    const auto descriptor = std::to_integer<unsigned>(frame[4]);
    CHECK((descriptor & 0x20u) != 0);  // single segment: the window is the content
    CHECK((descriptor & 0x04u) != 0);  // checksum
    CHECK((descriptor & 0xC0u) != 0);  // content size
  }
}

TEST_CASE("what repeats anywhere in a frame is found, at every level") {
  // Noise of 5 MiB, three times: beyond the reach of the usual search at a low level.
  std::vector<std::byte> noise(5u << 20);
  std::mt19937_64 random(1);
  for (std::byte& byte : noise) byte = static_cast<std::byte>(random());
  std::vector<std::byte> raw;
  for (int i = 0; i < 3; ++i) raw.insert(raw.end(), noise.begin(), noise.end());
  for (const int level : {kFastLevel, 3, 9}) {
    FrameCompressor compressor(level, 16u << 20);
    CHECK(compressor.compress(raw).size() < noise.size() + noise.size() / 100);
  }
}

TEST_CASE("what is compressed already is not searched, what is so in part is") {
  constexpr uint64_t kSize = 4u << 20;
  const auto compressed = [](int level, const std::vector<std::byte>& raw) {
    FrameCompressor compressor(level, kSize);
    const Bytes out = compressor.compress(raw);
    return std::vector<std::byte>(out.begin(), out.end());
  };
  std::vector<std::byte> raw(kSize);
  std::mt19937_64 random(2);
  for (std::byte& byte : raw) byte = static_cast<std::byte>(random());
  const std::vector<std::byte> noise = compressed(1, raw);
  CHECK(noise.size() > kSize);
  CHECK(compressed(9, raw) == noise);
  // A quarter of it is text.
  std::string text;
  while (text.size() < kSize / 4)
    text += "line " + std::to_string(random() % 1000) + " of a text\n";
  std::ranges::copy(as_bytes(text).first(kSize / 4), raw.begin() + kSize / 2);
  CHECK(compressed(9, raw).size() < compressed(1, raw).size());
}

TEST_CASE("the fast levels store literals, the others code them") {
  constexpr size_t kSize = 2u << 20;
  std::vector<std::byte> raw(kSize);  // without a match, but of 100 values alone: 6.6 bits each
  std::mt19937_64 random(4);
  for (std::byte& byte : raw) byte = static_cast<std::byte>(random() % 100);
  const auto size_at = [&raw](int level) {
    return FrameCompressor(level, kSize).compress(raw).size();
  };
  CHECK(size_at(1) > kSize);
  CHECK(size_at(kFastLevel) > kSize);
  CHECK(size_at(kFastLevel + 1) < kSize * 17 / 20);
  CHECK(size_at(kDefaultLevel) < kSize * 17 / 20);
}

TEST_CASE("a compressor's frames do not depend on those before") {
  std::vector<std::byte> large(3u << 20);
  std::mt19937_64 random(3);
  for (std::byte& byte : large) byte = static_cast<std::byte>(random() % 7);
  const std::vector<std::byte> small(1000, std::byte{7});
  const auto hashed = [](FrameCompressor& compressor, const std::vector<std::byte>& raw) {
    return sha256(compressor.compress(raw));
  };
  FrameCompressor one(4, 4u << 20);
  FrameCompressor other(4, 4u << 20);
  const Sha256 first = hashed(one, small);
  const Sha256 second = hashed(one, large);
  CHECK(hashed(other, large) == second);
  CHECK(hashed(other, small) == first);
}

TEST_CASE(
    "memory is told for what a compressor takes, and the best fits three times into the cap") {
  CHECK(FrameCompressor::memory_bytes(9, 16u << 20) > (32u << 20));
  CHECK(FrameCompressor::memory_bytes(9, 16u << 20) < FrameCompressor::memory_bytes(9, 32u << 20));
  CHECK(2 * 3 * FrameCompressor::memory_bytes(kMaxLevel, frame_raw_size_of(kMaxLevel)) <=
        kMaxPackMemory);
}

}  // namespace
}  // namespace eb
