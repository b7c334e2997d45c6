#include "installer/install/receipt_of.hpp"

#include "installer/install/small_file.hpp"

namespace eb {

Receipt receipt_of(const VerifiedBundle& bundle, const std::string& nonce, const TrustStore& trust,
                   const Host& host) {
  const auto meta = [&](const char* key) {
    const auto at = bundle.index().meta.find(key);
    return at == bundle.index().meta.end() ? std::string() : at->second;
  };
  const AcceptedSignature& accepted = bundle.accepted().front();
  Receipt receipt;
  receipt.id = bundle.id().hex();
  receipt.nonce = nonce;
  receipt.name = meta(meta_key::kName);
  receipt.counter = parse_number(meta(meta_key::kCounter)).value_or(0);
  receipt.epoch = static_cast<int64_t>(parse_number(meta(meta_key::kEpoch)).value_or(0));
  receipt.installed = host.now;
  receipt.installer = EB_VERSION;
  receipt.signer = accepted.fingerprint;
  receipt.trust = trust.origin_of(accepted);
  return receipt;
}

}  // namespace eb
