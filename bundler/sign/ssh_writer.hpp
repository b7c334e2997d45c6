#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "installer/base/digest.hpp"

namespace eb {

/// Appends values in SSH's encoding (RFC 4251 §5); format/ssh_wire.hpp has the reading side.
class SshWriter {
 public:
  void raw(Bytes data) { out_.insert(out_.end(), data.begin(), data.end()); }
  void raw(std::string_view text) { raw(as_bytes(text)); }
  void u8(uint8_t value) { out_.push_back(static_cast<std::byte>(value)); }
  void u32(uint32_t value);
  void string(Bytes data);
  void string(std::string_view text) { string(as_bytes(text)); }
  /// A non-negative integer given as big-endian magnitude.
  void mpint(Bytes magnitude);

  const std::vector<std::byte>& data() const { return out_; }
  size_t size() const { return out_.size(); }

 private:
  std::vector<std::byte> out_;
};

}  // namespace eb
