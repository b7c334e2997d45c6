#include "bundler/sign/ssh_writer.hpp"

namespace eb {

void SshWriter::u32(uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) u8(static_cast<uint8_t>(value >> shift));
}

void SshWriter::string(Bytes data) {
  u32(static_cast<uint32_t>(data.size()));
  raw(data);
}

void SshWriter::mpint(Bytes magnitude) {
  while (!magnitude.empty() && magnitude[0] == std::byte{0}) magnitude = magnitude.subspan(1);
  // A set top bit would make the number negative.
  const bool pad = !magnitude.empty() && (magnitude[0] & std::byte{0x80}) != std::byte{0};
  u32(static_cast<uint32_t>(magnitude.size() + (pad ? 1 : 0)));
  if (pad) u8(0);
  raw(magnitude);
}

}  // namespace eb
