#include "bundler/pack/check_bundle.hpp"

#include <catch2/catch.hpp>

#include "bundler/pack/pack.hpp"
#include "installer/base/error.hpp"
#include "sample_tree.hpp"
#include "tests/support/test_signer.hpp"

namespace eb {
namespace {

using test::read_text;
using test::Scratch;
using test::write_file;

/// A signed bundle, and who is trusted with it.
struct Sample {
  Scratch scratch;
  std::filesystem::path bundle = scratch / "b.zst";
  TrustPolicy policy;

  explicit Sample(const std::function<void(const std::filesystem::path&)>& fill,
                  const PackOptions& options) {
    fill(scratch / "t");
    const auto signer = test::TestSigner::ed25519(1);
    const Tree tree = scan_tree(scratch / "t", 1);
    NullSink events;
    write_bundle(
        tree, plan_pack(tree, test::sample_meta(), options), bundle, options,
        [&](Bytes index) { return std::vector<std::vector<std::byte>>(1, signer.sign(index)); },
        events);
    policy.fingerprints = {signer.key().fingerprint()};
  }
  ExitCode check(unsigned threads = 2) const {
    NullSink events;
    try {
      check_bundle(bundle, policy, threads, events);
    } catch (const Error& error) {
      return error.code();
    }
    return ExitCode::kOk;
  }
};

TEST_CASE("what was packed passes the check, in small frames and in large ones") {
  for (const uint64_t frame : {uint64_t{4096}, uint64_t{65536}, uint64_t{8u << 20}}) {
    const Sample sample(test::make_sample_tree, {.threads = 2, .frame_raw_size = frame});
    CHECK(sample.check(1) == ExitCode::kOk);
    CHECK(sample.check(4) == ExitCode::kOk);
  }
}

TEST_CASE("an empty tree passes") {
  const Sample sample([](const auto& root) { std::filesystem::create_directories(root); }, {});
  CHECK(sample.check() == ExitCode::kOk);
}

TEST_CASE("a signer who is not trusted is refused") {
  Sample sample(test::make_sample_tree, {});
  sample.policy.fingerprints = {"SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"};
  CHECK(sample.check() == ExitCode::kUntrusted);
}

TEST_CASE("a change of any byte is found") {
  const Sample sample(
      [](const auto& root) {
        write_file(root / "bin/x", "#!/bin/sh\necho x\n", true);
        write_file(root / "lib/y", std::string(3000, 'y') + "z");
      },
      {.frame_raw_size = 1024});
  const std::string good = read_text(sample.bundle);
  for (size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 1);
    write_file(sample.bundle, bad);
    INFO("byte " << i << " of " << good.size());
    const ExitCode code = sample.check(1);
    const bool is_expected = code == ExitCode::kMalformed || code == ExitCode::kUntrusted ||
                             code == ExitCode::kDigestMismatch;
    CHECK(is_expected);
  }
  for (size_t size = 0; size < good.size(); size += 7) {
    write_file(sample.bundle, good.substr(0, size));
    CHECK(sample.check(1) == ExitCode::kMalformed);
  }
  write_file(sample.bundle, good + '\0');
  CHECK(sample.check(1) == ExitCode::kMalformed);
}

TEST_CASE("a wrong digest of a file is found although everything else fits") {
  const Scratch scratch;
  write_file(scratch / "t/a", "content");
  Tree tree = scan_tree(scratch / "t", 1);
  tree.entries[0].digest = sha256(as_bytes("other content"));
  const auto signer = test::TestSigner::ed25519(1);
  NullSink events;
  write_bundle(
      tree, plan_pack(tree, test::sample_meta(), {}), scratch / "b.zst", {},
      [&](Bytes index) { return std::vector<std::vector<std::byte>>(1, signer.sign(index)); },
      events);
  TrustPolicy policy;
  policy.fingerprints = {signer.key().fingerprint()};
  try {
    check_bundle(scratch / "b.zst", policy, 1, events);
    FAIL("accepted");
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::kDigestMismatch);
    CHECK(std::string(error.what()) == "a file does not match its digest");
    CHECK(error.where() == "a");
  }
}

}  // namespace
}  // namespace eb
