#include "installer/install/trust_anchors.hpp"

#include <algorithm>
#include <vector>

#include "installer/base/error.hpp"

namespace eb {
namespace {

struct TrustSection {
  char magic[32];
  char text[kMaxTrustText];
};
static_assert(sizeof(TrustSection) == kTrustSectionSize);

// volatile: what the compiler sees here is not what the finished program holds.
__attribute__((section(".envinstall_trust"), used, aligned(32)))
const volatile TrustSection kSection = {
    {'e', 'n', 'v', 'i', 'n', 's', 't', 'a', 'l', 'l', ' ', 't',  'r',  'u',    's',  't',
     ' ', 'a', 'n', 'c', 'h', 'o', 'r', 's', ' ', 'v', '1', '\r', '\n', '\x1a', '\n', '\0'},
    {}};

}  // namespace

std::string parse_trust_section(Bytes section) {
  const auto refuse = [](const char* why) {
    throw Error(ExitCode::kUntrusted, "the trust anchors of this installer are damaged")
        .where(std::string("section ") + kTrustSectionName)
        .why(why)
        .hint("copy envinstall again and compare its sha256 with the one in SHA256SUMS");
  };
  if (section.size() != kTrustSectionSize) refuse("the section does not have its size");
  const std::string_view bytes = as_text(section);
  if (!bytes.starts_with(kTrustMagic)) refuse("the section does not begin as it should");
  const std::string_view text = bytes.substr(kTrustMagic.size());
  const size_t end = std::min(text.find('\0'), text.size());
  if (text.find_first_not_of('\0', end) != std::string_view::npos) {
    refuse("there is something after the end of the text");
  }
  return std::string(text.substr(0, end));
}

std::string own_trust_anchors() {
  std::vector<std::byte> copy(kTrustSectionSize);
  const auto* from = reinterpret_cast<const volatile std::byte*>(&kSection);
  for (size_t i = 0; i < copy.size(); ++i) copy[i] = from[i];
  return parse_trust_section(copy);
}

}  // namespace eb
