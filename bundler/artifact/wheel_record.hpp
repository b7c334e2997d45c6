#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "installer/base/digest.hpp"

namespace eb {

/// A line of a RECORD file (recording-installed-packages, "The RECORD file").
struct RecordLine {
  std::string path;
  std::string hash;  ///< "sha256=…", as it stands; "" for RECORD itself
  std::string size;  ///< decimal or ""
};

/// CSV as Python's csv module writes and reads it (RFC 4180 with any line end). Blank lines are
/// skipped. Throws bad_artifact() naming `artifact`, `entry` and the line.
std::vector<RecordLine> parse_record(std::string_view text, std::string_view artifact,
                                     std::string_view entry);

/// One line with "\n"; fields are quoted where CSV demands it.
std::string format_record_line(const RecordLine& line);

/// "sha256=" and URL-safe base64 without padding.
std::string record_hash(const Sha256& digest);

/// The digest algorithms that a wheel's RECORD may use: sha256 or better; md5 and sha1 are
/// forbidden.
enum class RecordAlgorithm { kSha256, kSha384, kSha512 };

struct RecordHash {
  RecordAlgorithm algorithm = RecordAlgorithm::kSha256;
  std::vector<std::byte> digest;
};

/// Parses "ALGORITHM=BASE64", padded or not. `why` says what is wrong when it returns false.
bool parse_record_hash(std::string_view text, RecordHash& out, std::string& why);

/// The digest of a stream; `read` as Staging::Reader.
class RecordDigest {
 public:
  explicit RecordDigest(RecordAlgorithm algorithm);
  ~RecordDigest();
  RecordDigest(const RecordDigest&) = delete;
  RecordDigest& operator=(const RecordDigest&) = delete;
  void update(Bytes data);
  std::vector<std::byte> finish();

 private:
  void* context_;  // EVP_MD_CTX; openssl's headers stay out of this one
};

}  // namespace eb
