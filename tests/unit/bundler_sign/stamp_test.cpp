#include "bundler/sign/stamp.hpp"

#include <sys/stat.h>

#include <catch2/catch.hpp>

#include "../bundler_pack/scratch.hpp"
#include "installer/base/error.hpp"
#include "installer/install/trust_anchors.hpp"

namespace eb {
namespace {

using test::read_bytes;
using test::Scratch;

struct Section {
  char magic[32];
  char text[kMaxTrustText];
};
// This very program stands for an installer.
__attribute__((section(".envinstall_trust"), used, aligned(32))) const volatile Section kSection = {
    {'e', 'n', 'v', 'i', 'n', 's', 't', 'a', 'l', 'l', ' ', 't',  'r',  'u',    's',  't',
     ' ', 'a', 'n', 'c', 'h', 'o', 'r', 's', ' ', 'v', '1', '\r', '\n', '\x1a', '\n', '\0'},
    {}};

const std::vector<std::byte>& program() {
  static const std::vector<std::byte> bytes = read_bytes("/proc/self/exe");
  return bytes;
}

Error refusal(std::vector<std::byte> bytes, std::string_view text = "x") {
  try {
    stamp_installer(std::move(bytes), text, "installer");
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::kUsage);
    CHECK(error.where() == "installer");
    return error;
  }
  FAIL("stamped");
  return {ExitCode::kInternal, ""};
}

TEST_CASE("stamping changes the text of the section and no other byte") {
  REQUIRE(kSection.text[0] == '\0');
  const std::string text = "me namespaces=\"envbundle-index@v1\" ssh-ed25519 AAAA\n";
  const std::vector<std::byte> stamped = stamp_installer(program(), text, "installer");
  REQUIRE(stamped.size() == program().size());
  const size_t at =
      as_text(program()).find(std::string(kTrustMagic) + std::string(kMaxTrustText, '\0'));
  REQUIRE(at != std::string_view::npos);
  const size_t begin = at + kTrustMagic.size();
  CHECK(as_text(stamped).substr(begin, text.size()) == text);
  CHECK(as_text(stamped).substr(0, begin) == as_text(program()).substr(0, begin));
  CHECK(as_text(stamped).substr(begin + text.size()) ==
        as_text(program()).substr(begin + text.size()));
  CHECK(installer_anchors(stamped, "installer") == text);
  CHECK(installer_anchors(program(), "installer").empty());
}

TEST_CASE("a second stamp leaves nothing of the first") {
  const auto once = stamp_installer(program(), std::string(1000, 'a'), "installer");
  CHECK(stamp_installer(once, "bb", "installer") == stamp_installer(program(), "bb", "installer"));
  CHECK(stamp_installer(once, "", "installer") == program());
}

TEST_CASE("the text may fill the section, and not one byte more") {
  const std::string full(kMaxTrustText, 'f');
  CHECK(installer_anchors(stamp_installer(program(), full, "installer"), "installer") == full);
  const Error error = refusal(program(), full + "f");
  CHECK(std::string(error.what()) == "too many signers for the installer's trust anchors");
}

TEST_CASE("files that are no installer are refused") {
  CHECK(refusal({}).why() == "it is not an ELF file");
  CHECK(refusal(read_bytes("/bin/sh")).why() == "it has no section .envinstall_trust");
  const std::string text = "#!/bin/sh\n";
  CHECK(refusal({as_bytes(text).begin(), as_bytes(text).end()}).why() == "it is not an ELF file");
  // Cut anywhere, a program is refused or stamped, and nothing worse happens.
  for (size_t size = 64; size < program().size(); size += program().size() / 97) {
    try {
      stamp_installer({program().begin(), program().begin() + static_cast<std::ptrdiff_t>(size)},
                      "x", "installer");
    } catch (const Error& error) {
      CHECK(error.code() == ExitCode::kUsage);
    }
  }
}

TEST_CASE("a section of another version is refused") {
  std::vector<std::byte> other = program();
  const size_t at =
      as_text(other).find(std::string(kTrustMagic) + std::string(kMaxTrustText, '\0'));
  REQUIRE(at != std::string_view::npos);
  other[at + 25] = std::byte{'2'};
  CHECK_THAT(refusal(other).why(), Catch::Contains("magic"));
}

TEST_CASE("the stamped copy is executable") {
  const Scratch scratch;
  write_stamped_installer("/proc/self/exe", scratch / "envinstall", "me\n");
  struct stat info {};
  REQUIRE(::stat((scratch / "envinstall").c_str(), &info) == 0);
  CHECK((info.st_mode & 0111) != 0);
  CHECK(read_bytes(scratch / "envinstall") == stamp_installer(program(), "me\n", "installer"));
}

}  // namespace
}  // namespace eb
