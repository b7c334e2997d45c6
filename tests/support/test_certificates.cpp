#include "tests/support/test_certificates.hpp"

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <stdexcept>

namespace eb::test {
namespace {

void require(bool ok, const char* step) {
  if (!ok) throw std::runtime_error(std::string("cannot make a test certificate: ") + step);
}

void add_extension(X509* certificate, X509* issuer, int kind, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, kind, value);
  require(extension != nullptr, value);
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

}  // namespace

TestIdentity::TestIdentity(const CertificateOptions& options, const TestIdentity* issuer)
    : key_(EVP_EC_gen("P-256")), certificate_(X509_new()) {
  require(key_ && certificate_, "key");
  X509* const certificate = certificate_.get();
  X509_set_version(certificate, X509_VERSION_3);
  uint32_t serial = 0;
  require(RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof serial) == 1, "serial");
  ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), uint64_t{serial} + 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate), options.valid_from_s);
  X509_gmtime_adj(X509_getm_notAfter(certificate), options.valid_to_s);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(options.subject.c_str()), -1,
                             -1, 0);
  X509* const parent = issuer != nullptr ? issuer->certificate() : certificate;
  X509_set_issuer_name(certificate, X509_get_subject_name(parent));
  X509_set_pubkey(certificate, key_.get());
  if (options.is_authority) {
    add_extension(certificate, parent, NID_basic_constraints, "critical,CA:TRUE");
    add_extension(certificate, parent, NID_key_usage, "critical,keyCertSign,cRLSign");
  } else {
    add_extension(certificate, parent, NID_basic_constraints, "critical,CA:FALSE");
    add_extension(certificate, parent, NID_subject_alt_name, options.alternative_names.c_str());
  }
  add_extension(certificate, parent, NID_subject_key_identifier, "hash");
  EVP_PKEY* const signer = issuer != nullptr ? issuer->key() : key_.get();
  require(X509_sign(certificate, signer, options.digest) > 0, "signature");
}

void TestIdentity::write_certificate(const std::filesystem::path& path) const {
  std::FILE* file = std::fopen(path.c_str(), "w");
  require(file != nullptr, "file");
  const int written = PEM_write_X509(file, certificate_.get());
  std::fclose(file);
  require(written == 1, "file");
}

}  // namespace eb::test
