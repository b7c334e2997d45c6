#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "installer/base/digest.hpp"

namespace eb {

// The outer layout of a bundle file (FORMAT §2): three skippable zstd frames – prologue, index,
// signatures – and then the data frames.

inline constexpr uint16_t kFormatMajor = 1;
inline constexpr uint16_t kFormatMinor = 0;
inline constexpr uint32_t kMaxIndexSize = 256u << 20;      ///< bytes
inline constexpr uint32_t kMaxSignaturesSize = 64u << 10;  ///< bytes
inline constexpr uint32_t kMaxSignatures = 16;
inline constexpr uint64_t kMaxDataSize = 1ull << 48;       ///< bytes of all data frames
inline constexpr uint64_t kMaxFrameRawSize = 64ull << 20;  ///< bytes one frame may decode to
inline constexpr int kMaxWindowLog = 26;                   ///< a whole frame of the largest size

/// The skippable-frame magic that every frame of ours begins with (RFC 8878 §3.1.2 leaves 16 to
/// choose from; seekable zstd uses …5E, pzstd …50).
inline constexpr uint32_t kSkippableMagic = 0x184D2A5B;
/// What the prologue's payload begins with. A transfer that thinks of lines or of seven bits
/// changes one of CR LF, ^Z, LF or the first byte.
inline constexpr std::string_view kBundleMagic{
    "\x89"
    "ENVBNDL\r\n\x1a\n",
    12};
/// What the payload of the signature frame begins with.
inline constexpr std::string_view kSignaturesMagic{"EBSIGNS\0", 8};

/// Fixed-size start of every bundle. kPrologueFrameSize bytes hold it, skippable-frame header
/// included.
struct Prologue {
  uint16_t major = kFormatMajor;
  uint16_t minor = kFormatMinor;
  uint32_t index_size = 0;       ///< payload bytes of the index frame
  uint32_t signatures_size = 0;  ///< payload bytes of the signature frame
  uint64_t data_size = 0;        ///< bytes of all data frames
  Sha256 index_digest;           ///< of the index payload: the bundle's ID

  uint64_t index_offset() const;       ///< file offset of the index payload
  uint64_t signatures_offset() const;  ///< file offset of the signature payload
  uint64_t data_offset() const;        ///< file offset of the first data frame
  uint64_t file_size() const;          ///< exact size of the bundle

  bool operator==(const Prologue&) const = default;
};
inline constexpr size_t kPrologueFrameSize = 104;
inline constexpr size_t kSkippableHeaderSize = 8;

/// Exactly kPrologueFrameSize bytes. Throws Error(kInternal) when parse_prologue() would refuse it.
std::vector<std::byte> encode_prologue(const Prologue& prologue);
/// `data` holds the first kPrologueFrameSize bytes, or fewer when the file is shorter. Throws
/// Error(kMalformed): not a bundle (F001, F002, F030), truncated (F003), newer major (F023), size
/// over cap (F005).
Prologue parse_prologue(Bytes data);

/// The 8-byte skippable-frame header that goes before `payload_size` bytes of index or signatures.
std::vector<std::byte> skippable_header(uint32_t payload_size);
/// Throws Error(kMalformed) unless `header` is exactly skippable_header(payload_size). `what` is
/// the frame's name for the message: "index", "signatures".
void check_skippable_header(Bytes header, uint32_t payload_size, const char* what);

/// A list of SSHSIG blobs (binary, no armor); at most kMaxSignatures, none empty, else
/// Error(kInternal).
std::vector<std::byte> encode_signatures(const std::vector<std::vector<std::byte>>& blobs);
std::vector<std::vector<std::byte>> parse_signatures(Bytes data);  ///< Error(kMalformed)

}  // namespace eb
