#include "installer/base/bytes.hpp"

#include <catch2/catch.hpp>

using eb::ByteReader;
using eb::ByteWriter;

TEST_CASE("numbers are little-endian") {
  ByteWriter out;
  out.u8(0xFE);
  out.u16(0x1234);
  out.u32(0xDEADBEEF);
  out.u64(0x0102030405060708);
  out.text("ab");
  CHECK(eb::to_hex(out.data()) == "fe3412efbeadde08070605040302016162");
  ByteReader in(out.data());
  CHECK(in.u8() == 0xFE);
  CHECK(in.u16() == 0x1234);
  CHECK(in.u32() == 0xDEADBEEF);
  CHECK(in.u64() == 0x0102030405060708);
  CHECK(in.left() == 2);
  CHECK(in.text(2) == "ab");
  CHECK(in.ok());
  CHECK(in.at_end());
}

TEST_CASE("a read past the end fails for good and reads zero") {
  const std::byte data[3] = {std::byte{1}, std::byte{2}, std::byte{3}};
  ByteReader in(data);
  CHECK(in.u32() == 0);
  CHECK_FALSE(in.ok());
  CHECK(in.u8() == 0);
  CHECK(in.take(0).empty());
  CHECK(in.digest() == eb::Sha256{});
  CHECK_FALSE(in.ok());
  CHECK(in.left() == 0);
}

TEST_CASE("a length of 2^64-1 is past the end") {
  const std::byte data[3] = {};
  ByteReader in(data);
  in.u8();
  CHECK(in.take(UINT64_MAX).empty());
  CHECK_FALSE(in.ok());
}

TEST_CASE("an empty range is at its end") {
  ByteReader in({});
  CHECK(in.at_end());
  CHECK(in.take(0).empty());
  CHECK(in.ok());
}
