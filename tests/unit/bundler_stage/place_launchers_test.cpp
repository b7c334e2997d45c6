#include "bundler/stage/place_launchers.hpp"

#include <elf.h>
#include <openssl/evp.h>

#include <catch2/catch.hpp>
#include <cstring>
#include <fstream>

#include "tests/support/temp_dir.hpp"
#include "tests/support/thrown_error.hpp"

using namespace eb;
using namespace eb::test;

namespace {

/// A 64-bit ELF file of `type` with one segment of kind `segment` (PT_NULL: none that matters).
std::string elf_file(uint16_t type, uint32_t segment) {
  Elf64_Ehdr header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_ident[EI_VERSION] = EV_CURRENT;
  header.e_type = type;
  header.e_machine = EM_X86_64;
  header.e_version = EV_CURRENT;
  header.e_phoff = sizeof header;
  header.e_ehsize = sizeof header;
  header.e_phentsize = sizeof(Elf64_Phdr);
  header.e_phnum = 1;
  Elf64_Phdr part{};
  part.p_type = segment;
  std::string out(reinterpret_cast<const char*>(&header), sizeof header);
  out.append(reinterpret_cast<const char*>(&part), sizeof part);
  return out;
}

const std::string kStatic = elf_file(ET_EXEC, PT_LOAD);
const std::string kProgram = elf_file(ET_EXEC, PT_INTERP) + "program";
const std::string kScript = "#!/usr/bin/python3.11 -E\nprint(1)\n";

/// The C library that this test runs with: it has PT_INTERP and can be executed, and is no program.
std::string own_libc() {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    const size_t at = line.find('/');
    if (at != std::string::npos && line.find("/libc.so.6") != std::string::npos) {
      return line.substr(at);
    }
  }
  return "";
}

std::string base64url(const Sha256& digest) {
  std::string out(64, '\0');
  out.resize(static_cast<size_t>(
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                      reinterpret_cast<const unsigned char*>(digest.bytes.data()), 32)));
  for (char& c : out) c = c == '+' ? '-' : c == '/' ? '_' : c;
  while (out.ends_with('=')) out.pop_back();
  return out;
}

struct Tree {
  TempDir dir;
  Staging staging{dir.path() / "tree"};
  std::filesystem::path envlaunch = dir.path() / "envlaunch";

  Tree() { std::ofstream(envlaunch, std::ios::binary) << kStatic; }
  void add(const std::string& path, const std::string& text, bool executable = true) {
    staging.add_file(RelPath(path), as_bytes(text), executable, "demo 1");
  }
  std::string text(const std::string& path) {
    return std::string(as_text(staging.read(RelPath(path))));
  }
  const Staging::Item* item(const std::string& path) { return staging.find(RelPath(path)); }
};

}  // namespace

TEST_CASE("what is a program") {
  TempDir dir;
  const auto kind = [&](const std::string& data, bool may_be_script) {
    const std::filesystem::path path = dir.path() / "file";
    std::ofstream(path, std::ios::binary | std::ios::trunc) << data;
    return program_kind(path, may_be_script);
  };
  CHECK(kind(kProgram, false) == ProgramKind::kElf);
  CHECK(kind(elf_file(ET_DYN, PT_INTERP), false) == ProgramKind::kElf);
  CHECK(kind(kStatic, false) == ProgramKind::kNone);
  CHECK(kind(elf_file(ET_DYN, PT_LOAD), false) == ProgramKind::kNone);
  CHECK(kind("\177ELF and then nothing", false) == ProgramKind::kNone);
  CHECK(kind("", true) == ProgramKind::kNone);
  CHECK(kind(kScript, true) == ProgramKind::kPython);
  CHECK(kind("#!python\n", true) == ProgramKind::kPython);
  CHECK(kind("#!/usr/bin/env python3\n", true) == ProgramKind::kPython);
  CHECK(kind("#!/bin/sh\nexec python\n", true) == ProgramKind::kNone);
  CHECK(kind(kScript, false) == ProgramKind::kNone);
  if (const std::string libc = own_libc(); !libc.empty()) {
    CHECK(program_kind(std::filesystem::canonical(libc), false) == ProgramKind::kNone);
  }
}

TEST_CASE("programs get launchers, everything else stays") {
  Tree tree;
  tree.add("lib/glibc/ld-linux-x86-64.so.2", kProgram);
  tree.add("bin/tool", kProgram);
  tree.add("bin/static", kStatic);
  tree.add("bin/shell", "#!/bin/sh\n");
  tree.add("bin/pip", kScript);
  tree.add("bin/module.py", kScript, false);
  tree.add("lib/core/helper", kProgram);
  tree.add("lib/python3.11/cgi.py", kScript);
  tree.add("lib/python3.11/site-packages/torch/bin/protoc", kProgram);
  const auto programs = place_launchers(tree.staging, tree.envlaunch);
  CHECK(programs == std::vector<std::string>{"bin/pip", "bin/tool", "lib/core/helper"});

  CHECK(tree.text("bin/tool") == kStatic);
  CHECK(tree.item("bin/tool")->executable);
  CHECK(tree.text("libexec/real/bin/tool") == kProgram);
  CHECK(tree.item("libexec/real/bin/tool")->executable);
  CHECK(tree.item("libexec/real/bin/tool")->origins == std::vector<std::string>{"demo 1"});
  CHECK(tree.item("libexec/launch/bin/tool")->target == "../../../lib/glibc/ld-linux-x86-64.so.2");
  CHECK(tree.text("libexec/real/lib/core/helper") == kProgram);
  CHECK(tree.text("bin/pip") == kStatic);
  CHECK(tree.text("libexec/real/bin/pip") == kScript);
  CHECK_FALSE(tree.item("libexec/real/bin/pip")->executable);
  CHECK(tree.item("libexec/launch/bin/pip") == nullptr);

  CHECK(tree.text("bin/shell") == "#!/bin/sh\n");
  CHECK(tree.text("bin/module.py") == kScript);
  CHECK(tree.text("lib/python3.11/cgi.py") == kScript);
  CHECK(tree.text("lib/python3.11/site-packages/torch/bin/protoc") == kProgram);
  CHECK(tree.text("lib/glibc/ld-linux-x86-64.so.2") == kProgram);

  // A second call finds nothing to do.
  CHECK(place_launchers(tree.staging, tree.envlaunch).empty());
}

TEST_CASE("RECORD follows a replaced script and keeps every other byte") {
  Tree tree;
  tree.add("bin/pip", kScript);
  const std::string record = "lib/python3.11/site-packages/pip-1.dist-info/RECORD";
  tree.add(record,
           "../../../bin/pip,sha256=AAAA,12\r\n\"a,b.py\",sha256=x,1\npip/x.py,sha256=y,2\n"
           "../../../bin/other,sha256=z,3\npip-1.dist-info/RECORD,,\n",
           false);
  tree.add("lib/python3.11/site-packages/other-1.dist-info/RECORD", "no end of line,,", false);
  place_launchers(tree.staging, tree.envlaunch);
  const Staging::Item* launcher = tree.item("bin/pip");
  CHECK(tree.text(record) ==
        "../../../bin/pip,sha256=" + base64url(launcher->digest) + "," +
            std::to_string(launcher->size_bytes) +
            "\r\n\"a,b.py\",sha256=x,1\npip/x.py,sha256=y,2\n../../../bin/other,sha256=z,3\n"
            "pip-1.dist-info/RECORD,,\n");
  CHECK(tree.text("lib/python3.11/site-packages/other-1.dist-info/RECORD") == "no end of line,,");
}

TEST_CASE("a launcher that needs a loader itself is refused") {
  Tree tree;
  std::ofstream(tree.envlaunch, std::ios::binary | std::ios::trunc) << kProgram;
  const Error error = thrown_error([&] { place_launchers(tree.staging, tree.envlaunch); });
  CHECK(std::string(error.what()) == "the launcher is not a static program");
  std::filesystem::remove(tree.envlaunch);
  CHECK(thrown_error([&] { place_launchers(tree.staging, tree.envlaunch); }).code() ==
        ExitCode::kIo);
}
