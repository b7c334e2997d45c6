#include "bundler/demand/fatbin.hpp"

#include <algorithm>
#include <optional>

#include "installer/base/bytes.hpp"

namespace eb {
namespace {

constexpr size_t kGrid = 8;
constexpr uint32_t kMagic = 0xBA55ED50;
constexpr uint16_t kContainerVersion = 1;
constexpr size_t kContainerHeaderBytes = 16;
constexpr size_t kEntryHeaderBytes = 64;  // a larger one holds names and options behind these
constexpr uint16_t kPtx = 1;
constexpr uint16_t kSass = 2;
// Found with fatbinary of CUDA 13.0 on sm_90a, sm_100f and their kin, and in the libraries of torch
// 2.8.0; the same in entries of both kinds.
constexpr uint64_t kExactArchitecture = 0x100000;
constexpr uint64_t kArchitectureFamily = 0x200000;

struct Container {
  size_t header_bytes = 0;
  size_t body_bytes = 0;
};

/// nullopt where no container begins that could end inside `data`.
std::optional<Container> read_container(Bytes data) {
  ByteReader reader(data);
  const uint32_t magic = reader.u32();
  const uint16_t version = reader.u16();
  const uint16_t header_bytes = reader.u16();
  const uint64_t body_bytes = reader.u64();
  if (!reader.ok() || magic != kMagic || version != kContainerVersion ||
      header_bytes < kContainerHeaderBytes || header_bytes > data.size() ||
      body_bytes > data.size() - header_bytes) {
    return std::nullopt;
  }
  return Container{header_bytes, static_cast<size_t>(body_bytes)};
}

struct Entry {
  uint16_t kind = 0;
  uint32_t architecture = 0;
  uint64_t flags = 0;
  size_t size_bytes = 0;  ///< header and payload
};

/// nullopt where no entry begins that ends inside `data`.
std::optional<Entry> read_entry(Bytes data) {
  if (data.size() < kEntryHeaderBytes) return std::nullopt;
  Entry out;
  ByteReader reader(data);
  out.kind = reader.u16();
  reader.u16();  // version
  const uint32_t header_bytes = reader.u32();
  const uint64_t payload_bytes = reader.u64();
  reader.take(12);  // compressed size, offset of options, PTX or cubin version
  out.architecture = reader.u32();
  reader.take(8);
  out.flags = reader.u64();
  if (header_bytes < kEntryHeaderBytes || header_bytes > data.size() ||
      payload_bytes > data.size() - header_bytes) {
    return std::nullopt;
  }
  out.size_bytes = header_bytes + static_cast<size_t>(payload_bytes);
  return out;
}

char suffix_of(uint64_t flags) {
  if ((flags & kExactArchitecture) != 0) return 'a';
  return (flags & kArchitectureFamily) != 0 ? 'f' : '\0';
}

/// Bytes of what was skipped; zeros are padding.
size_t worth(Bytes data) {
  const bool padding =
      std::all_of(data.begin(), data.end(), [](std::byte b) { return b == std::byte{0}; });
  return padding ? 0 : data.size();
}

void read_entries(Bytes body, GpuCode& out) {
  bool has_code = false;
  while (!body.empty()) {
    const std::optional<Entry> entry = read_entry(body);
    if (!entry) {
      out.skipped_bytes += worth(body);
      break;
    }
    body = body.subspan(entry->size_bytes);
    if (entry->kind != kPtx && entry->kind != kSass) {
      ++out.other_entries;
      continue;
    }
    if (entry->architecture < GpuArchitecture::kMinNumber ||
        entry->architecture > GpuArchitecture::kMaxNumber) {
      out.skipped_bytes += entry->size_bytes;
      continue;
    }
    const GpuArchitecture architecture{static_cast<uint16_t>(entry->architecture),
                                       suffix_of(entry->flags)};
    ++(entry->kind == kPtx ? out.ptx : out.sass)[architecture];
    has_code = true;
  }
  if (has_code) ++out.containers;
}

}  // namespace

GpuCode& GpuCode::operator+=(const GpuCode& other) {
  for (const auto& [architecture, count] : other.sass) sass[architecture] += count;
  for (const auto& [architecture, count] : other.ptx) ptx[architecture] += count;
  containers += other.containers;
  other_entries += other.other_entries;
  skipped_bytes += other.skipped_bytes;
  return *this;
}

GpuCode read_fatbin(Bytes section) {
  GpuCode out;
  size_t at = 0;
  while (at < section.size()) {
    const Bytes rest = section.subspan(at);
    const std::optional<Container> container = read_container(rest);
    if (!container) {
      const size_t step = std::min(kGrid, rest.size());
      out.skipped_bytes += worth(rest.first(step));
      at += step;
      continue;
    }
    read_entries(rest.subspan(container->header_bytes, container->body_bytes), out);
    const size_t size = container->header_bytes + container->body_bytes;
    // The last one may end without the padding that leads to the next.
    at += std::min(rest.size(), (size + kGrid - 1) / kGrid * kGrid);
  }
  return out;
}

std::vector<GpuArchitecture> main_architectures(
    const GpuCode& code, const std::map<GpuArchitecture, uint64_t>& entries) {
  std::vector<GpuArchitecture> out;
  for (const auto& [architecture, count] : entries) {
    if (count >= code.containers - code.containers / 2) out.push_back(architecture);
  }
  return out;
}

}  // namespace eb
