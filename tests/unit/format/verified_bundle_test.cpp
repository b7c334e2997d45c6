#include "installer/format/verified_bundle.hpp"

#include "installer/base/bytes.hpp"
#include "tests/support/test_signer.hpp"
#include "tests/support/thrown_error.hpp"
#include "tests/unit/format/sample_index.hpp"

using namespace eb;
using Catch::Matchers::Contains;
using test::IndexBuilder;
using test::sample_index;
using test::TestSigner;
using test::thrown_error;
using Blob = std::vector<std::byte>;

namespace {

/// What stands before the data of a bundle.
struct Header {
  Prologue prologue;
  Blob index;
  Blob signatures;

  VerifiedBundle verify(const TrustPolicy& policy) const {
    return verify_header(prologue, index, signatures, policy);
  }
};

Header header_of(Blob index, const std::vector<Blob>& blobs, uint64_t data_size = 100) {
  Header out;
  out.index = std::move(index);
  out.signatures = encode_signatures(blobs);
  out.prologue.index_size = static_cast<uint32_t>(out.index.size());
  out.prologue.signatures_size = static_cast<uint32_t>(out.signatures.size());
  out.prologue.data_size = data_size;
  out.prologue.index_digest = sha256(out.index);
  return out;
}

Header signed_by(const std::vector<TestSigner>& signers, const Index& index = sample_index()) {
  const Blob data = encode_index(index);
  std::vector<Blob> blobs;
  for (const TestSigner& signer : signers) blobs.push_back(signer.sign(data));
  return header_of(data, blobs);
}

AllowedSigner allowed(const TestSigner& signer, const std::string& principal = "release@example") {
  AllowedSigner out;
  out.principals = principal;
  out.key = signer.key();
  return out;
}

TrustPolicy trusting(const std::vector<TestSigner>& signers, unsigned required = 1) {
  TrustPolicy policy;
  for (const TestSigner& signer : signers) policy.signers.push_back(allowed(signer));
  policy.required_signatures = required;
  policy.now = 1'700'000'000;
  policy.origin = "site/allowed_signers";
  return policy;
}

Error refusal(const Header& header, const TrustPolicy& policy) {
  return thrown_error([&] { header.verify(policy); });
}

const TestSigner& alice() {
  static const TestSigner signer = TestSigner::ed25519(1);
  return signer;
}
const TestSigner& bob() {
  static const TestSigner signer = TestSigner::p256();
  return signer;
}
const TestSigner& mallory() {
  static const TestSigner signer = TestSigner::ed25519(66);
  return signer;
}

}  // namespace

TEST_CASE("a bundle that is trusted") {
  const Header header = signed_by({alice()});
  const VerifiedBundle bundle = header.verify(trusting({alice()}));
  CHECK(bundle.index() == sample_index());
  CHECK(bundle.id() == sha256(header.index));
  CHECK(bundle.release_name() == "sample-" + sha256(header.index).hex().substr(0, 16));
  CHECK(bundle.index_bytes() == header.index);
  CHECK(bundle.signature_bytes() == header.signatures);
  CHECK(bundle.prologue() == header.prologue);
  REQUIRE(bundle.accepted().size() == 1);
  CHECK(bundle.accepted()[0].fingerprint == alice().key().fingerprint());
  CHECK(bundle.accepted()[0].principal == "release@example");
}

TEST_CASE("a key may be trusted by its fingerprint") {
  TrustPolicy policy = trusting({});
  policy.fingerprints = {bob().key().fingerprint()};
  const VerifiedBundle bundle = signed_by({bob()}).verify(policy);
  REQUIRE(bundle.accepted().size() == 1);
  CHECK(bundle.accepted()[0].principal.empty());
  // Another fingerprint, a shorter one, none.
  const std::string good = policy.fingerprints[0];
  for (const std::string& bad :
       {mallory().key().fingerprint(), good.substr(0, good.size() - 1), good + "=", good.substr(7),
        std::string("SHA256:"), std::string("")}) {
    policy.fingerprints = {bad};
    CHECK(refusal(signed_by({bob()}), policy).code() == ExitCode::kUntrusted);
  }
}

TEST_CASE("F031_no_signature") {
  const Error error = refusal(header_of(encode_index(sample_index()), {}), trusting({alice()}));
  CHECK(error.code() == ExitCode::kUntrusted);
  CHECK(std::string(error.what()) == "the bundle carries no signature");
}

TEST_CASE("F032_unknown_key") {
  const std::string fingerprint = mallory().key().fingerprint();
  Error error = refusal(signed_by({mallory()}), trusting({alice(), bob()}));
  CHECK(error.code() == ExitCode::kUntrusted);
  CHECK(std::string(error.what()) == "the bundle is signed by a key that is not trusted here");
  CHECK(error.why() ==
        "signed by " + fingerprint + "; trusted here: 2 keys of site/allowed_signers");
  REQUIRE(error.hints().size() == 2);
  CHECK(error.hints()[1] == "if it is the same, give --trust " + fingerprint +
                                ", or --allowed-signers FILE with the publisher's key");
  error = refusal(signed_by({mallory(), bob()}), trusting({}));
  CHECK(error.why() ==
        "signed by " + fingerprint + ", " + bob().key().fingerprint() + "; no key is trusted here");
}

TEST_CASE("F033_bad_signature_of_a_trusted_key") {
  const Blob index = encode_index(sample_index());
  const Error error =
      refusal(header_of(index, {alice().sign(as_bytes("another index"))}), trusting({alice()}));
  CHECK(error.code() == ExitCode::kUntrusted);
  CHECK(std::string(error.what()) == "a signature does not match the index");
  CHECK(error.where() == "signature 1 of 1, by " + alice().key().fingerprint());
}

TEST_CASE("F034_one_key_that_signs_twice_counts_once") {
  const Header twice = signed_by({bob(), bob()});  // ECDSA: two different signatures
  CHECK(twice.verify(trusting({bob()})).accepted().size() == 1);
  const Error error = refusal(twice, trusting({bob(), alice()}, 2));
  CHECK(error.code() == ExitCode::kUntrusted);
  CHECK(std::string(error.what()) == "the bundle has too few trusted signatures");
  CHECK(error.why() == "2 keys required, 1 counts; trusted here: 2 keys of site/allowed_signers");
  // The same key trusted twice, by line and by fingerprint, is still one key.
  TrustPolicy policy = trusting({bob(), bob()}, 2);
  policy.fingerprints = {bob().key().fingerprint()};
  CHECK(refusal(twice, policy).code() == ExitCode::kUntrusted);
}

TEST_CASE("F034 a key that a list names twice is one key to a person, too") {
  TrustPolicy policy = trusting({alice()}, 2);
  policy.signers.push_back(allowed(alice(), "another@example"));
  CHECK(refusal(signed_by({alice()}), policy).why() ==
        "2 keys required, 1 counts; trusted here: 1 key of site/allowed_signers");
}

TEST_CASE("a key that is listed for another namespace is told from an unknown one") {
  TrustPolicy policy = trusting({alice()});
  policy.signers[0].namespaces = "git,file";
  const std::string fingerprint = alice().key().fingerprint();
  Error error = refusal(signed_by({alice()}), policy);
  CHECK(error.code() == ExitCode::kUntrusted);
  CHECK(error.why() == "signed by " + fingerprint + "; no key is trusted here; " + fingerprint +
                           " is listed for namespaces=\"git,file\", a bundle's is "
                           "envbundle-index@v1");
  // Of two such lines the first is told.
  policy.signers.push_back(policy.signers[0]);
  policy.signers[1].namespaces = "file";
  CHECK(refusal(signed_by({alice()}), policy).why() == error.why());
  // Another line may say more.
  policy.signers[1] = allowed(alice());
  CHECK(signed_by({alice()}).verify(policy).accepted().size() == 1);
  error = refusal(signed_by({mallory()}), policy);
  CHECK(error.why() == "signed by " + mallory().key().fingerprint() +
                           "; trusted here: 1 key of site/allowed_signers");
}

TEST_CASE("two keys of two") {
  const Header both = signed_by({alice(), bob()});
  const VerifiedBundle bundle = both.verify(trusting({bob(), alice()}, 2));
  REQUIRE(bundle.accepted().size() == 2);
  CHECK(bundle.accepted()[0].fingerprint == alice().key().fingerprint());
  CHECK(bundle.accepted()[1].fingerprint == bob().key().fingerprint());
  const Error error = refusal(both, trusting({bob()}, 2));
  CHECK(error.why() == "2 keys required, 1 counts, not trusted: " + alice().key().fingerprint() +
                           "; trusted here: 1 key of site/allowed_signers");
  CHECK(refusal(both, trusting({alice(), bob()}, 3)).code() == ExitCode::kUntrusted);
}

TEST_CASE("a threshold of zero is one") {
  CHECK(refusal(signed_by({mallory()}), trusting({alice()}, 0)).code() == ExitCode::kUntrusted);
  CHECK(refusal(header_of(encode_index(sample_index()), {}), trusting({alice()}, 0)).code() ==
        ExitCode::kUntrusted);
}

TEST_CASE("F035_one_good_and_one_bad_signature") {
  const Blob index = encode_index(sample_index());
  const Blob good = alice().sign(index);
  const auto refused = [&](const Blob& second) {
    for (const auto& blobs : {std::vector<Blob>{good, second}, std::vector<Blob>{second, good}}) {
      const Error error = refusal(header_of(index, blobs), trusting({alice(), bob()}));
      CHECK(error.code() == ExitCode::kUntrusted);
      CHECK_THAT(error.where(), Contains(" of 2"));
    }
  };
  refused(bob().sign(as_bytes("another")));
  refused(mallory().sign(as_bytes("another")));
  refused(Blob{std::byte{1}});
  refused(bob().sign(index, "sha512", "git"));
  // A good one by an unknown key does no harm.
  CHECK(header_of(index, {good, mallory().sign(index)})
            .verify(trusting({alice()}))
            .accepted()
            .size() == 1);
}

TEST_CASE("F036 a revoked key never counts, whoever names it") {
  const Header header = signed_by({alice()});
  const std::string fingerprint = alice().key().fingerprint();
  TrustPolicy policy = trusting({alice()});
  policy.revoked = {{fingerprint, "site/revoked_keys, line 3"}};
  Error error = refusal(header, policy);
  CHECK(error.code() == ExitCode::kUntrusted);
  CHECK(std::string(error.what()) == "the bundle is signed by a revoked key");
  CHECK(error.why() ==
        fingerprint + " is revoked (site/revoked_keys, line 3); 1 key required, 0 count");
  policy.signers.clear();
  policy.fingerprints = {fingerprint};
  CHECK(refusal(header, policy).code() == ExitCode::kUntrusted);
  policy.allow_expired = true;
  CHECK(refusal(header, policy).code() == ExitCode::kUntrusted);
  // Another key's revocation has nothing to do with it.
  policy.revoked = {{mallory().key().fingerprint(), "x"}};
  CHECK(header.verify(policy).accepted().size() == 1);
}

TEST_CASE("F036 with another key that counts the revoked one does no harm, and is told") {
  const Header header = signed_by({alice(), bob()});
  TrustPolicy policy = trusting({alice(), bob()});
  policy.revoked = {{alice().key().fingerprint(), "list, line 1"}};
  const VerifiedBundle bundle = header.verify(policy);
  REQUIRE(bundle.accepted().size() == 1);
  CHECK(bundle.accepted()[0].fingerprint == bob().key().fingerprint());
  REQUIRE(bundle.notes().size() == 1);
  CHECK(bundle.notes()[0] == "the key " + alice().key().fingerprint() +
                                 " is revoked (list, line 1): its signature does not count");
  policy.required_signatures = 2;
  CHECK(std::string(refusal(header, policy).what()) == "the bundle is signed by a revoked key");
  CHECK(revoked_signers({parse_sshsig(parse_signatures(header.signatures)[0])}, policy) ==
        std::vector<std::string>{alice().key().fingerprint() + " (list, line 1)"});
  CHECK(revoked_signers({parse_sshsig(parse_signatures(header.signatures)[1])}, policy).empty());
}

TEST_CASE("in FIPS mode only ECDSA P-256 counts") {
  TrustPolicy policy = trusting({alice(), bob()});
  policy.fips = true;
  const Error error = refusal(signed_by({alice()}), policy);
  CHECK(error.code() == ExitCode::kUntrusted);
  CHECK(std::string(error.what()) == "no signature of the bundle counts in FIPS mode");
  CHECK(error.why() ==
        alice().key().fingerprint() + " is of type ssh-ed25519, which FIPS mode leaves out");
  CHECK(signed_by({bob()}).verify(policy).accepted().size() == 1);
  const VerifiedBundle both = signed_by({alice(), bob()}).verify(policy);
  REQUIRE(both.accepted().size() == 1);
  CHECK(both.accepted()[0].fingerprint == bob().key().fingerprint());
  CHECK(both.notes().size() == 1);
  // A fingerprint changes nothing about the algorithm, and an unknown key stays unknown.
  policy.fingerprints = {alice().key().fingerprint()};
  CHECK(std::string(refusal(signed_by({alice()}), policy).what()) ==
        "no signature of the bundle counts in FIPS mode");
  CHECK(std::string(refusal(signed_by({mallory()}), policy).what()) ==
        "the bundle is signed by a key that is not trusted here");
  // One of two that are wanted: it does count.
  policy.required_signatures = 2;
  const Error one = refusal(signed_by({alice(), bob()}), policy);
  CHECK(std::string(one.what()) == "too few signatures of the bundle count in FIPS mode");
  CHECK(one.why() == alice().key().fingerprint() +
                         " is of type ssh-ed25519, which FIPS mode leaves out; 2 keys required, 1 "
                         "counts");
  // Where two are asked for and one is there, FIPS mode is not what is in the way.
  const Error too_few = refusal(signed_by({alice()}), policy);
  CHECK(too_few.code() == ExitCode::kUntrusted);
  CHECK(std::string(too_few.what()) == "the bundle is signed by a key that is not trusted here");
  CHECK_THAT(too_few.why(), Contains("is of type ssh-ed25519, which FIPS mode leaves out"));
}

TEST_CASE("F037 an expired key counts where somebody said so, and that is told") {
  const Header header = signed_by({alice()});
  TrustPolicy policy = trusting({alice()});
  policy.signers[0].valid_before = 1'600'000'000;
  const Error error = refusal(header, policy);
  CHECK(error.code() == ExitCode::kPolicy);
  CHECK_THAT(error.hints().back(), Contains("--allow-expired"));
  policy.allow_expired = true;
  const VerifiedBundle bundle = header.verify(policy);
  CHECK(bundle.accepted().size() == 1);
  REQUIRE(bundle.notes().size() == 1);
  CHECK_THAT(bundle.notes()[0], Contains("and counts because of --allow-expired"));
  // F038: there is no such permission for a key whose time has not come.
  policy.signers[0].valid_before.reset();
  policy.signers[0].valid_after = 1'900'000'000;
  CHECK(refusal(header, policy).code() == ExitCode::kPolicy);
}

TEST_CASE("F043 a key's time goes by the bundle's own time where the clock is behind it") {
  const Header header = signed_by({alice()});  // made at 1,700,000,000
  TrustPolicy policy = trusting({alice()});
  policy.now = 0;
  policy.signers[0].valid_after = 1'600'000'000;
  CHECK(header.verify(policy).accepted().size() == 1);
  policy.signers[0].valid_after = 1'700'000'001;
  CHECK(refusal(header, policy).code() == ExitCode::kPolicy);
  // A clock in 1970 brings no key back that was over when the bundle was made.
  policy.signers[0].valid_after.reset();
  policy.signers[0].valid_before = 1'699'999'999;
  const Error error = refusal(header, policy);
  CHECK(error.code() == ExitCode::kPolicy);
  CHECK_THAT(error.why(), Contains("it is now 2023-11-14T22:13:20Z"));
  policy.signers[0].valid_before = 1'700'000'000;
  CHECK(header.verify(policy).accepted().size() == 1);
  // A clock that is ahead is believed: only later than the end refuses.
  policy.now = 4'000'000'000;
  CHECK(refusal(header, policy).code() == ExitCode::kPolicy);
}

TEST_CASE("F037_F038_key_outside_its_time") {
  Index old = sample_index();
  old.meta["epoch"] = "0";
  const Header header = signed_by({alice()}, old);
  TrustPolicy policy = trusting({alice()});
  AllowedSigner& line = policy.signers[0];
  line.valid_after = 1'600'000'000;
  line.valid_before = 1'650'000'000;
  const std::string fingerprint = alice().key().fingerprint();

  Error error = refusal(header, policy);
  CHECK(error.code() == ExitCode::kPolicy);
  CHECK(std::string(error.what()) == "the signing key is not valid at this time");
  CHECK(error.why() == fingerprint + " was valid only until 2022-04-15T05:20:00Z; it is now " +
                           "2023-11-14T22:13:20Z");
  policy.now = 0;
  error = refusal(header, policy);
  CHECK(error.code() == ExitCode::kPolicy);
  CHECK(error.why() == fingerprint + " is valid only from 2020-09-13T12:26:40Z on; it is now " +
                           "1970-01-01T00:00:00Z");
  for (const int64_t now : {1'600'000'000, 1'649'999'999, 1'650'000'000}) {
    policy.now = now;
    CHECK(header.verify(policy).accepted().size() == 1);
  }
  for (const int64_t now : {1'599'999'999, 1'650'000'001}) {
    policy.now = now;
    CHECK(refusal(header, policy).code() == ExitCode::kPolicy);
  }
  // A second line for the same key, or its fingerprint, is a reason of its own.
  policy.signers.push_back(allowed(alice()));
  CHECK(header.verify(policy).accepted().size() == 1);
  policy.signers.pop_back();
  policy.fingerprints = {fingerprint};
  CHECK(header.verify(policy).accepted().size() == 1);
  // Too few even with the expired key: that is no matter of time.
  policy.fingerprints.clear();
  policy.required_signatures = 2;
  CHECK(refusal(header, policy).code() == ExitCode::kUntrusted);
}

TEST_CASE("a line for other namespaces does not count") {
  const Header header = signed_by({alice()});
  TrustPolicy policy = trusting({alice()});
  for (const char* other : {"git", "", "!envbundle-index@v1,*", "envbundle-index@v2"}) {
    policy.signers[0].namespaces = other;
    CHECK(refusal(header, policy).code() == ExitCode::kUntrusted);
  }
  for (const char* ours : {"envbundle-index@v1", "*", "git,envbundle-*"}) {
    policy.signers[0].namespaces = ours;
    CHECK(header.verify(policy).accepted().size() == 1);
  }
}

TEST_CASE("a signature for another namespace is refused, also by a trusted key") {
  const Blob index = encode_index(sample_index());
  const Error error =
      refusal(header_of(index, {alice().sign(index, "sha512", "git")}), trusting({alice()}));
  CHECK(error.code() == ExitCode::kUntrusted);
  CHECK(std::string(error.what()) == "a signature was made for something else");
  CHECK(error.why() == "its namespace is 'git', that of a bundle is 'envbundle-index@v1'");
}

TEST_CASE("the checks come in their order") {
  // Digest before signatures: nothing is signed here, and that is not what is said.
  Header header = header_of(encode_index(sample_index()), {});
  header.prologue.index_digest = sha256(as_bytes("other"));
  Error error = refusal(header, trusting({alice()}));
  CHECK(error.code() == ExitCode::kDigestMismatch);
  CHECK(std::string(error.what()) == "the index does not match its digest");
  CHECK(error.where() == "bytes 112-" + std::to_string(112 + header.index.size() - 1));
  CHECK_THAT(error.why(), Contains("expected sha256 " + sha256(as_bytes("other")).hex() + ", got " +
                                   sha256(header.index).hex()));
  // Signatures before the index: what is signed here is no index.
  const Bytes text = as_bytes("no index");
  const Blob no_index(text.begin(), text.end());
  CHECK(refusal(header_of(no_index, {mallory().sign(no_index)}), trusting({alice()})).code() ==
        ExitCode::kUntrusted);
  CHECK(refusal(header_of(no_index, {alice().sign(no_index)}), trusting({alice()})).code() ==
        ExitCode::kMalformed);
}

TEST_CASE("sizes that do not agree") {
  Header header = signed_by({alice()});
  ++header.prologue.index_size;
  CHECK(std::string(refusal(header, trusting({alice()})).what()) ==
        "the index of the bundle is cut off");
  header = signed_by({alice()});
  ++header.prologue.signatures_size;
  CHECK(std::string(refusal(header, trusting({alice()})).what()) ==
        "the signature list of the bundle is cut off");
  header = signed_by({alice()});
  ++header.prologue.data_size;
  const Error error = refusal(header, trusting({alice()}));
  CHECK(error.code() == ExitCode::kMalformed);
  CHECK(error.why() == "the prologue states 101 bytes of data, the frames of the index have 100");
}

TEST_CASE("F023_min_installer") {
  const auto with = [](const std::string& version) {
    return signed_by({alice()}, IndexBuilder().meta("min-installer", version).build());
  };
  const Error error = refusal(with("99.1"), trusting({alice()}));
  CHECK(error.code() == ExitCode::kMalformed);
  CHECK(std::string(error.what()) == "the bundle needs a newer installer");
  CHECK(error.why() == "it asks for envinstall 99.1 or newer, this is " EB_VERSION);
  CHECK(with(EB_VERSION).verify(trusting({alice()})).accepted().size() == 1);
  CHECK(with("0").verify(trusting({alice()})).accepted().size() == 1);
}

TEST_CASE("F009_every_bit_of_a_header_counts") {
  // Prologue, index and two signatures as they stand in a file, the frame headers too.
  const Header header = signed_by({alice(), bob()});
  Blob file = encode_prologue(header.prologue);
  const auto append = [&file](const Blob& more) {
    file.insert(file.end(), more.begin(), more.end());
  };
  append(skippable_header(header.prologue.index_size));
  append(header.index);
  append(skippable_header(header.prologue.signatures_size));
  append(header.signatures);
  const TrustPolicy policy = trusting({alice()});
  const auto verify = [&policy](const Blob& bytes) {
    const Bytes all(bytes);
    const Prologue p = parse_prologue(all.first(kPrologueFrameSize));
    const Bytes index = all.subspan(p.index_offset(), p.index_size);
    const Bytes signatures = all.subspan(p.signatures_offset(), p.signatures_size);
    check_skippable_header(all.subspan(p.index_offset() - 8, 8), p.index_size, "index");
    check_skippable_header(all.subspan(p.signatures_offset() - 8, 8), p.signatures_size,
                           "signatures");
    verify_header(p, {index.begin(), index.end()}, {signatures.begin(), signatures.end()}, policy);
  };
  verify(file);
  for (size_t bit = 0; bit < 8 * file.size(); ++bit) {
    CAPTURE(bit);
    Blob damaged = file;
    damaged[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
    ExitCode code = ExitCode::kOk;
    try {
      verify(damaged);
    } catch (const Error& error) {
      code = error.code();
    }
    const size_t byte = bit / 8;
    const size_t index_begin = header.prologue.index_offset();
    const size_t index_end = index_begin + header.index.size();
    if (byte >= index_begin && byte < index_end) {
      REQUIRE(code == ExitCode::kDigestMismatch);
    } else if (byte >= header.prologue.signatures_offset()) {
      REQUIRE((code == ExitCode::kUntrusted || code == ExitCode::kMalformed));
    } else {
      REQUIRE(code == ExitCode::kMalformed);
    }
  }
}
