#include "bundler/cli/build_record.hpp"

#include "bundler/cli/pipeline.hpp"
#include "bundler/pack/output_file.hpp"
#include "bundler/sign/checksums.hpp"
#include "installer/base/error.hpp"

namespace eb {
namespace {
constexpr size_t kHexSize = 64;
}

Sha256 recipe_of(const BuildRequest& request) {
  std::string text = "lock " + request.lock.digest.hex() + "\n";
  // The program itself, because a version number says less than its bytes.
  text += "program " + sha256_of_file(request.program).hex() + "\n";
  text += "level " + std::to_string(request.level) + "\n";
  if (request.counter) text += "counter " + std::to_string(*request.counter) + "\n";
  if (request.not_after) text += "not-after " + std::to_string(*request.not_after) + "\n";
  for (const auto& key : request.keys) {
    text += "key " + key->public_key().fingerprint() + "\n";
  }
  return sha256(as_bytes(text));
}

std::optional<Sha256> BuildRecords::find(const Sha256& recipe) const {
  const std::filesystem::path file = folder_ / recipe.hex();
  try {
    const auto text = read_file_at(real_sys(), AT_FDCWD, file.c_str(), kHexSize + 1, file.string());
    return Sha256::from_hex(as_text(text).substr(0, kHexSize));
  } catch (const Error&) {
    // No record, or none that can be read: build.
    return std::nullopt;
  }
}

void BuildRecords::store(const Sha256& recipe, const Sha256& bundle) const {
  std::error_code ignored;
  std::filesystem::create_directories(folder_, ignored);
  try {
    OutputFile file(folder_ / recipe.hex());
    file.write(as_bytes(bundle.hex() + "\n"), 0);
    file.commit();
  } catch (const Error&) {
    // The bundle is there; only the next build of it will take its time again.
    return;
  }
}

}  // namespace eb
