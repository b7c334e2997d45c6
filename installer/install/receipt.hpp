#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "installer/base/sys.hpp"

namespace eb {

inline constexpr char kBundleDir[] = ".bundle";  ///< in a release: what is of the bundle itself
inline constexpr char kIndexFile[] = "index";
inline constexpr char kSignaturesFile[] = "signatures";
inline constexpr char kReceiptFile[] = "receipt";

/// What an install leaves in a release's .bundle/receipt: lines of "key value". A note for people
/// and for later runs; nothing in it is trusted, and a release without one works.
struct Receipt {
  std::string id;     ///< SHA-256 of the index, hexadecimal
  std::string nonce;  ///< of the run that published it: tells a lost reply from another's work
  std::string name;   ///< the bundle's name and release counter (0 = none)
  uint64_t counter = 0;
  int64_t epoch = 0;      ///< the bundle's own time
  int64_t installed = 0;  ///< when, by this machine's clock
  std::string installer;  ///< version
  std::string signer;     ///< fingerprint of the first key that counted
  std::string trust;      ///< where that key is named
};

std::string encode_receipt(const Receipt& receipt);
/// nullopt when it is no receipt; unknown keys are skipped.
std::optional<Receipt> parse_receipt(const std::string& text);
/// The receipt of the release in `dir`/`release`.
std::optional<Receipt> read_receipt(Sys& sys, int dir, const std::string& release);

}  // namespace eb
