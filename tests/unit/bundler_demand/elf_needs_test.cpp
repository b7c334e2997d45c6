#include "bundler/demand/elf_needs.hpp"

#include <catch2/catch.hpp>
#include <random>

#include "tests/support/temp_dir.hpp"
#include "tests/support/thrown_error.hpp"
#include "tests/unit/bundler_demand/elf_maker.hpp"

using namespace eb;
using namespace eb::test;

namespace {

class Fixture {
 public:
  std::optional<ElfNeeds> needs_of(std::string_view content) {
    write_file(path(), content);
    return read_elf_needs(path());
  }
  /// "" when the file asks for no version, "no ELF" when it is none.
  std::string glibc_of(std::string_view content) {
    const auto needs = needs_of(content);
    if (!needs) return "no ELF";
    return needs->glibc ? needs->glibc->str() : "";
  }
  std::filesystem::path path() const { return dir_.path() / "file"; }

 private:
  TempDir dir_;
};

}  // namespace

TEST_CASE_METHOD(Fixture, "the newest version wins, compared number by number") {
  CHECK(glibc_of(elf_asking_for({{"libm.so.6", "GLIBC_2.27"},
                                 {"libc.so.6", "GLIBC_2.2.5"},
                                 {"libc.so.6", "GLIBC_2.28"},
                                 {"libc.so.6", "GLIBC_2.4"}})) == "2.28");
  CHECK(glibc_of(elf_asking_for({{"libc.so.6", "GLIBC_2.9"}, {"libc.so.6", "GLIBC_2.10"}})) ==
        "2.10");
  CHECK(glibc_of(elf_asking_for({{"libc.so.6", "GLIBC_2.2.5"}})) == "2.2.5");
}

TEST_CASE_METHOD(Fixture, "names that are no version of glibc do not count") {
  CHECK(glibc_of(elf_asking_for({{"libc.so.6", "GLIBC_PRIVATE"},
                                 {"libc.so.6", "GLIBC_ABI_DT_RELR"},
                                 {"libstdc++.so.6", "GLIBCXX_3.4.30"},
                                 {"libgcc_s.so.1", "GCC_12.0.0"},
                                 {"libc.so.6", "GLIBC_2."},
                                 {"libc.so.6", "GLIBC_"},
                                 {"libc.so.6", "GLIBC_2.17"}})) == "2.17");
  CHECK(glibc_of(elf_asking_for({{"libc.so.6", "GLIBC_PRIVATE"}})).empty());
}

TEST_CASE_METHOD(Fixture, "a weak version does not count: the loader does without") {
  CHECK(glibc_of(elf_asking_for(
            {{"libc.so.6", "GLIBC_2.17"}, {"libc.so.6", "GLIBC_2.38", true}})) == "2.17");
}

TEST_CASE_METHOD(Fixture, "the machine is told, and a file without versions is still an ELF file") {
  CHECK(needs_of(elf_asking_for({}, EM_AARCH64))->machine == EM_AARCH64);
  CHECK(needs_of(make_elf({}))->machine == EM_X86_64);
  CHECK_FALSE(needs_of(make_elf({}))->glibc);
}

TEST_CASE_METHOD(Fixture, "other files are no ELF files, whatever their length") {
  for (const std::string_view content :
       {"", "\177", "\177EL", "#!/bin/sh\n", "MZ\x90", "\177elf------------------------------"}) {
    CHECK(glibc_of(content) == "no ELF");
  }
  CHECK(glibc_of("\177ELF") == "no ELF");
}

TEST_CASE_METHOD(Fixture, "cut at each byte, a file is read as far as it goes") {
  const std::string whole =
      elf_asking_for({{"libc.so.6", "GLIBC_2.17"}, {"libc.so.6", "GLIBC_2.34"}});
  REQUIRE(glibc_of(whole) == "2.34");
  for (size_t size = 0; size < whole.size(); ++size) {
    const std::string answer = glibc_of(std::string_view(whole).substr(0, size));
    INFO("cut to " << size);
    // The table of sections is the file's end: without its last byte nothing is certain.
    CHECK((answer == "no ELF" || answer.empty() || answer == "2.34"));
    if (size < sizeof(Elf64_Ehdr)) CHECK(answer == "no ELF");
  }
}

TEST_CASE_METHOD(Fixture, "records that lead out of their section or back end the reading") {
  std::vector<ElfSection> sections =
      version_sections({{"libc.so.6", "GLIBC_2.17"}, {"libm.so.6", "GLIBC_2.29"}});
  const auto with = [&](size_t at, uint32_t value) {
    std::vector<ElfSection> changed = sections;
    changed[1].content.replace(at, 4, reinterpret_cast<const char*>(&value), 4);
    return glibc_of(make_elf(changed));
  };
  REQUIRE(glibc_of(make_elf(sections)) == "2.29");
  CHECK(with(offsetof(Elf64_Verneed, vn_aux), 0xFFFFFFF0) == "2.29");
  CHECK(with(offsetof(Elf64_Verneed, vn_next), 0xFFFFFFF0) == "2.17");
  CHECK(with(offsetof(Elf64_Verneed, vn_next), 0x7FFFFFFF) == "2.17");
  CHECK(with(offsetof(Elf64_Verneed, vn_next), 0) == "2.17");
  CHECK(with(sizeof(Elf64_Verneed) + offsetof(Elf64_Vernaux, vna_name), 0x7FFFFFFF) == "2.29");
  sections[1].link = 77;
  CHECK(glibc_of(make_elf(sections)).empty());
}

TEST_CASE_METHOD(Fixture, "any flipped byte gives an answer") {
  const std::string whole =
      elf_asking_for({{"libm.so.6", "GLIBC_2.17"}, {"libc.so.6", "GLIBC_2.34"}});
  std::minstd_rand random(7);
  for (size_t at = SELFMAG; at < whole.size(); ++at) {
    std::string changed = whole;
    changed[at] = static_cast<char>(changed[at] ^ static_cast<char>(1 + random() % 255));
    CHECK_NOTHROW(needs_of(changed));
  }
}

TEST_CASE_METHOD(Fixture, "what this test itself runs with is read") {
  const auto needs = read_elf_needs(std::filesystem::canonical("/proc/self/exe"));
  REQUIRE(needs);
  REQUIRE(needs->glibc);
  CHECK(*DottedVersion::parse("2.2") < *needs->glibc);
}

TEST_CASE_METHOD(Fixture, "a file that is not there or a symlink is an error") {
  CHECK(thrown_error([&] { read_elf_needs(path()); }).code() == ExitCode::kIo);
  std::filesystem::create_symlink("/proc/self/exe", path());
  CHECK(thrown_error([&] { read_elf_needs(path()); }).code() == ExitCode::kIo);
}
