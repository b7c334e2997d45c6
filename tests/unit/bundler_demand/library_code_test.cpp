#include "bundler/demand/library_code.hpp"

#include <catch2/catch.hpp>

#include "tests/support/temp_dir.hpp"
#include "tests/unit/bundler_demand/elf_maker.hpp"
#include "tests/unit/bundler_demand/fatbin_maker.hpp"

using namespace eb;
using namespace eb::test;

namespace {

class Fixture {
 public:
  std::optional<LibraryCode> code_of(std::string_view content) {
    write_file(dir_.path() / "lib.so", content);
    return read_library_code(dir_.path() / "lib.so");
  }

 private:
  TempDir dir_;
};

std::string as_string(const std::vector<std::byte>& data) { return std::string(as_text(data)); }

const std::string kCode = as_string(fatbin_container({{.architecture = 80}}));
const std::string kOther = as_string(
    fatbin_container({{.architecture = 90}, {.kind = FatbinEntry::kPtx, .architecture = 90}}));
constexpr GpuArchitecture k80{80, '\0'};
constexpr GpuArchitecture k90{90, '\0'};

}  // namespace

TEST_CASE_METHOD(Fixture, "loadable and relocatable code are kept apart") {
  const auto code = code_of(make_elf({{.name = ".text", .content = kOther},
                                      {.name = ".nv_fatbin", .content = kCode},
                                      {.name = "__nv_relfatbin", .content = kOther}}));
  REQUIRE(code);
  CHECK(code->loadable.sass == std::map<GpuArchitecture, uint64_t>{{k80, 1}});
  CHECK(code->loadable.ptx.empty());
  CHECK(code->relocatable.sass == std::map<GpuArchitecture, uint64_t>{{k90, 1}});
  CHECK(code->relocatable.ptx == std::map<GpuArchitecture, uint64_t>{{k90, 1}});
}

TEST_CASE_METHOD(Fixture, "several sections of a name add up") {
  const auto code = code_of(make_elf({{.name = ".nv_fatbin", .content = kCode},
                                      {.name = ".nv_fatbin", .content = kCode + kOther}}));
  REQUIRE(code);
  CHECK(code->loadable.sass == std::map<GpuArchitecture, uint64_t>{{k80, 2}, {k90, 1}});
}

TEST_CASE_METHOD(Fixture, "a section far into the file is found, at whatever offset") {
  for (const size_t before : {0, 8, 4096 - 64, 4096, 5000 * 8, 1 << 20}) {
    const auto code = code_of(make_elf({{.name = ".text", .content = std::string(before, 'x')},
                                        {.name = ".nv_fatbin", .content = kCode}}));
    REQUIRE(code);
    CHECK(code->loadable.sass.contains(k80));
  }
}

TEST_CASE_METHOD(Fixture, "a library without GPU code has none") {
  for (const auto& content :
       {make_elf({}), make_elf({{.name = ".nv_fatbin", .content = {}}}),
        make_elf({{.name = ".nv_fatbin", .type = SHT_NOBITS, .content = kCode}}),
        make_elf({{.name = ".nv_fatbin_other", .content = kCode}})}) {
    const auto code = code_of(content);
    REQUIRE(code);
    CHECK(code->loadable == GpuCode{});
    CHECK(code->relocatable == GpuCode{});
  }
}

TEST_CASE_METHOD(Fixture, "what is no ELF file has no answer") {
  CHECK_FALSE(code_of(""));
  CHECK_FALSE(code_of(kCode));
  CHECK_FALSE(code_of("\177ELF"));
}

TEST_CASE_METHOD(Fixture, "a section that is compressed or leads out of the file is skipped") {
  const auto compressed =
      code_of(make_elf({{.name = ".nv_fatbin", .content = kCode, .flags = SHF_COMPRESSED}}));
  REQUIRE(compressed);
  CHECK(compressed->loadable.empty());
  CHECK(compressed->loadable.skipped_bytes == kCode.size());

  const std::string whole = make_elf({{.name = ".nv_fatbin", .content = kCode}});
  const size_t header = whole.size() - 2 * sizeof(Elf64_Shdr);
  for (const uint64_t offset : {uint64_t{1} << 20, ~uint64_t{0}, whole.size() - 1}) {
    std::string changed = whole;
    changed.replace(header + offsetof(Elf64_Shdr, sh_offset), 8,
                    reinterpret_cast<const char*>(&offset), 8);
    const auto code = code_of(changed);
    REQUIRE(code);
    CHECK(code->loadable.empty());
    CHECK(code->loadable.skipped_bytes == kCode.size());
  }
  const uint64_t huge = ~uint64_t{0};
  std::string changed = whole;
  changed.replace(header + offsetof(Elf64_Shdr, sh_size), 8, reinterpret_cast<const char*>(&huge),
                  8);
  const auto code = code_of(changed);
  REQUIRE(code);
  CHECK(code->loadable.empty());
  CHECK(code->loadable.skipped_bytes != 0);
}

TEST_CASE_METHOD(Fixture, "cut at each byte, a library gives an answer") {
  const std::string whole = make_elf({{.name = ".nv_fatbin", .content = kCode + kOther}});
  for (size_t size = 0; size < whole.size(); ++size) {
    INFO("cut to " << size);
    CHECK_NOTHROW(code_of(std::string_view(whole).substr(0, size)));
  }
}
