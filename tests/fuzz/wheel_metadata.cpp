#include <algorithm>

#include "bundler/lock/core_metadata.hpp"
#include "bundler/lock/remote_metadata.hpp"
#include "bundler/manifest/requirement.hpp"
#include "tests/fuzz/fuzz_target.hpp"

namespace {

using namespace eb;

void read_metadata(std::string_view text) {
  static const MarkerEnvironment kTarget = target_environment("linux-x86_64", "3.11.2");
  const CoreMetadata metadata(text);
  metadata.licence();
  for (const std::string& each : metadata.fields("Requires-Dist")) {
    std::string problem;
    const auto requirement = parse_requirement(each, &problem);
    fuzz::require(requirement || !problem.empty(), "a refusal has a reason");
    if (!requirement) continue;
    fuzz::require(normalise_name(requirement->name) == requirement->name, "a name is normal");
    requirement->applies(kTarget, "gpu");
    if (const auto exact = requirement->specifier.exact()) {
      fuzz::require(*exact == *exact && !(*exact < *exact), "a version is itself");
      fuzz::require(requirement->specifier.contains(*exact) || exact->is_prerelease(),
                    "the version that is asked for will do");
    }
  }
  if (const auto specifier = VersionSpecifier::parse(metadata.field("Requires-Python"))) {
    specifier->contains(*PythonVersion::parse("3.11.2"));
  }
}

}  // namespace

// METADATA of a wheel: the input as its text, and as a wheel on a server that is read in parts.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = as_text(fuzz::bytes_of(data, size));
  read_metadata(text);
  const auto remote = read_metadata_by_ranges(
      size, [&](uint64_t offset, uint64_t wanted) -> std::optional<std::string> {
        fuzz::require(offset <= size && wanted <= size - offset, "a part is one of the file");
        return std::string(text.substr(offset, wanted));
      });
  if (remote) read_metadata(*remote);
  return 0;
}
