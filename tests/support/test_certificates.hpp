#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <filesystem>
#include <memory>
#include <string>

namespace eb::test {

struct CertificateOptions {
  std::string subject = "test server";
  std::string alternative_names = "IP:127.0.0.1,DNS:localhost";
  long valid_from_s = -3600;  ///< from now
  long valid_to_s = 3600;
  bool is_authority = false;
  const EVP_MD* digest = EVP_sha256();
};

/// A key and its certificate, made in memory for one test.
class TestIdentity {
 public:
  /// Signed by `issuer`, or by itself when that is nullptr.
  explicit TestIdentity(const CertificateOptions& options, const TestIdentity* issuer = nullptr);

  X509* certificate() const { return certificate_.get(); }
  EVP_PKEY* key() const { return key_.get(); }
  void write_certificate(const std::filesystem::path& path) const;

 private:
  struct Deleter {
    void operator()(X509* certificate) const { X509_free(certificate); }
    void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  };
  std::unique_ptr<EVP_PKEY, Deleter> key_;
  std::unique_ptr<X509, Deleter> certificate_;
};

}  // namespace eb::test
