#include <map>

#include "extent.hpp"
#include "memory_bundle.hpp"

// A small bundle damaged in every place and in every way that FAULTS §5 counts. "Judged" is all
// that an install does before it publishes; no damage may pass.

namespace eb {
namespace {

using namespace test;

struct Shop : Workshop {
  SmallBundle bundle{*this};
  TrustPolicy policy = trust().policy();
  std::map<ExitCode, size_t> answers;

  ExitCode judged(std::string bytes) {
    const ExitCode code = judge(*this, policy, std::move(bytes));
    ++answers[code];
    return code;
  }
  void expect_only(const std::set<ExitCode>& codes) const {
    for (const auto& [code, count] : answers) {
      INFO("exit code " << static_cast<int>(code) << ", " << count << " times");
      CHECK(codes.contains(code));
    }
  }
};

TEST_CASE("the undamaged bundle is accepted") {
  Shop shop;
  CHECK(shop.judged(shop.bundle.bytes) == ExitCode::kOk);
  CHECK(shop.bundle.frame_at.size() > 4);
  CHECK(shop.bundle.frame_at.back() == shop.bundle.bytes.size());
}

TEST_CASE("F009 every bit of prologue, index and signatures") {
  Shop shop;
  std::string bytes = shop.bundle.bytes;
  for (size_t at = 0; at < shop.bundle.data_at; ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      bytes[at] = static_cast<char>(bytes[at] ^ (1 << bit));
      const ExitCode code = shop.judged(bytes);
      bytes[at] = shop.bundle.bytes[at];
      INFO("byte " << at << ", bit " << bit);
      // The place decides what it is called: the index has a digest, the signatures have keys.
      const bool in_index = at >= shop.bundle.index_at && at < shop.bundle.signatures_at - 8;
      const bool in_signatures = at >= shop.bundle.signatures_at;
      if (in_index) {
        REQUIRE(code == ExitCode::kDigestMismatch);
      } else if (in_signatures) {
        REQUIRE((code == ExitCode::kUntrusted || code == ExitCode::kMalformed));
      } else {
        REQUIRE(code == ExitCode::kMalformed);
      }
    }
  }
  CHECK(shop.answers[ExitCode::kUntrusted] > 1000);
}

TEST_CASE("F009 ten thousand flipped bits in the frames") {
  Shop shop;
  std::mt19937_64 random(9);
  std::string bytes = shop.bundle.bytes;
  const size_t size = bytes.size() - shop.bundle.data_at;
  for (int i = 0; i < 10'000; ++i) {
    const size_t at = shop.bundle.data_at + random() % size;
    const char good = bytes[at];
    bytes[at] = static_cast<char>(good ^ (1 << (random() % 8)));
    INFO("byte " << at);
    REQUIRE(shop.judged(bytes) == ExitCode::kDigestMismatch);
    bytes[at] = good;
  }
}

TEST_CASE("F009 every bit of every frame's header and checksum") {
  Shop shop;
  std::string bytes = shop.bundle.bytes;
  for (size_t i = 0; i + 1 < shop.bundle.frame_at.size(); ++i) {
    const size_t begin = shop.bundle.frame_at[i];
    const size_t end = shop.bundle.frame_at[i + 1];
    for (const size_t from : {begin, end - 4}) {
      for (size_t at = from; at < std::min(from + 14, end); ++at) {
        for (int bit = 0; bit < 8; ++bit) {
          bytes[at] = static_cast<char>(bytes[at] ^ (1 << bit));
          REQUIRE(shop.judged(bytes) == ExitCode::kDigestMismatch);
          bytes[at] = shop.bundle.bytes[at];
        }
      }
    }
  }
}

TEST_CASE("F003 cut at every byte of the header, around every frame, and at a thousand places") {
  Shop shop;
  const std::string& whole = shop.bundle.bytes;
  std::set<size_t> lengths;
  for (size_t length = 0; length <= shop.bundle.data_at; ++length) lengths.insert(length);
  for (const size_t at : shop.bundle.frame_at) {
    for (size_t length = at - 2; length <= at + 2; ++length) lengths.insert(length);
  }
  std::mt19937_64 random(4);
  for (int i = 0; i < 1000; ++i) lengths.insert(random() % whole.size());
  for (const size_t length : lengths) {
    if (length >= whole.size()) continue;
    INFO(length << " of " << whole.size() << " bytes");
    REQUIRE(shop.judged(whole.substr(0, length)) == ExitCode::kMalformed);
  }
  CHECK(lengths.size() > shop.bundle.data_at + 1000);
}

TEST_CASE("F010 one byte in a hundred damaged, a thousand times") {
  Shop shop;
  for (unsigned seed = 0; seed < 1000; ++seed) {
    std::mt19937_64 random(seed);
    std::string bytes = shop.bundle.bytes;
    // Anywhere; and beyond the header, where otherwise the first digest ends every try.
    const size_t from = seed % 2 == 0 ? 0 : shop.bundle.data_at;
    for (size_t i = 0; i < (bytes.size() - from) / 100; ++i) {
      bytes[from + random() % (bytes.size() - from)] = static_cast<char>(random());
    }
    REQUIRE(bytes != shop.bundle.bytes);
    INFO("seed " << seed);
    REQUIRE(shop.judged(bytes) != ExitCode::kOk);
  }
  shop.expect_only({ExitCode::kMalformed, ExitCode::kUntrusted, ExitCode::kDigestMismatch});
}

// The same under the right digests and a right signature: what is damaged then reaches the parser
// of the index and zstd. This is what somebody with a trusted key and bad intent could send.
TEST_CASE("F010 one byte in a hundred of a signed index damaged, a thousand times") {
  Shop shop;
  const Prologue prologue = parse_prologue(as_bytes(shop.bundle.bytes).first(kPrologueFrameSize));
  const std::string index = shop.bundle.bytes.substr(shop.bundle.index_at, prologue.index_size);
  for (unsigned seed = 0; seed < 1000; ++seed) {
    std::mt19937_64 random(seed);
    std::string changed = index;
    for (size_t i = 0; i < changed.size() / 100 + 1; ++i) {
      changed[random() % changed.size()] = static_cast<char>(random());
    }
    const auto signatures = encode_signatures({shop.signer.sign(as_bytes(changed))});
    Prologue next = prologue;
    next.index_digest = sha256(as_bytes(changed));
    next.signatures_size = static_cast<uint32_t>(signatures.size());
    std::string bytes{as_text(encode_prologue(next))};
    bytes += as_text(skippable_header(next.index_size));
    bytes += changed;
    bytes += as_text(skippable_header(next.signatures_size));
    bytes += as_text(signatures);
    bytes += shop.bundle.bytes.substr(shop.bundle.data_at);
    INFO("seed " << seed);
    const ExitCode code = shop.judged(bytes);
    // A changed digest of a file or a changed word in meta is a valid index: of another tree.
    const bool is_known =
        code == ExitCode::kMalformed || code == ExitCode::kDigestMismatch || code == ExitCode::kOk;
    REQUIRE(is_known);
    if (code == ExitCode::kOk) {
      REQUIRE(encode_index(parse_index(as_bytes(changed))) ==
              std::vector<std::byte>(as_bytes(changed).begin(), as_bytes(changed).end()));
    }
  }
  CHECK(shop.answers[ExitCode::kMalformed] > 700);
}

TEST_CASE("F010 what is damaged and installed leaves nothing") {
  Shop shop;
  const fs::path file = shop.scratch.path() / "damaged.zst";
  for (unsigned seed = 0; seed < extent(60, 1000); ++seed) {
    std::mt19937_64 random(seed);
    std::string bytes = shop.bundle.bytes;
    const size_t size = bytes.size() - shop.bundle.data_at;
    for (size_t i = 0; i < size / 100; ++i) {
      bytes[shop.bundle.data_at + random() % size] = static_cast<char>(random());
    }
    write_text(file, bytes);
    CHECK(thrown_error([&] { shop.install_file(file); }).code() == ExitCode::kDigestMismatch);
    REQUIRE(!fs::exists(shop.prefix()));
  }
}

}  // namespace
}  // namespace eb
