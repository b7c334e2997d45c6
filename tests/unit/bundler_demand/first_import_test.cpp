#include "bundler/demand/first_import.hpp"

#include <catch2/catch.hpp>

#include "installer/base/error.hpp"
#include "tests/unit/bundler_demand/elf_maker.hpp"
#include "tests/unit/bundler_demand/staged_tree.hpp"

namespace eb::test {
namespace {

constexpr size_t kMiB = 1u << 20;

/// A library with `text_mib` of code that needs `needed`.
std::string library(size_t text_mib, const std::vector<std::string>& needed = {},
                    std::vector<ElfSection> more = {}) {
  std::string strings(1, '\0');
  std::string dynamic;
  for (const std::string& name : needed) {
    append_record(dynamic, Elf64_Dyn{.d_tag = DT_NEEDED, .d_un = {.d_val = strings.size()}});
    strings += name + '\0';
  }
  append_record(dynamic, Elf64_Dyn{.d_tag = DT_NULL, .d_un = {.d_val = 0}});
  std::vector<ElfSection> sections = {
      {.name = ".dynstr", .type = SHT_STRTAB, .content = strings},
      {.name = ".dynamic", .type = SHT_DYNAMIC, .content = dynamic, .link = 1},
      {.name = ".text", .content = std::string(text_mib * kMiB, 'T'), .flags = SHF_ALLOC}};
  for (ElfSection& section : more) sections.push_back(std::move(section));
  return make_elf(std::move(sections));
}

ElfSection section(const std::string& name, size_t mib, uint64_t flags = SHF_ALLOC,
                   uint32_t type = SHT_PROGBITS) {
  return {.name = name, .type = type, .content = std::string(mib * kMiB, 's'), .flags = flags};
}

SharedLibrary read(const TempDir& dir, const std::string& content) {
  write_file(dir.path() / "x.so", content);
  return read_shared_library(dir.path() / "x.so").value();
}

TEST_CASE("what the loader reads of a library is told without its GPU code and debug tables") {
  const TempDir dir;
  const std::string content =
      library(2, {"libc.so.6", "libm.so.6"},
              {section(".nv_fatbin", 5), section(".data", 1), section(".ldata", 3),
               section(".cask_resource", 1), section(".symtab_like", 1, 0), section(".eh_frame", 1),
               section(".bss", 1)});
  const SharedLibrary found = read(dir, content);
  CHECK(found.needed == std::vector<std::string>{"libc.so.6", "libm.so.6"});
  REQUIRE(found.read_at_load.size() == 3);
  CHECK(content.substr(found.read_at_load[0].offset, found.read_at_load[0].size_bytes) ==
        std::string(2 * kMiB, 'T'));
  CHECK(found.read_at_load[1].size_bytes == kMiB);
  CHECK(found.read_at_load[1].offset == found.read_at_load[0].offset + 7 * kMiB);
  CHECK(found.read_at_load[2].size_bytes == kMiB);
}

TEST_CASE("parts that lie close together are read as one") {
  const TempDir dir;
  ElfSection gap{.name = ".comment", .content = std::string(100'000, 'c')};
  const SharedLibrary found = read(dir, library(1, {}, {gap, section(".data", 1)}));
  REQUIRE(found.read_at_load.size() == 1);
  CHECK(found.read_at_load[0].size_bytes >= 2 * kMiB + 100'000);
}

TEST_CASE("a program, a text and a broken library are read without harm") {
  const TempDir dir;
  write_file(dir.path() / "a", "import os\n");
  CHECK_FALSE(read_shared_library(dir.path() / "a"));
  // Cut anywhere, what it says is within the file.
  const std::string whole = library(1, {"libc.so.6"});
  for (size_t size = 0; size < whole.size(); size += 4099) {
    write_file(dir.path() / "b", whole.substr(0, size));
    const auto found = read_shared_library(dir.path() / "b");
    if (!found) continue;
    for (const ByteRange& range : found->read_at_load) {
      CHECK(range.offset + range.size_bytes <= size);
    }
  }
}

TEST_CASE("the first import of a package reads what its modules need, what is needed first") {
  StagedTree tree;
  const std::string site = StagedTree::kSite;
  tree.file(site + "torch/_C.cpython-311-x86_64-linux-gnu.so",
            library(1, {"libtorch.so", "libz.so.1"}))
      .file(site + "torch/lib/libtorch.so", library(20, {"libcublas.so.12", "libnowhere.so.1"}))
      .file(site + "nvidia/cublas/lib/libcublas.so.12", library(20, {"libtorch.so"}))
      .file(site + "torch/lib/libunused.so", library(40))
      .file("lib/libz.so.1.2.13", library(1))
      .symlink("lib/libz.so.1", "libz.so.1.2.13")
      // Too little to matter; no module at the top; not in site-packages.
      .file(site + "small/_x.so", library(1))
      .file(site + "deep/core/_x.so", library(40))
      .file("lib/other/_x.so", library(40));
  const auto found = first_imports(tree.get(), 2);
  REQUIRE(found.size() == 1);
  REQUIRE(found.contains("torch"));
  std::vector<std::string> order;
  for (const FileRange& read : found.at("torch")) order.push_back(read.path.str());
  CHECK(order == std::vector<std::string>{site + "nvidia/cublas/lib/libcublas.so.12",
                                          "lib/libz.so.1.2.13", site + "torch/lib/libtorch.so",
                                          site + "torch/_C.cpython-311-x86_64-linux-gnu.so"});
  CHECK(found == first_imports(tree.get(), 1));
}

TEST_CASE("the lists are staged with what makes Python read them, and only where there are any") {
  const TempDir dir;
  Staging staging(dir.path() / "tree");
  const std::string site = StagedTree::kSite;
  const auto add = [&](const std::string& path, const std::string& content) {
    staging.add_file(RelPath(path), as_bytes(content), false, "test 1");
  };
  add(site + "envbundle_read_ahead.py", "pass\n");
  stage_first_imports(staging, 1);
  CHECK(staging.find(RelPath(site + "envbundle_read_ahead.pth")) == nullptr);
  add(site + "big/_m.so", library(40));
  stage_first_imports(staging, 1);
  CHECK(as_text(staging.read(RelPath(site + "envbundle_read_ahead.pth"))) ==
        "import envbundle_read_ahead\n");
  const std::string text(as_text(staging.read(RelPath("share/envbundle/read-ahead/big"))));
  const auto ranges = first_imports(staging, 1).at("big");
  REQUIRE(ranges.size() == 1);
  CHECK(text ==
        "# What the first `import big` reads: offset, bytes, path below the release "
        "(envbundle_read_ahead.py).\n" +
            std::to_string(ranges[0].range.offset) + " " +
            std::to_string(ranges[0].range.size_bytes) + " " + site + "big/_m.so\n");
}

}  // namespace
}  // namespace eb::test
