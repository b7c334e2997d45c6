#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "installer/base/digest.hpp"

namespace eb {

/// Reads little-endian values off a byte range. Nothing throws: after the first read past the end
/// every further read gives zero and ok() is false, so that a parser checks once per record.
class ByteReader {
 public:
  explicit ByteReader(Bytes data) : data_(data) {}

  uint8_t u8() { return static_cast<uint8_t>(integer(1)); }
  uint16_t u16() { return static_cast<uint16_t>(integer(2)); }
  uint32_t u32() { return static_cast<uint32_t>(integer(4)); }
  uint64_t u64() { return integer(8); }
  /// The next `count` bytes, a view into the data; empty when fewer are left.
  Bytes take(uint64_t count) {
    if (count > data_.size() - at_) {
      ok_ = false;
      at_ = data_.size();
      return {};
    }
    const Bytes out = data_.subspan(at_, count);
    at_ += count;
    return out;
  }
  std::string_view text(uint64_t count) { return as_text(take(count)); }
  Sha256 digest() {
    Sha256 out;
    const Bytes bytes = take(out.bytes.size());
    for (size_t i = 0; i < bytes.size(); ++i) out.bytes[i] = bytes[i];
    return out;
  }

  bool ok() const { return ok_; }
  bool at_end() const { return at_ == data_.size(); }
  size_t offset() const { return at_; }
  size_t left() const { return data_.size() - at_; }

 private:
  uint64_t integer(size_t width) {
    const Bytes bytes = take(width);
    uint64_t value = 0;
    for (size_t i = 0; i < bytes.size(); ++i) {
      value |= std::to_integer<uint64_t>(bytes[i]) << (8 * i);
    }
    return value;
  }

  Bytes data_;
  size_t at_ = 0;
  bool ok_ = true;
};

/// Appends little-endian values to a buffer that it owns.
class ByteWriter {
 public:
  void u8(uint8_t value) { integer(value, 1); }
  void u16(uint16_t value) { integer(value, 2); }
  void u32(uint32_t value) { integer(value, 4); }
  void u64(uint64_t value) { integer(value, 8); }
  void bytes(Bytes data) { out_.insert(out_.end(), data.begin(), data.end()); }
  void text(std::string_view data) { bytes(as_bytes(data)); }
  void digest(const Sha256& value) { bytes(value.bytes); }

  const std::vector<std::byte>& data() const { return out_; }
  std::vector<std::byte> release() { return std::move(out_); }

 private:
  void integer(uint64_t value, size_t width) {
    for (size_t i = 0; i < width; ++i) out_.push_back(static_cast<std::byte>(value >> (8 * i)));
  }
  std::vector<std::byte> out_;
};

}  // namespace eb
