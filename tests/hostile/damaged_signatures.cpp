#include "corpus_maker.hpp"

namespace eb::test {
namespace {

// L of RFC 8032, little-endian, added to S.
Blob with_s_plus_l(const TestSigner& key, Bytes index) {
  static constexpr unsigned char kOrder[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58,
                                               0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
                                               0,    0,    0,    0,    0,    0,    0,    0,
                                               0,    0,    0,    0,    0,    0,    0,    0x10};
  Blob raw = key.sign_raw(sshsig_signed_data(kSignatureNamespace, "sha512", index));
  unsigned carry = 0;
  for (size_t i = 0; i < 32; ++i) {
    carry += std::to_integer<unsigned>(raw[32 + i]) + kOrder[i];
    raw[32 + i] = static_cast<std::byte>(carry);
    carry >>= 8;
  }
  return key.blob(raw);
}

}  // namespace

void add_damaged_signatures(CorpusMaker& corpus) {
  const TestSigner& key = corpus.shop.signer;
  const TestSigner stranger = TestSigner::ed25519(9);
  const Bytes index = as_bytes(corpus.index);
  const Blob good = key.sign(index);
  corpus.add("signature-none", 11, "an empty list of signatures", corpus.signed_by({}));
  corpus.add("signature-unknown-key", 11, "signed by a key that nobody trusts",
             corpus.signed_by({stranger.sign(index)}));
  corpus.add("signature-of-other-index", 11, "a right signature over something else",
             corpus.signed_by({key.sign(as_bytes("other"))}));
  corpus.add("signature-other-namespace", 11, "made for another namespace",
             corpus.signed_by({key.sign(index, "sha512", "file")}));
  corpus.add("signature-good-and-bad", 11,
             "the trusted key signed, and a damaged second signature is there",
             corpus.signed_by({good, stranger.sign(as_bytes("other"))}));
  Blob changed = good;
  changed.back() ^= std::byte{1};
  corpus.add("signature-one-bit", 11, "one bit of S", corpus.signed_by({changed}));
  corpus.add("signature-s-not-reduced", 11,
             "S + L in place of S: the same signature for a careless verifier",
             corpus.signed_by({with_s_plus_l(key, index)}));
  corpus.add("signature-zeros", 11, "64 zero bytes", corpus.signed_by({key.blob(Blob(64))}));
  corpus.add("signature-short", 11, "63 bytes", corpus.signed_by({key.blob(Blob(63))}));
  corpus.add("signature-hash-md5", 11, "hash md5", corpus.signed_by({key.blob(Blob(64), "md5")}));
  corpus.add("signature-hash-none", 11, "no hash at all",
             corpus.signed_by({key.blob(Blob(64), "")}));
  corpus.add("signature-version-2", 11, "SSHSIG version 2",
             corpus.signed_by(
                 {TestSigner::blob_of(key.wire(), kSignatureNamespace, "sha512", Blob(83), 2)}));
  corpus.add("signature-reserved", 11, "the reserved field is not empty",
             corpus.signed_by({TestSigner::blob_of(key.wire(), kSignatureNamespace, "sha512",
                                                   Blob(83), 1, "x")}));
  Blob rsa;
  append_ssh_string(rsa, as_bytes("ssh-rsa"));
  append_ssh_string(rsa, Blob(3));
  append_ssh_string(rsa, Blob(128, std::byte{1}));
  corpus.add("signature-rsa", 11, "an RSA key",
             corpus.signed_by({TestSigner::blob_of(rsa, kSignatureNamespace, "sha512", Blob(83))}));
  Blob longer = good;
  longer.push_back(std::byte{0});
  corpus.add("signature-byte-after", 11, "a byte after the SSHSIG blob",
             corpus.signed_by({longer}));
  corpus.add("signature-text", 11, "no SSHSIG at all",
             corpus.signed_by({Blob(100, std::byte{'x'})}));
  const std::string list = text_of(encode_signatures({good}));
  const auto with_list = [&corpus](const std::string& text) {
    return corpus.put_together(corpus.index, text, corpus.data);
  };
  std::string text = list;
  text.replace(8, 4, number<uint32_t>(2));
  corpus.add("signature-count-2-of-1", 10, "the list says two and has one", with_list(text));
  text.replace(8, 4, number<uint32_t>(~0u));
  corpus.add("signature-count-max", 10, "the list says 2^32-1", with_list(text));
  text.replace(8, 4, number<uint32_t>(0));
  corpus.add("signature-count-0-of-1", 10, "the list says none and has one", with_list(text));
  corpus.add("signature-list-longer", 10, "bytes after the list", with_list(list + "xx"));
  corpus.add("signature-list-magic", 10, "the list begins otherwise",
             with_list("EBSIGNX" + list.substr(7)));
  text = list;
  text.replace(12, 4, number<uint32_t>(~0u));
  corpus.add("signature-size-max", 10, "a signature of 2^32-1 bytes", with_list(text));
}

}  // namespace eb::test
