#include "installer/format/container.hpp"

#include <cstring>

#include "installer/base/bytes.hpp"
#include "tests/support/thrown_error.hpp"

using namespace eb;
using Catch::Matchers::Contains;
using test::thrown_error;

namespace {

Prologue sample_prologue() {
  return {.index_size = 300,
          .signatures_size = 200,
          .data_size = 5000,
          .index_digest = sha256(as_bytes("index"))};
}

// Writes a prologue that parse_prologue() cannot tell from an encoded one but by its values.
std::vector<std::byte> raw_prologue(const Prologue& p, uint32_t payload_size = 96) {
  ByteWriter out;
  out.u32(0x184D2A5B);
  out.u32(payload_size);
  out.text(
      {"\x89"
       "ENVBNDL\r\n\x1a\n",
       12});
  out.u16(p.major);
  out.u16(p.minor);
  out.u32(p.index_size);
  out.u32(p.signatures_size);
  out.u64(p.data_size);
  out.digest(p.index_digest);
  out.digest(sha256(out.data()));
  return out.release();
}

Error parse_error(Bytes data) {
  return thrown_error([data] { parse_prologue(data); });
}

std::vector<std::byte> bytes_of(std::string_view text) {
  const Bytes bytes = as_bytes(text);
  return {bytes.begin(), bytes.end()};
}

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) {
    text.replace(at, from.size(), to);
  }
  return text;
}

}  // namespace

TEST_CASE("a prologue comes back as it was written") {
  const Prologue prologue = sample_prologue();
  const auto data = encode_prologue(prologue);
  CHECK(data.size() == kPrologueFrameSize);
  CHECK(data == raw_prologue(prologue));
  CHECK(parse_prologue(data) == prologue);
  CHECK(encode_prologue(parse_prologue(data)) == data);
}

TEST_CASE("the parts of a bundle follow each other without a gap") {
  const Prologue p = sample_prologue();
  CHECK(p.index_offset() == 104 + 8);
  CHECK(p.signatures_offset() == 104 + 8 + 300 + 8);
  CHECK(p.data_offset() == 104 + 8 + 300 + 8 + 200);
  CHECK(p.file_size() == 104 + 8 + 300 + 8 + 200 + 5000);
  const Prologue largest = {.index_size = UINT32_MAX,
                            .signatures_size = UINT32_MAX,
                            .data_size = kMaxDataSize,
                            .index_digest = {}};
  CHECK(largest.file_size() > kMaxDataSize);
}

TEST_CASE("bytes after the prologue are not its business") {
  auto data = encode_prologue(sample_prologue());
  data.push_back(std::byte{7});
  CHECK(parse_prologue(data) == sample_prologue());
}

TEST_CASE("F001_empty_file") {
  const Error error = parse_error({});
  CHECK(error.code() == ExitCode::kMalformed);
  CHECK(std::string(error.what()) == "the file is empty, so it is not a bundle");
}

TEST_CASE("F002_wrong_magic") {
  const Error error = parse_error(as_bytes("PK\x03\x04 and so on, a wheel"));
  CHECK(error.code() == ExitCode::kMalformed);
  CHECK(std::string(error.what()) == "not a bundle");
  CHECK(error.where() == "bytes 0-7");
  CHECK(error.why() == "it begins with 50 4b 03 04 20 61 6e 64, as a zip file or a wheel does");
  CHECK(parse_error(as_bytes("x")).why() == "it begins with 78");
  CHECK_THAT(parse_error(as_bytes("<!DOCTYPE html>")).why(), Contains("an HTML page"));
  CHECK_THAT(parse_error(as_bytes("\x28\xb5\x2f\xfd....")).why(), Contains("ordinary zstd"));
  // A skippable frame of somebody else (seekable zstd).
  CHECK(std::string(parse_error(as_bytes("\x5e\x2a\x4d\x18....")).what()) == "not a bundle");
}

TEST_CASE("F003_truncated_prologue_at_every_byte") {
  const auto data = encode_prologue(sample_prologue());
  for (size_t size = 1; size < data.size(); ++size) {
    CAPTURE(size);
    const Error error = parse_error(Bytes(data).first(size));
    CHECK(error.code() == ExitCode::kMalformed);
    CHECK(std::string(error.what()) == "the bundle is cut off in its first bytes");
    CHECK(error.why() == "the prologue has 104 bytes, here are " + std::to_string(size));
  }
}

TEST_CASE("F005_sizes_outside_their_caps") {
  const auto refused = [](Prologue p, const std::string& why) {
    const Error error = parse_error(raw_prologue(p));
    CHECK(error.code() == ExitCode::kMalformed);
    CHECK(std::string(error.what()) == "the bundle states an impossible size");
    CHECK(error.why() == why);
    CHECK(thrown_error([&p] { encode_prologue(p); }).code() == ExitCode::kInternal);
  };
  Prologue p = sample_prologue();
  p.index_size = 0;
  refused(p, "an index of 0 bytes; allowed are 1 to 268435456");
  p.index_size = kMaxIndexSize + 1;
  refused(p, "an index of 268435457 bytes; allowed are 1 to 268435456");
  p.index_size = UINT32_MAX;
  refused(p, "an index of 4294967295 bytes; allowed are 1 to 268435456");
  p = sample_prologue();
  p.signatures_size = 11;
  refused(p, "signatures of 11 bytes; allowed are 12 to 65536");
  p.signatures_size = kMaxSignaturesSize + 1;
  refused(p, "signatures of 65537 bytes; allowed are 12 to 65536");
  p = sample_prologue();
  p.data_size = 0;
  refused(p, "data of 0 bytes; allowed are 1 to 281474976710656");
  p.data_size = UINT64_MAX;
  refused(p, "data of 18446744073709551615 bytes; allowed are 1 to 281474976710656");
}

TEST_CASE("F009_every_bit_of_the_prologue_counts") {
  const auto data = encode_prologue(sample_prologue());
  for (size_t bit = 0; bit < 8 * data.size(); ++bit) {
    CAPTURE(bit);
    auto damaged = data;
    damaged[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
    CHECK(parse_error(damaged).code() == ExitCode::kMalformed);
  }
}

TEST_CASE("F023_newer_major") {
  Prologue p = sample_prologue();
  p.major = 7;
  p.minor = 2;
  const Error error = parse_error(raw_prologue(p));
  CHECK(error.code() == ExitCode::kMalformed);
  CHECK(std::string(error.what()) == "the bundle needs a newer installer");
  CHECK(error.why() == "it is written in format 7.2, this program reads up to 1.x");
  REQUIRE(error.hints().size() == 1);
  CHECK_THAT(error.hints()[0], Contains("one that reads format 7"));
  // Its prologue may be longer or shorter than ours, and end otherwise.
  CHECK(std::string(parse_error(Bytes(raw_prologue(p, 4711)).first(30)).what()) ==
        "the bundle needs a newer installer");
}

TEST_CASE("a newer minor is read, major 0 is not") {
  Prologue p = sample_prologue();
  p.minor = 9;
  CHECK(parse_prologue(raw_prologue(p)) == p);
  CHECK(encode_prologue(parse_prologue(raw_prologue(p))) == raw_prologue(p));
  p.major = 0;
  CHECK(parse_error(raw_prologue(p)).code() == ExitCode::kMalformed);
  CHECK(thrown_error([&p] { encode_prologue(p); }).code() == ExitCode::kInternal);
}

TEST_CASE("a prologue of another length than version 1's is refused") {
  CHECK(parse_error(raw_prologue(sample_prologue(), 97)).code() == ExitCode::kMalformed);
}

TEST_CASE("F030_text_mode_transfer") {
  const auto data = encode_prologue(sample_prologue());
  const std::string text(as_text(data));
  std::string seven_bits = text;
  for (char& c : seven_bits) c = static_cast<char>(c & 0x7F);
  const std::string mangled[] = {
      replaced(text, "\r\n", "\n"),        // to Unix
      replaced(text, "\n", "\r\n"),        // to DOS
      replaced(text, "\r", ""),            // to Unix, by deleting
      replaced(text, "\x1a", ""),          // end-of-file mark dropped
      replaced(text, "\x89", "\xc2\x89"),  // Latin-1 to UTF-8
      replaced(text, "\x89", "\xef\xbf\xbd"),
      seven_bits,
  };
  for (const std::string& bytes : mangled) {
    CAPTURE(to_hex(as_bytes(bytes)));
    const Error error = parse_error(as_bytes(bytes));
    CHECK(error.code() == ExitCode::kMalformed);
    CHECK(std::string(error.what()) == "the bundle was changed on its way");
    REQUIRE(error.hints().size() == 1);
    CHECK_THAT(error.hints()[0], Contains("binary mode"));
  }
  CHECK(parse_error(as_bytes(mangled[0])).why() ==
        "its line ends were rewritten: expected 0d 0a 1a 0a, got 0a 1a 0a 01");
}

TEST_CASE("the frame header before index and signatures") {
  const auto header = skippable_header(300);
  CHECK(to_hex(header) == "5b2a4d182c010000");
  check_skippable_header(header, 300, "index");
  for (size_t bit = 0; bit < 8 * header.size(); ++bit) {
    auto damaged = header;
    damaged[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
    const Error error = thrown_error([&] { check_skippable_header(damaged, 300, "index"); });
    CHECK(error.code() == ExitCode::kMalformed);
    CHECK(std::string(error.what()) == "the frame header of the index is damaged");
  }
  CHECK(thrown_error([&] { check_skippable_header(header, 301, "index"); }).why() ==
        "expected 5b 2a 4d 18 2d 01 00 00, got 5b 2a 4d 18 2c 01 00 00");
  for (size_t size = 0; size < header.size(); ++size) {
    CHECK_THROWS_AS(check_skippable_header(Bytes(header).first(size), 300, "index"), Error);
  }
}

TEST_CASE("a list of signatures comes back as it was written") {
  using Blobs = std::vector<std::vector<std::byte>>;
  const Blobs lists[] = {{},
                         {bytes_of("a")},
                         {bytes_of("one"), bytes_of("two"), bytes_of("two")},
                         Blobs(kMaxSignatures, bytes_of("x"))};
  for (const Blobs& blobs : lists) {
    const auto data = encode_signatures(blobs);
    CHECK(parse_signatures(data) == blobs);
    CHECK(encode_signatures(parse_signatures(data)) == data);
    for (size_t size = 0; size < data.size(); ++size) {
      CHECK(thrown_error([&] { parse_signatures(Bytes(data).first(size)); }).code() ==
            ExitCode::kMalformed);
    }
    auto longer = data;
    longer.push_back(std::byte{0});
    CHECK(thrown_error([&] { parse_signatures(longer); }).why() ==
          "1 bytes after the last signature");
  }
  CHECK(to_hex(encode_signatures({bytes_of("ab")})) ==
        "45425349474e5300"
        "01000000"
        "02000000"
        "6162");
}

TEST_CASE("lists of signatures that are refused") {
  using Blobs = std::vector<std::vector<std::byte>>;
  for (const Blobs& blobs : {Blobs(kMaxSignatures + 1, bytes_of("x")), Blobs{{}},
                             Blobs{std::vector<std::byte>(kMaxSignaturesSize)}}) {
    CHECK(thrown_error([&] { encode_signatures(blobs); }).code() == ExitCode::kInternal);
  }
  ByteWriter out;
  out.text({"EBSIGNS\0", 8});
  out.u32(UINT32_MAX);
  CHECK(thrown_error([&] { parse_signatures(out.data()); }).why() ==
        "4294967295 signatures; at most 16 are allowed");
  ByteWriter lying;
  lying.text({"EBSIGNS\0", 8});
  lying.u32(1);
  lying.u32(UINT32_MAX);
  CHECK(thrown_error([&] { parse_signatures(lying.data()); }).why() ==
        "signature 0 ends beyond the frame");
  ByteWriter empty;
  empty.text({"EBSIGNS\0", 8});
  empty.u32(1);
  empty.u32(0);
  CHECK(thrown_error([&] { parse_signatures(empty.data()); }).why() == "signature 0 is empty");
  CHECK(thrown_error([&] {
          parse_signatures(std::vector<std::byte>(kMaxSignaturesSize + 1));
        }).why() == "more than the allowed size");
}
