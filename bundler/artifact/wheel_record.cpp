#include "bundler/artifact/wheel_record.hpp"

#include <openssl/evp.h>

#include <array>

#include "bundler/artifact/artifact_error.hpp"
#include "installer/base/crypto.hpp"

namespace eb {
namespace {

constexpr std::string_view kBase64Url =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

std::string encode_base64url(Bytes data) {
  std::string out;
  uint32_t bits = 0;
  int count = 0;
  for (const std::byte b : data) {
    bits = bits << 8 | std::to_integer<uint32_t>(b);
    count += 8;
    while (count >= 6) {
      count -= 6;
      out += kBase64Url[bits >> count & 63];
    }
  }
  if (count > 0) out += kBase64Url[bits << (6 - count) & 63];
  return out;
}

bool decode_base64url(std::string_view text, std::vector<std::byte>& out) {
  while (text.ends_with('=')) text.remove_suffix(1);
  uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    const size_t value = kBase64Url.find(c);
    if (value == std::string_view::npos) return false;
    bits = bits << 6 | static_cast<uint32_t>(value);
    count += 6;
    if (count >= 8) {
      count -= 8;
      out.push_back(static_cast<std::byte>(bits >> count & 255));
    }
  }
  return true;
}

struct Algorithm {
  std::string_view name;
  RecordAlgorithm id;
  size_t digest_bytes;
};
constexpr std::array kAlgorithms{Algorithm{"sha256", RecordAlgorithm::kSha256, 32},
                                 Algorithm{"sha384", RecordAlgorithm::kSha384, 48},
                                 Algorithm{"sha512", RecordAlgorithm::kSha512, 64}};

// Takes one record of fields off `text`; false when a quoted field does not end.
bool take_fields(std::string_view& text, std::vector<std::string>& fields) {
  fields.assign(1, "");
  size_t at = 0;
  bool quoted = false;
  bool at_begin = true;  // of a field
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (quoted) {
      if (c != '"') {
        fields.back() += c;
      } else if (at + 1 < text.size() && text[at + 1] == '"') {
        fields.back() += '"';
        ++at;
      } else {
        quoted = false;
      }
      continue;
    }
    if (c == '\n' || c == '\r') break;
    if (c == ',') {
      fields.emplace_back();
      at_begin = true;
      continue;
    }
    if (c == '"' && at_begin) {
      quoted = true;
    } else {
      fields.back() += c;
    }
    at_begin = false;
  }
  while (at < text.size() && (text[at] == '\n' || text[at] == '\r')) ++at;
  text.remove_prefix(at);
  return !quoted;
}

}  // namespace

std::vector<RecordLine> parse_record(std::string_view text, std::string_view artifact,
                                     std::string_view entry) {
  std::vector<RecordLine> out;
  std::vector<std::string> fields;
  while (text.starts_with('\n') || text.starts_with('\r')) text.remove_prefix(1);
  while (!text.empty()) {
    const std::string line(text.substr(0, std::min(text.find('\n'), size_t{200})));
    const bool closed = take_fields(text, fields);
    if (!closed || fields.size() != 3) {
      throw bad_artifact("a malformed RECORD", artifact, entry,
                         "line '" + line + "' has " + std::to_string(fields.size()) +
                             " fields, not path, hash and size");
    }
    out.push_back({fields[0], fields[1], fields[2]});
  }
  return out;
}

std::string format_record_line(const RecordLine& line) {
  const auto quoted = [](const std::string& field) {
    if (field.find_first_of(",\"\r\n") == std::string::npos) return field;
    std::string out = "\"";
    for (const char c : field) {
      if (c == '"') out += '"';
      out += c;
    }
    return out + "\"";
  };
  return quoted(line.path) + "," + quoted(line.hash) + "," + quoted(line.size) + "\n";
}

std::string record_hash(const Sha256& digest) { return "sha256=" + encode_base64url(digest.bytes); }

bool parse_record_hash(std::string_view text, RecordHash& out, std::string& why) {
  const size_t equals = text.find('=');
  const std::string name(text.substr(0, equals));
  for (const Algorithm& algorithm : kAlgorithms) {
    if (equals == std::string_view::npos || name != algorithm.name) continue;
    out.algorithm = algorithm.id;
    out.digest.clear();
    if (decode_base64url(text.substr(equals + 1), out.digest) &&
        out.digest.size() == algorithm.digest_bytes) {
      return true;
    }
    why = "its " + name + " value '" + std::string(text.substr(equals + 1)) + "' is malformed";
    return false;
  }
  why = text.empty() ? "RECORD has no hash for it"
                     : "RECORD uses '" + name + "'; sha256, sha384 and sha512 are accepted";
  return false;
}

RecordDigest::RecordDigest(RecordAlgorithm algorithm) : context_(nullptr) {
  init_crypto();
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  const EVP_MD* digest = algorithm == RecordAlgorithm::kSha512   ? EVP_sha512()
                         : algorithm == RecordAlgorithm::kSha384 ? EVP_sha384()
                                                                 : EVP_sha256();
  if (context == nullptr || EVP_DigestInit_ex(context, digest, nullptr) != 1) {
    EVP_MD_CTX_free(context);
    throw Error(ExitCode::kInternal, "cannot start a digest");
  }
  context_ = context;
}

RecordDigest::~RecordDigest() { EVP_MD_CTX_free(static_cast<EVP_MD_CTX*>(context_)); }

void RecordDigest::update(Bytes data) {
  if (EVP_DigestUpdate(static_cast<EVP_MD_CTX*>(context_), data.data(), data.size()) != 1) {
    throw Error(ExitCode::kInternal, "a digest failed");
  }
}

std::vector<std::byte> RecordDigest::finish() {
  std::vector<std::byte> out(EVP_MAX_MD_SIZE);
  unsigned size = 0;
  if (EVP_DigestFinal_ex(static_cast<EVP_MD_CTX*>(context_),
                         reinterpret_cast<unsigned char*>(out.data()), &size) != 1) {
    throw Error(ExitCode::kInternal, "a digest failed");
  }
  out.resize(size);
  return out;
}

}  // namespace eb
