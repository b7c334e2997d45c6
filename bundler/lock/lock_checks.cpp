#include "bundler/lock/lock_checks.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <map>

#include "installer/base/error.hpp"

namespace eb {
namespace {

constexpr std::string_view kRuntime = "nvidia-cuda-runtime";

const Artifact* find_wheel(const std::vector<Artifact>& artifacts, std::string_view name) {
  for (const auto& artifact : artifacts) {
    if (artifact.kind == ArtifactKind::kWheel && artifact.name == name) return &artifact;
  }
  return nullptr;
}

/// 12.8.90 → 12.8
std::string first_two_numbers(const std::string& version) {
  return version.substr(0, version.find('.', version.find('.') + 1));
}

}  // namespace

std::string cuda_of_wheels(const std::vector<Artifact>& artifacts) {
  for (const auto& artifact : artifacts) {
    // nvidia-cuda-runtime-cu12, and from CUDA 13 on nvidia-cuda-runtime
    const bool is_runtime =
        artifact.name == kRuntime || artifact.name.starts_with(std::string(kRuntime) + "-cu");
    if (artifact.kind == ArtifactKind::kWheel && is_runtime) {
      return first_two_numbers(artifact.version);
    }
  }
  return "";
}

void check_cuda(const Manifest& manifest, const std::vector<Artifact>& artifacts) {
  if (manifest.cuda.empty()) return;
  const std::string found = cuda_of_wheels(artifacts);
  const Artifact* torch = find_wheel(artifacts, "torch");
  if (found == manifest.cuda) return;
  // A torch with a local version brings its CUDA in the one wheel or from its own index.
  if (found.empty() && torch != nullptr && torch->version.find("+cu") != std::string::npos) return;
  const std::string what = torch == nullptr ? "the wheels" : "torch " + torch->version;
  Error error(ExitCode::kUnresolvable,
              found.empty() ? what + " came without CUDA, the manifest asks for " + manifest.cuda
                            : what + (torch == nullptr ? " are" : " is") + " built for CUDA " +
                                  found + ", the manifest asks for " + manifest.cuda);
  error.where(manifest.cuda_place);
  if (torch != nullptr) {
    error.why("an index has one build of each version without a local part; that is " +
              (found.empty() ? "one for the CPU" : "CUDA " + found) + " here");
  }
  std::string digits = manifest.cuda;
  digits.erase(std::remove(digits.begin(), digits.end(), '.'), digits.end());
  if (!found.empty()) error.hint("write cuda = \"" + found + "\"");
  if (torch != nullptr) {
    error.hint("other builds are on https://download.pytorch.org/whl/cu" + digits +
               " as torch==" + torch->version.substr(0, torch->version.find('+')) + "+cu" + digits +
               "; that index can be named in pip's configuration or with --index-url");
  }
  throw error;
}

bool needs_acceptance(const std::string& licence) {
  std::string text = licence;
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  constexpr std::array<std::string_view, 4> kWords = {"proprietary", "licenseref-nvidia", "eula",
                                                      "end user licen"};
  return std::any_of(kWords.begin(), kWords.end(),
                     [&](auto word) { return text.find(word) != std::string::npos; });
}

void check_licences(const Manifest& manifest, const std::vector<Artifact>& artifacts) {
  std::map<std::string, std::string> open;  // licence → packages
  const auto& accepted = manifest.accepted_licences;
  for (const auto& artifact : artifacts) {
    if (!needs_acceptance(artifact.licence)) continue;
    if (std::find(accepted.begin(), accepted.end(), artifact.licence) != accepted.end()) continue;
    std::string& names = open[artifact.licence];
    names += (names.empty() ? "" : ", ") + artifact.name;
  }
  if (open.empty()) return;
  std::string why;
  std::string list;
  for (const auto& [licence, names] : open) {
    why.append(why.empty() ? "\"" : "; \"").append(licence).append("\": ").append(names);
    list += (list.empty() ? "\"" : ", \"") + licence + "\"";
  }
  throw Error(ExitCode::kPolicy, "licences that the manifest does not accept")
      .where(manifest.file)
      .why(why)
      .hint("read them; who accepts them writes under [licences]: accept = [" + list + "]");
}

}  // namespace eb
