#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "installer/base/digest.hpp"

namespace eb {

// The data types of RFC 4251 §5, as SSHSIG and public keys use them: big-endian, strings with a
// 32-bit length before them.

/// As ByteReader: after the first read past the end everything is empty and ok() is false.
class SshReader {
 public:
  explicit SshReader(Bytes data) : left_(data) {}

  uint32_t u32() {
    uint32_t value = 0;
    for (const std::byte b : take(4)) value = value << 8 | std::to_integer<uint32_t>(b);
    return value;
  }
  Bytes string() { return take(u32()); }
  std::string_view text() { return as_text(string()); }
  Bytes take(size_t count) {
    if (count > left_.size()) {
      ok_ = false;
      left_ = {};
      return {};
    }
    const Bytes out = left_.first(count);
    left_ = left_.subspan(count);
    return out;
  }

  bool ok() const { return ok_; }
  /// Everything was there and nothing is left.
  bool complete() const { return ok_ && left_.empty(); }

 private:
  Bytes left_;
  bool ok_ = true;
};

inline void append_ssh_u32(std::vector<std::byte>& out, uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8)
    out.push_back(static_cast<std::byte>(value >> shift));
}

inline void append_ssh_string(std::vector<std::byte>& out, Bytes value) {
  append_ssh_u32(out, static_cast<uint32_t>(value.size()));
  out.insert(out.end(), value.begin(), value.end());
}

}  // namespace eb
