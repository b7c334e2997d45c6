#include "runtime/image/place.hpp"

#include <sys/auxv.h>
#include <unistd.h>

#include <cctype>
#include <cstdint>
#include <cstdlib>
#include <filesystem>

#include "installer/base/error.hpp"

namespace eb::image {
namespace {

namespace fs = std::filesystem;

// Without /proc: the path given to execve, else argv[0].
std::string find_self(const char* argv0) {
  std::error_code error;
  if (const fs::path self = fs::read_symlink("/proc/self/exe", error); !error) return self.string();
  for (const char* path :
       {reinterpret_cast<const char*>(::getauxval(AT_EXECFN)), argv0}) {  // NOLINT: a number by ABI
    if (path == nullptr) continue;
    if (const fs::path self = fs::canonical(path, error); !error) return self.string();
  }
  throw Error(ExitCode::kIo, "cannot find out where this program stands")
      .where("/proc/self/exe")
      .hint("is /proc mounted?");
}

// FNV-1a: a name, no secret.
uint64_t hash_of(const std::string& text) {
  uint64_t out = 0xcbf29ce484222325u;
  for (const char c : text) out = (out ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return out;
}

// A scheduler ends all processes of a job, the one that serves a mount among them: what one job
// mounts must not be what another one of the same user works with.
std::string job_suffix() {
  for (const char* name : {"SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID", "JOB_ID", "FLUX_JOB_ID"}) {
    const auto value = variable(name);
    if (!value) continue;
    std::string out = "-job";
    for (const char c : *value) {
      if (std::isalnum(static_cast<unsigned char>(c)) != 0 && out.size() < 40) out += c;
    }
    return out;
  }
  return {};
}

std::string hexadecimal(uint64_t number) {
  std::string out(16, '0');
  for (size_t i = 16; i-- > 0; number >>= 4) out[i] = "0123456789abcdef"[number & 15];
  return out;
}

}  // namespace

std::optional<std::string> variable(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr || *value == '\0') return std::nullopt;
  return std::string(value);
}

Place find_place(const char* argv0) {
  Place place;
  place.self = find_self(argv0);
  for (size_t at = place.self.rfind('/'); at != std::string::npos && at > 0;
       at = place.self.rfind('/', at - 1)) {
    place.release = place.self.substr(0, at);
    if (::access(place.image().c_str(), F_OK) != 0) continue;
    place.name = place.self.substr(at + 1);
    place.key = hexadecimal(hash_of(place.release)) + job_suffix();
    return place;
  }
  throw Error(ExitCode::kUsage, "this program is not inside a release in image form")
      .where(place.self)
      .why("there is no image.sqfs above it")
      .hint("call it where envinstall --as-image put it");
}

}  // namespace eb::image
