#include "installer/format/container.hpp"

#include <algorithm>
#include <optional>
#include <string>

#include "installer/base/bytes.hpp"
#include "installer/base/error.hpp"

namespace eb {
namespace {

constexpr size_t kMagicOffset = kSkippableHeaderSize;
constexpr size_t kVersionEnd = kMagicOffset + kBundleMagic.size() + 4;
constexpr size_t kDigestedSize = kPrologueFrameSize - 32;
constexpr size_t kSignaturesHeaderSize = kSignaturesMagic.size() + 4;

Error malformed(std::string what) { return {ExitCode::kMalformed, std::move(what)}; }

std::string spaced_hex(Bytes data) {
  std::string out;
  for (size_t i = 0; i < data.size(); ++i) {
    if (i > 0) out += ' ';
    out += to_hex(data.subspan(i, 1));
  }
  return out;
}

// What a person most often gives instead of a bundle.
const char* known_file_kind(std::string_view begin) {
  static constexpr struct {
    std::string_view magic;
    const char* kind;
  } kKinds[] = {
      {{"\x28\xB5\x2F\xFD", 4}, "an ordinary zstd file"},
      {{"\x1F\x8B", 2}, "a gzip file"},
      {{"PK\x03\x04", 4}, "a zip file or a wheel"},
      {{"\xFD"
        "7zXZ",
        5},
       "an xz file"},
      {{"!<arch>", 7}, "a Debian package"},
      {{"\x7F"
        "ELF",
        4},
       "a program"},
      {{"hsqs", 4}, "a squashfs image"},
      {{"<!DOCTYPE", 9}, "an HTML page"},
      {{"<!doctype", 9}, "an HTML page"},
      {{"<html", 5}, "an HTML page"},
  };
  for (const auto& [magic, kind] : kKinds) {
    if (begin.starts_with(magic)) return kind;
  }
  return nullptr;
}

[[noreturn]] void refuse_not_a_bundle(Bytes data) {
  const std::string_view begin = as_text(data.first(std::min<size_t>(data.size(), 48)));
  const std::string_view letters = kBundleMagic.substr(1, 7);
  if (const size_t at = begin.find(letters); at != std::string_view::npos) {
    const std::string_view line_ends = kBundleMagic.substr(1 + letters.size());
    const std::string_view found = begin.substr(at + letters.size(), line_ends.size());
    throw malformed("the bundle was changed on its way")
        .where("bytes 0-" + std::to_string(kVersionEnd - 5))
        .why(found == line_ends
                 ? "the first bytes are not those of a bundle: " +
                       spaced_hex(data.first(std::min(data.size(), kVersionEnd - 4)))
                 : "its line ends were rewritten: expected " + spaced_hex(as_bytes(line_ends)) +
                       ", got " + spaced_hex(as_bytes(found)))
        .hint("copy it again in binary mode: text-mode transfers rewrite line ends or drop bits");
  }
  Error error = malformed("not a bundle");
  error.where("bytes 0-" + std::to_string(std::min<size_t>(data.size(), 8) - 1));
  const char* const kind = known_file_kind(begin);
  error.why("it begins with " + spaced_hex(data.first(std::min<size_t>(data.size(), 8))) +
            (kind != nullptr ? std::string(", as ") + kind + " does" : ""));
  error.hint("a bundle is the .bundle.zst file that 'envbundle build' writes");
  throw error;
}

Error truncated(uint64_t actual) {
  return malformed("the bundle is cut off in its first bytes")
      .where("byte " + std::to_string(actual))
      .why("the prologue has " + std::to_string(kPrologueFrameSize) + " bytes, here are " +
           std::to_string(actual))
      .hint("copy the bundle again and compare its size with the original's");
}

std::optional<std::string> size_problem(const Prologue& p) {
  const auto outside = [](const char* name, uint64_t value, uint64_t low, uint64_t high) {
    return std::string(name) + " of " + std::to_string(value) + " bytes; allowed are " +
           std::to_string(low) + " to " + std::to_string(high);
  };
  if (p.index_size < 1 || p.index_size > kMaxIndexSize) {
    return outside("an index", p.index_size, 1, kMaxIndexSize);
  }
  if (p.signatures_size < kSignaturesHeaderSize || p.signatures_size > kMaxSignaturesSize) {
    return outside("signatures", p.signatures_size, kSignaturesHeaderSize, kMaxSignaturesSize);
  }
  if (p.data_size < 1 || p.data_size > kMaxDataSize) {
    return outside("data", p.data_size, 1, kMaxDataSize);
  }
  return std::nullopt;
}

}  // namespace

uint64_t Prologue::index_offset() const { return kPrologueFrameSize + kSkippableHeaderSize; }

uint64_t Prologue::signatures_offset() const {
  return index_offset() + index_size + kSkippableHeaderSize;
}

uint64_t Prologue::data_offset() const { return signatures_offset() + signatures_size; }

uint64_t Prologue::file_size() const { return data_offset() + data_size; }

std::vector<std::byte> encode_prologue(const Prologue& prologue) {
  if (const auto problem = size_problem(prologue); problem || prologue.major != kFormatMajor) {
    throw Error(ExitCode::kInternal, "cannot write such a prologue")
        .why(problem.value_or("format major " + std::to_string(prologue.major)));
  }
  ByteWriter out;
  out.u32(kSkippableMagic);
  out.u32(kPrologueFrameSize - kSkippableHeaderSize);
  out.text(kBundleMagic);
  out.u16(prologue.major);
  out.u16(prologue.minor);
  out.u32(prologue.index_size);
  out.u32(prologue.signatures_size);
  out.u64(prologue.data_size);
  out.digest(prologue.index_digest);
  out.digest(sha256(out.data()));
  return out.release();
}

Prologue parse_prologue(Bytes data) {
  if (data.empty()) {
    throw malformed("the file is empty, so it is not a bundle")
        .hint("copy the bundle again and compare its size with the original's");
  }
  data = data.first(std::min(data.size(), kPrologueFrameSize));
  ByteWriter magic;
  magic.u32(kSkippableMagic);
  const auto begins_like = [data](size_t offset, Bytes expected) {
    const size_t size = data.size() > offset ? std::min(data.size() - offset, expected.size()) : 0;
    return size == 0 || std::ranges::equal(data.subspan(offset, size), expected.first(size));
  };
  if (!begins_like(0, magic.data()) || !begins_like(kMagicOffset, as_bytes(kBundleMagic))) {
    refuse_not_a_bundle(data);
  }
  if (data.size() < kVersionEnd) throw truncated(data.size());

  // These 24 bytes mean the same in every version; what follows is version 1's.
  ByteReader in(data);
  in.u32();
  const uint32_t payload_size = in.u32();
  in.take(kBundleMagic.size());
  Prologue out;
  out.major = in.u16();
  out.minor = in.u16();
  if (out.major > kFormatMajor) {
    throw malformed("the bundle needs a newer installer")
        .where("bytes 20-23")
        .why("it is written in format " + std::to_string(out.major) + "." +
             std::to_string(out.minor) + ", this program reads up to " +
             std::to_string(kFormatMajor) + ".x")
        .hint("use the envinstall that came with the bundle, or one that reads format " +
              std::to_string(out.major));
  }
  if (data.size() < kPrologueFrameSize) throw truncated(data.size());
  out.index_size = in.u32();
  out.signatures_size = in.u32();
  out.data_size = in.u64();
  out.index_digest = in.digest();
  const Sha256 expected = in.digest();
  const Sha256 actual = sha256(data.first(kDigestedSize));
  if (actual != expected || out.major != kFormatMajor ||
      payload_size != kPrologueFrameSize - kSkippableHeaderSize) {
    throw malformed("the bundle's first bytes are damaged")
        .where("bytes 0-" + std::to_string(kPrologueFrameSize - 1))
        .why("expected sha256 " + expected.hex() + ", got " + actual.hex())
        .hint("copy the bundle again and compare its sha256 with the one published beside it");
  }
  if (const auto problem = size_problem(out)) {
    throw malformed("the bundle states an impossible size").where("bytes 24-39").why(*problem);
  }
  return out;
}

std::vector<std::byte> skippable_header(uint32_t payload_size) {
  ByteWriter out;
  out.u32(kSkippableMagic);
  out.u32(payload_size);
  return out.release();
}

void check_skippable_header(Bytes header, uint32_t payload_size, const char* what) {
  const std::vector<std::byte> expected = skippable_header(payload_size);
  if (std::ranges::equal(header, expected)) return;
  throw malformed(std::string("the frame header of the ") + what + " is damaged")
      .why("expected " + spaced_hex(expected) + ", got " +
           (header.empty()
                ? "nothing"
                : spaced_hex(header.first(std::min<size_t>(header.size(), kSkippableHeaderSize)))))
      .hint("copy the bundle again and compare its sha256 with the one published beside it");
}

std::vector<std::byte> encode_signatures(const std::vector<std::vector<std::byte>>& blobs) {
  ByteWriter out;
  out.text(kSignaturesMagic);
  out.u32(static_cast<uint32_t>(blobs.size()));
  bool ok = blobs.size() <= kMaxSignatures;
  for (const auto& blob : blobs) {
    ok = ok && !blob.empty();
    out.u32(static_cast<uint32_t>(blob.size()));
    out.bytes(blob);
  }
  if (!ok || out.data().size() > kMaxSignaturesSize) {
    throw Error(ExitCode::kInternal, "cannot write such signatures")
        .why(std::to_string(blobs.size()) + " signatures, " + std::to_string(out.data().size()) +
             " bytes");
  }
  return out.release();
}

std::vector<std::vector<std::byte>> parse_signatures(Bytes data) {
  ByteReader in(data);
  const auto refuse = [&in](std::string why) {
    throw malformed("the signatures are malformed")
        .where("signatures, byte " + std::to_string(in.offset()))
        .why(std::move(why));
  };
  if (data.size() > kMaxSignaturesSize) refuse("more than the allowed size");
  if (in.text(kSignaturesMagic.size()) != kSignaturesMagic) refuse("they do not begin as such");
  const uint32_t count = in.u32();
  if (!in.ok()) refuse("they end before their number");
  if (count > kMaxSignatures) {
    refuse(std::to_string(count) + " signatures; at most " + std::to_string(kMaxSignatures) +
           " are allowed");
  }
  std::vector<std::vector<std::byte>> out;
  out.reserve(count);
  for (uint32_t i = 0; i < count; ++i) {
    const uint32_t size = in.u32();
    const Bytes blob = in.take(size);
    if (!in.ok()) refuse("signature " + std::to_string(i) + " ends beyond the frame");
    if (blob.empty()) refuse("signature " + std::to_string(i) + " is empty");
    out.emplace_back(blob.begin(), blob.end());
  }
  if (!in.at_end()) refuse(std::to_string(in.left()) + " bytes after the last signature");
  return out;
}

}  // namespace eb
