#include "bundler/demand/fatbin.hpp"

#include <catch2/catch.hpp>
#include <limits>
#include <memory>
#include <string>

#include "tests/unit/bundler_demand/fatbin_maker.hpp"

using namespace eb;
using namespace eb::test;

namespace {

using Entry = FatbinEntry;

std::string text(const std::map<GpuArchitecture, uint64_t>& entries) {
  std::string out;
  for (const auto& [architecture, count] : entries) {
    out += architecture.str() + "x" + std::to_string(count) + " ";
  }
  return out;
}

std::vector<std::byte> joined(const std::vector<std::vector<std::byte>>& parts) {
  std::vector<std::byte> out;
  for (const auto& part : parts) out.insert(out.end(), part.begin(), part.end());
  return out;
}

std::vector<std::byte> filled(size_t count, uint8_t value) {
  return std::vector<std::byte>(count, std::byte{value});
}

void put_u32(std::vector<std::byte>& data, size_t at, uint32_t value) {
  for (size_t i = 0; i < 4; ++i) data[at + i] = static_cast<std::byte>(value >> (8 * i));
}

void put_u64(std::vector<std::byte>& data, size_t at, uint64_t value) {
  put_u32(data, at, static_cast<uint32_t>(value));
  put_u32(data, at + 4, static_cast<uint32_t>(value >> 32));
}

/// Read from a block of exactly that size, so that a sanitizer sees a read past its end.
GpuCode read_exactly(Bytes data) {
  const auto copy = std::make_unique<std::byte[]>(data.size());
  std::copy(data.begin(), data.end(), copy.get());
  return read_fatbin(Bytes(copy.get(), data.size()));
}

}  // namespace

TEST_CASE("machine code and PTX are told apart and counted by architecture") {
  const GpuCode code = read_fatbin(fatbin_container({
      {.architecture = 75},
      {.architecture = 90},
      {.architecture = 120, .options_bytes = 48},
      {.kind = Entry::kPtx, .architecture = 120, .options_bytes = 16},
  }));
  CHECK(text(code.sass) == "7.5x1 9.0x1 12.0x1 ");
  CHECK(text(code.ptx) == "12.0x1 ");
  CHECK(code.containers == 1);
  CHECK(code.skipped_bytes == 0);
  CHECK(code.other_entries == 0);
  CHECK_FALSE(code.empty());
}

TEST_CASE("compressed entries count like stored ones, their payload is not looked at") {
  for (const uint64_t flags : {Entry::kPlain, Entry::kPlain | Entry::kLz4,
                               Entry::kPlain | Entry::kZstd, uint64_t{0x1008011}}) {
    const GpuCode code = read_fatbin(fatbin_container(
        {{.architecture = 86, .flags = flags, .payload_bytes = 40, .compressed_bytes = 37}}));
    CHECK(text(code.sass) == "8.6x1 ");
    CHECK(code.skipped_bytes == 0);
  }
}

TEST_CASE("the flags say which code is for one architecture or one family only") {
  const GpuCode code = read_fatbin(fatbin_container({
      {.architecture = 90, .flags = 0x100011},
      {.architecture = 90},
      {.architecture = 100, .flags = 0x1102011},
      {.architecture = 103, .flags = 0x1208011},
      {.kind = Entry::kPtx, .architecture = 100, .flags = 0x208011},
      {.kind = Entry::kPtx, .architecture = 90, .flags = 0x108011},
  }));
  CHECK(text(code.sass) == "9.0x1 9.0ax1 10.0ax1 10.3fx1 ");
  CHECK(text(code.ptx) == "9.0ax1 10.0fx1 ");
}

TEST_CASE("architectures are ordered by number, not by text") {
  CHECK(GpuArchitecture{90, '\0'} < GpuArchitecture{90, 'a'});
  CHECK(GpuArchitecture{90, 'a'} < GpuArchitecture{90, 'f'});
  CHECK(GpuArchitecture{90, 'f'} < GpuArchitecture{100, '\0'});
  CHECK(GpuArchitecture{121, 'f'}.str() == "12.1f");
}

TEST_CASE("containers follow each other with and without padding") {
  const auto first = fatbin_container({{.architecture = 80}});
  const auto second = fatbin_container({{.architecture = 80}, {.architecture = 90}});
  const GpuCode plain = read_fatbin(joined({first, second}));
  CHECK(text(plain.sass) == "8.0x2 9.0x1 ");
  CHECK(plain.containers == 2);
  for (const size_t padding : {8, 16, 64, 4096}) {
    const GpuCode code = read_fatbin(
        joined({filled(padding, 0), first, filled(padding, 0), second, filled(padding, 0)}));
    CHECK(code == plain);
  }
}

TEST_CASE("a container whose size is no multiple of 8 is followed by one on the grid") {
  const auto odd = fatbin_container({{.architecture = 80, .payload_bytes = 21}});
  REQUIRE(odd.size() % 8 == 5);
  const auto next = fatbin_container({{.architecture = 90}});
  CHECK(text(read_fatbin(joined({odd, filled(3, 0), next})).sass) == "8.0x1 9.0x1 ");
  CHECK(text(read_exactly(odd).sass) == "8.0x1 ");
}

TEST_CASE("nothing, zeros and an empty container hold no code") {
  CHECK(read_fatbin({}) == GpuCode{});
  CHECK(read_fatbin(filled(4096, 0)) == GpuCode{});
  CHECK(read_fatbin(filled(5, 0)) == GpuCode{});
  CHECK(read_fatbin(fatbin_container(std::vector<Entry>{})) == GpuCode{});
  CHECK(read_fatbin(fatbin_container(Bytes(filled(40, 0)))) == GpuCode{});
  CHECK(GpuCode{}.empty());
}

TEST_CASE("entries of another kind are passed over") {
  const GpuCode code =
      read_fatbin(fatbin_container({{.kind = Entry::kLto, .architecture = 80}, {.kind = 77}}));
  CHECK(code.empty());
  CHECK(code.other_entries == 2);
  CHECK(code.containers == 0);
  CHECK(code.skipped_bytes == 0);
}

TEST_CASE("garbage between containers is counted, and what follows is read") {
  const auto container = fatbin_container({{.architecture = 80}});
  const GpuCode code =
      read_fatbin(joined({filled(24, 0xEE), container, filled(8, 0x11), container}));
  CHECK(text(code.sass) == "8.0x2 ");
  CHECK(code.skipped_bytes == 32);
  CHECK(read_fatbin(filled(21, 0xEE)).skipped_bytes == 21);
}

TEST_CASE("a container off the grid is not found") {
  const auto container = fatbin_container({{.architecture = 80}});
  const GpuCode code = read_fatbin(joined({filled(4, 0), container}));
  CHECK(code.empty());
  CHECK(code.skipped_bytes > 0);
}

TEST_CASE("cut at each byte, the containers before the cut are read and nothing behind it") {
  const auto first = fatbin_container({{.architecture = 70}, {.architecture = 75}});
  const auto second = fatbin_container(
      {{.architecture = 90}, {.kind = Entry::kPtx, .architecture = 90, .options_bytes = 8}});
  const auto whole = joined({first, second});
  for (size_t size = 0; size <= whole.size(); ++size) {
    const GpuCode code = read_exactly(Bytes(whole).first(size));
    INFO("cut to " << size << " of " << whole.size());
    CHECK(text(code.sass) == (size == whole.size()  ? "7.0x1 7.5x1 9.0x1 "
                              : size < first.size() ? ""
                                                    : "7.0x1 7.5x1 "));
    CHECK(text(code.ptx) == (size == whole.size() ? "9.0x1 " : ""));
    CHECK(code.skipped_bytes <= size);
    const bool is_whole = size == 0 || size == first.size() || size == whole.size();
    CHECK((code.skipped_bytes == 0) == is_whole);
  }
}

TEST_CASE("a container that lies about its size is not believed") {
  auto data = joined({fatbin_container({{.architecture = 80}}), filled(64, 0)});
  const uint64_t true_size = 64 + 24;
  for (const uint64_t size :
       {uint64_t{true_size + 65}, uint64_t{1} << 32, uint64_t{1} << 63,
        std::numeric_limits<uint64_t>::max(), std::numeric_limits<uint64_t>::max() - 15}) {
    put_u64(data, 8, size);
    const GpuCode code = read_exactly(data);
    INFO("size " << size);
    CHECK(code.empty());
    CHECK(code.skipped_bytes > 0);
  }
  // What is left of a container after its last entry is padding.
  put_u64(data, 8, true_size + 64);
  CHECK(read_exactly(data).skipped_bytes == 0);
  CHECK(text(read_exactly(data).sass) == "8.0x1 ");
  // Ending early cuts the entry off.
  put_u64(data, 8, true_size - 8);
  CHECK(read_exactly(data).empty());
  CHECK(read_exactly(data).skipped_bytes > 0);
}

TEST_CASE("a container of another version or with a strange header is not believed") {
  const auto good = fatbin_container({{.architecture = 80}});
  auto data = good;
  put_u32(data, 4, 16U << 16 | 2);  // version 2
  CHECK(read_exactly(data).empty());
  data = good;
  put_u32(data, 4, 15U << 16 | 1);  // a header too short for its own fields
  CHECK(read_exactly(data).empty());
  data = good;
  put_u32(data, 4, 0xFFFFU << 16 | 1);
  CHECK(read_exactly(data).empty());
  CHECK(read_exactly(data).skipped_bytes > 0);
  data = good;
  put_u32(data, 0, 0xBA55ED51);
  CHECK(read_exactly(data).empty());
}

TEST_CASE("an entry that lies about its size ends its container, and only that") {
  const auto good = fatbin_container({{.architecture = 80}, {.architecture = 90}});
  const auto next = fatbin_container({{.architecture = 120}});
  const size_t second_at = 16 + 64 + 24;
  const auto with = [&](const auto& change) {
    auto data = joined({good, next});
    change(data);
    const GpuCode code = read_exactly(data);
    CHECK(text(code.sass) == "8.0x1 12.0x1 ");
    CHECK(code.containers == 2);
    CHECK(code.skipped_bytes == 64 + 24);
  };
  for (const uint32_t header_bytes : {0U, 1U, 63U, 89U, 0x80000000U, 0xFFFFFFFFU}) {
    with([&](auto& data) { put_u32(data, second_at + 4, header_bytes); });
  }
  for (const uint64_t payload_bytes :
       {uint64_t{25}, uint64_t{1} << 40, std::numeric_limits<uint64_t>::max(),
        std::numeric_limits<uint64_t>::max() - 63}) {
    with([&](auto& data) { put_u64(data, second_at + 8, payload_bytes); });
  }
}

TEST_CASE("an entry without payload is an entry, and reading goes on behind it") {
  const GpuCode code = read_fatbin(
      fatbin_container({{.architecture = 80, .payload_bytes = 0}, {.architecture = 90}}));
  CHECK(text(code.sass) == "8.0x1 9.0x1 ");
  CHECK(code.skipped_bytes == 0);
}

TEST_CASE("an architecture that cannot be is skipped, and reading goes on behind it") {
  for (const uint32_t architecture : {0U, 9U, 1000U, 0xFFFFFFFFU}) {
    const GpuCode code =
        read_fatbin(fatbin_container({{.architecture = architecture}, {.architecture = 90}}));
    CHECK(text(code.sass) == "9.0x1 ");
    CHECK(code.skipped_bytes == 64 + 24);
  }
  CHECK(text(read_fatbin(fatbin_container({{.architecture = 999}})).sass) == "99.9x1 ");
}

TEST_CASE("codes of several sections add up") {
  GpuCode code = read_fatbin(fatbin_container({{.architecture = 80}}));
  code += read_fatbin(fatbin_container(
      {{.architecture = 80}, {.kind = Entry::kPtx, .architecture = 90}, {.kind = Entry::kLto}}));
  code += read_fatbin(filled(8, 1));
  CHECK(text(code.sass) == "8.0x2 ");
  CHECK(text(code.ptx) == "9.0x1 ");
  CHECK(code.containers == 2);
  CHECK(code.other_entries == 1);
  CHECK(code.skipped_bytes == 8);
}

TEST_CASE("architectures count when every second container has them") {
  GpuCode code;
  // torch 2.8.0's libtorch_cuda.so and libtorch_cuda_linalg.so, counted with cuobjdump.
  code.containers = 393;
  code.sass = {{{70, '\0'}, 393}, {{86, '\0'}, 393}, {{89, '\0'}, 1}, {{90, 'a'}, 4}};
  code.ptx = {{{90, '\0'}, 196}, {{120, '\0'}, 197}};
  CHECK(main_architectures(code, code.sass) ==
        std::vector<GpuArchitecture>{{70, '\0'}, {86, '\0'}});
  CHECK(main_architectures(code, code.ptx) == std::vector<GpuArchitecture>{{120, '\0'}});
  CHECK(main_architectures(GpuCode{}, {}).empty());
}
