#include "bundler/lock/lock.hpp"

#include "bundler/artifact/wheel_name.hpp"
#include "bundler/lock/pylock.hpp"
#include "installer/base/rel_path.hpp"
#include "tests/fuzz/fuzz_target.hpp"

namespace {

using namespace eb;

void read_lock(std::string_view text) {
  const Lock lock = parse_lock(text, "fuzz.lock");
  for (const Artifact& artifact : lock.artifacts) {
    fuzz::require(!RelPath::problem(artifact.file_name), "a file's name is a valid path");
    fuzz::require(artifact.file_name.find('/') == std::string::npos, "a file's name is one name");
    fuzz::require(artifact.destination.empty() || !RelPath::problem(artifact.destination),
                  "a destination stays in the release");
  }
  fuzz::require(parse_lock(encode_lock(lock), "written.lock") == lock, "a lock keeps its content");
}

void read_pylock(std::string_view text) {
  static const MarkerEnvironment kTarget = target_environment("linux-x86_64", "3.11.2");
  static const WheelTags kTags("3.11", "linux-x86_64", "2.36");
  const Pylock pylock = parse_pylock(text, "pylock.toml");
  for (const ChosenWheel& chosen : choose_wheels(pylock, kTarget, kTags, "pylock.toml")) {
    fuzz::require(chosen.wheel.digest.has_value(), "a wheel has a digest");
    fuzz::require(kTags.rank(parse_wheel_name(chosen.wheel.file_name)).has_value(),
                  "a wheel fits the target");
  }
}

}  // namespace

// The text as a lock and as a pylock.toml.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = as_text(fuzz::bytes_of(data, size));
  fuzz::accepts([&] { read_lock(text); }, ExitCode::kInvalidLock);
  fuzz::accepts([&] { read_pylock(text); }, ExitCode::kInvalidLock, ExitCode::kUnresolvable);
  return 0;
}
