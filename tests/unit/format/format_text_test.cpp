// FORMAT.md and the code say the same.

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>

#include "installer/base/bytes.hpp"
#include "installer/format/container.hpp"
#include "installer/format/index.hpp"
#include "installer/format/sshsig.hpp"
#include "installer/format/tar_stream.hpp"
#include "tests/support/thrown_error.hpp"
#include "tests/unit/format/sample_index.hpp"

using namespace eb;

namespace {

std::string source(const char* name) {
  const auto folder = std::filesystem::path(EB_TEST_DATA) / "../../../../installer/format";
  std::ifstream in((folder / name).lexically_normal());
  return {std::istreambuf_iterator<char>(in), {}};
}

const std::string& format_text() {
  static const std::string text = source("FORMAT.md");
  REQUIRE_FALSE(text.empty());
  return text;
}

std::string section(const std::string& number) {
  const std::string& text = format_text();
  const size_t begin = text.find("\n## " + number + ". ");
  REQUIRE(begin != std::string::npos);
  return text.substr(begin, text.find("\n## ", begin + 1) - begin);
}

/// The cells of the first two columns of every table row whose first cell is `code`, without the
/// quotes.
std::vector<std::pair<std::string, std::string>> coded_rows(const std::string& text) {
  std::vector<std::pair<std::string, std::string>> out;
  const std::string begin = "\n| `";
  for (size_t at = 0; (at = text.find(begin, at)) != std::string::npos;) {
    at += begin.size();
    const size_t quote = text.find('`', at);
    const size_t second = text.find("| ", quote) + 2;
    out.emplace_back(text.substr(at, quote - at),
                     text.substr(second, text.find(" |", second) - second));
  }
  return out;
}

// The code blocks of §12, by name, as lower-case hexadecimal digits.
std::string sample(const std::string& name) {
  const std::string text = section("12");
  const std::string fence = "```sample " + name + "\n";
  const size_t begin = text.find(fence);
  REQUIRE(begin != std::string::npos);
  const size_t end = text.find("```", begin + fence.size());
  std::string out;
  for (const char c : text.substr(begin + fence.size(), end - begin - fence.size())) {
    if (c != ' ' && c != '\n') out += c;
  }
  return out;
}

Index empty_tree() {
  Index index;
  index.meta = {{"name", "n"}, {"platform", "linux-x86_64"}, {"epoch", "0"}};
  index.frames = {{.compressed_size = 20, .raw_size = kTarEndSize, .digest = sha256({})}};
  return index;
}

}  // namespace

TEST_CASE("the table of limits has every constant with its value") {
  const std::map<std::string, uint64_t> code = {
      {"kPrologueFrameSize", kPrologueFrameSize},
      {"kMaxIndexSize", kMaxIndexSize},
      {"kMaxSignaturesSize", kMaxSignaturesSize},
      {"kMaxSignatures", kMaxSignatures},
      {"kMaxDataSize", kMaxDataSize},
      {"kMaxFrames", kMaxFrames},
      {"kMaxFrameRawSize", kMaxFrameRawSize},
      {"kMaxWindowLog", kMaxWindowLog},
      {"kMaxSections", kMaxSections},
      {"kMaxMetaKeys", kMaxMetaKeys},
      {"kMaxMetaKeySize", kMaxMetaKeySize},
      {"kMaxMetaValueSize", kMaxMetaValueSize},
      {"kMaxNameSize", kMaxNameSize},
      {"kMaxEpoch", kMaxEpoch},
      {"kMaxCounter", kMaxCounter},
      {"kMaxEntries", kMaxEntries},
      {"kMaxDirectoryEntries", kMaxDirectoryEntries},
      {"kMaxFileSize", kMaxFileSize},
      {"kMaxLinkTargetSize", kMaxLinkTargetSize},
      {"kMaxLinkHops", kMaxLinkHops},
      {"RelPath::kMaxBytes", RelPath::kMaxBytes},
      {"RelPath::kMaxComponentBytes", RelPath::kMaxComponentBytes},
      {"RelPath::kMaxDepth", RelPath::kMaxDepth},
  };
  std::map<std::string, uint64_t> text;
  for (const auto& [name, value] : coded_rows(section("10"))) text[name] = std::stoull(value);
  CHECK(text == code);
}

TEST_CASE("no limit of the headers is missing in the text") {
  const std::string limits = section("10");
  for (const char* header : {"container.hpp", "index.hpp"}) {
    const std::string code = source(header);
    REQUIRE_FALSE(code.empty());
    size_t constants = 0;
    for (size_t at = 0; (at = code.find(" kMax", at)) != std::string::npos;) {
      const std::string name = code.substr(at + 1, code.find_first_of(" ;,.)", at + 1) - at - 1);
      CAPTURE(name);
      CHECK(limits.find("`" + name + "`") != std::string::npos);
      at += name.size();
      ++constants;
    }
    CHECK(constants >= 6);
  }
}

TEST_CASE("versions and magics of the text are those of the code") {
  CHECK(format_text().starts_with("# The bundle format, version " + std::to_string(kFormatMajor) +
                                  "." + std::to_string(kFormatMinor) + "\n"));
  std::string magic;
  for (const std::byte b : as_bytes(kBundleMagic)) magic += " " + to_hex({&b, 1});
  CHECK(section("2").find("magic: `" + magic.substr(1) + "`") != std::string::npos);
  CHECK(kSkippableMagic == 0x184D2A5B);
  CHECK(section("2").find("0x184D2A5B") != std::string::npos);
  CHECK(section("8").find("`" + std::string(kSignatureNamespace) + "`") != std::string::npos);
  CHECK(section("4").find("window at most 2^26 bytes") != std::string::npos);
  CHECK(max_compressed_size(12800) == 12800 + 100 + 1024);
}

TEST_CASE("every meta key of the code is in the table of §6, and no other") {
  std::vector<std::string> text;
  for (const auto& [key, form] : coded_rows(section("6"))) text.push_back(key);
  std::ranges::sort(text);
  std::vector<std::string> code = {meta_key::kName,         meta_key::kVersion,
                                   meta_key::kPlatform,     meta_key::kEpoch,
                                   meta_key::kTool,         meta_key::kLockDigest,
                                   meta_key::kMinInstaller, meta_key::kMinKernel,
                                   meta_key::kGlibc,        meta_key::kPython,
                                   meta_key::kCuda,         meta_key::kMinDriver,
                                   meta_key::kNotAfter,     meta_key::kCounter,
                                   meta_key::kLicences,     meta_key::kRecommendedDriver,
                                   meta_key::kGpuSass,      meta_key::kGpuPtx,
                                   meta_key::kGlibcNeeded,  meta_key::kCudaCompat};
  std::ranges::sort(code);
  CHECK(text == code);
}

TEST_CASE("the reserved names of the text are refused") {
  const std::string text = section("5");
  for (const char* name : {".envinstall", ".bundle", "current", "releases", "lost+found", ".nfs"}) {
    CAPTURE(name);
    CHECK(text.find("`" + std::string(name) + "`") != std::string::npos);
    CHECK_THROWS_AS(check_index(test::IndexBuilder().dir(name).build()), Error);
  }
}

TEST_CASE("the sample bytes of §12 are those of the code") {
  const auto index = encode_index(empty_tree());
  CHECK(to_hex(index) == sample("index"));
  const auto signatures = encode_signatures({});
  CHECK(to_hex(signatures) == sample("signatures"));
  Prologue prologue;
  prologue.index_size = static_cast<uint32_t>(index.size());
  prologue.signatures_size = static_cast<uint32_t>(signatures.size());
  prologue.data_size = 20;
  prologue.index_digest = sha256(index);
  CHECK(to_hex(encode_prologue(prologue)) == sample("prologue"));
  const Entry entry{.path = RelPath("bin/x"),
                    .executable = true,
                    .size_bytes = 3,
                    .digest = sha256(as_bytes("abc")),
                    .target = {}};
  const auto header = tar_header(entry, 0);
  CHECK(to_hex(Bytes(header).first(265)) == sample("tar"));
  CHECK(to_hex(Bytes(header).subspan(265)).substr(0, 128) == std::string(128, '0'));
  // The device numbers stand after the names.
  CHECK(as_text(Bytes(header).subspan(329, 16)) == std::string_view("0000000\0"
                                                                    "0000000\0",
                                                                    16));
}
