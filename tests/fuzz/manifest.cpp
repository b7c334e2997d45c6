#include "bundler/manifest/manifest.hpp"

#include "bundler/manifest/requirement.hpp"
#include "installer/base/rel_path.hpp"
#include "tests/fuzz/fuzz_target.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace eb;
  const std::string_view text = as_text(fuzz::bytes_of(data, size));
  // No other file is read: what an input names could be a device.
  if (text.find("extends") != text.npos || text.find("pylock") != text.npos) return 0;
  fuzz::accepts(
      [&] {
        const Manifest manifest = parse_manifest(text, "fuzz.toml", "/nonexistent");
        fuzz::require(!RelPath::problem(manifest.name), "a name can be a folder's");
        fuzz::require(manifest.digest == sha256(as_bytes(text)), "the digest is the text's");
        for (const std::string& each : manifest.requirements) {
          const auto requirement = parse_requirement(each);
          fuzz::require(requirement.has_value(), "a requirement was checked");
          fuzz::require(normalise_name(requirement->name) == requirement->name,
                        "a name is normal once it was normalised");
        }
        for (const ManifestItem& item : manifest.items) {
          fuzz::require(item.destination.empty() || !RelPath::problem(item.destination),
                        "a destination stays in the release");
          fuzz::require(!item.is_url || (item.digest && item.size_bytes),
                        "what is downloaded is known before");
        }
      },
      ExitCode::kInvalidLock, ExitCode::kUnresolvable);
  return 0;
}
