#include "bundler/cli/pipeline.hpp"

#include <algorithm>
#include <ctime>
#include <exception>
#include <future>
#include <memory>
#include <thread>

#include "bundler/cli/build_record.hpp"
#include "bundler/cli/phases_in_turn.hpp"
#include "bundler/cli/release_notes.hpp"
#include "bundler/cli/stage_lock.hpp"
#include "bundler/cli/verified_file.hpp"
#include "bundler/cli/work_folder.hpp"
#include "bundler/demand/demand.hpp"
#include "bundler/pack/frame_compressor.hpp"
#include "bundler/pack/resign.hpp"
#include "bundler/pack/temporaries.hpp"
#include "bundler/sign/checksums.hpp"
#include "bundler/sign/stamp.hpp"
#include "installer/base/error.hpp"
#include "installer/base/version.hpp"
#include "installer/driver/driver_rules.hpp"

namespace eb {
namespace {

constexpr char kTool[] = "envbundle " EB_VERSION;
// README, "Requirements and limits".
constexpr char kMinKernel[] = "3.10";
constexpr char kInstallerName[] = "envinstall";

std::string glibc_version(const Lock& lock) {
  for (const Artifact& artifact : lock.artifacts) {
    if (artifact.kind != ArtifactKind::kDeb || artifact.name != "libc6") continue;
    if (const auto version = DottedVersion::parse_prefix(artifact.version)) return version->str();
  }
  return "";
}

/// The driver that a CUDA toolkit came with; of the newest update where no update is named.
std::optional<std::string> bundled_driver(const std::string& cuda) {
  constexpr int kNewestUpdate = 9;
  const bool names_update = std::count(cuda.begin(), cuda.end(), '.') >= 2;
  for (int update = names_update ? -1 : kNewestUpdate; update >= -1; --update) {
    const auto needs = needs_of_toolkit(update < 0 ? cuda : cuda + "." + std::to_string(update));
    if (needs && needs->is_known && !needs->recommended.empty()) return needs->recommended;
  }
  return std::nullopt;
}

Signer signer_of(const BuildRequest& request) {
  return [&request](Bytes index) {
    std::vector<std::vector<std::byte>> out;
    for (const auto& key : request.keys) out.push_back(make_sshsig(*key, index));
    return out;
  };
}

PackOptions pack_options(const BuildRequest& request) {
  PackOptions options{.level = request.level,
                      .threads = request.threads,
                      .frame_raw_size = frame_raw_size_of(request.level)};
  for (const auto& key : request.keys) {
    if (const auto size = sshsig_size(*key)) options.signature_sizes.push_back(*size);
  }
  // Half a guess is none.
  if (options.signature_sizes.size() != request.keys.size()) options.signature_sizes.clear();
  return options;
}

/// Only these keys, each of them: that is what the bundle was just made with.
TrustPolicy own_policy(const BuildRequest& request) {
  TrustPolicy policy;
  policy.now = std::time(nullptr);
  policy.origin = "the keys of this build";
  for (const auto& key : request.keys) {
    policy.fingerprints.push_back(key->public_key().fingerprint());
  }
  policy.required_signatures = static_cast<unsigned>(request.keys.size());
  return policy;
}

std::string anchors_of(const BuildRequest& request) {
  std::string out;
  for (const auto& key : request.keys) out += allowed_signers_line(*key);
  return out;
}

/// Unpacks what is there while the rest still comes. Where obtaining fails that is the error,
/// whatever follows from it in the staging.
BytecodeResult obtain_and_stage(const BuildRequest& request, const std::filesystem::path& work,
                                Staging& staging, EventSink& events) {
  PhasesInTurn phases(events);
  Arrivals arrivals(request.lock.lock, request.lock.folder);
  std::exception_ptr why_not_obtained;
  std::jthread obtaining([&](const std::stop_token& stop) {
    const auto arrived = [&](const FetchResult& file) { arrivals.arrived(file.digest, file.path); };
    try {
      obtain(request.lock, request.sources, phases.first(), {.obtained = arrived, .stop = stop});
    } catch (...) {
      why_not_obtained = std::current_exception();
      arrivals.close();
    }
    phases.end_first();
  });
  BytecodeResult bytecode;
  std::exception_ptr why_not_staged;
  try {
    bytecode =
        stage_lock(request.lock.lock, arrivals, work, request.threads, staging, phases.second());
  } catch (...) {
    why_not_staged = std::current_exception();
    obtaining.request_stop();
  }
  obtaining.join();
  if (why_not_obtained) std::rethrow_exception(why_not_obtained);
  if (why_not_staged) std::rethrow_exception(why_not_staged);
  return bytecode;
}

/// Returns where the tree was staged, to be removed when there is time for it.
std::unique_ptr<WorkFolder> stage_and_pack(const BuildRequest& request,
                                           const std::filesystem::path& output, EventSink& events) {
  auto work = std::make_unique<WorkFolder>(
      request.work_parent.empty() ? request.folder() : request.work_parent,
      request.output.filename().string());
  Staging staging(work->path() / "release");
  const BytecodeResult bytecode = obtain_and_stage(request, work->path(), staging, events);
  auto meta = bundle_meta(request, bytecode.python_version);
  // What the tree itself demands stands above what the lock was told.
  for (auto& [key, value] : demand_meta(staging, request.lock.lock, request.lock.name,
                                        bundled_driver, request.threads, events)) {
    meta.insert_or_assign(key, value);
  }
  const Tree tree = tree_of(staging);
  const PackOptions options = pack_options(request);
  write_bundle(tree, plan_pack(tree, meta, options), output, options, signer_of(request), events);
  return work;
}

/// Packs under another name; the output gets it when it was found right. Returns the file's digest.
Sha256 make_bundle(const BuildRequest& request, EventSink& events) {
  const std::filesystem::path unverified =
      request.folder() / ("." + request.output.filename().string() + ".unverified");
  const Temporary registration(unverified);
  try {
    std::unique_ptr<WorkFolder> work = stage_and_pack(request, unverified, events);
    // To remove a large tree takes the disk some seconds, to hash the file takes one core.
    const std::jthread removing([&work] { work.reset(); });
    std::future<Sha256> digest = std::async(std::launch::async, sha256_of_file, unverified);
    verify_bundle_file(unverified, own_policy(request), request.threads, events);
    const Sha256 out = digest.get();
    std::filesystem::rename(unverified, request.output);
    return out;
  } catch (...) {
    std::error_code ignored;
    std::filesystem::remove(unverified, ignored);
    throw;
  }
}

/// Writes the stamped installer unless it is there already. Returns where.
std::filesystem::path write_installer(const BuildRequest& request) {
  std::filesystem::path target = request.folder() / kInstallerName;
  std::error_code error;
  if (std::filesystem::equivalent(request.installer, target, error)) {
    throw Error(ExitCode::kUsage, "the installer to copy is the one to be written")
        .where(target.string())
        .hint("write the bundle into another folder, or name another --installer");
  }
  write_stamped_installer(request.installer, target, anchors_of(request));
  return target;
}

}  // namespace

std::map<std::string, std::string> bundle_meta(const BuildRequest& request,
                                               const std::string& python_version) {
  const Lock& lock = request.lock.lock;
  std::map<std::string, std::string> meta = {
      {meta_key::kName, lock.manifest_name},
      {meta_key::kVersion, lock.version},
      {meta_key::kPlatform, lock.platform},
      {meta_key::kEpoch, std::to_string(lock.epoch)},
      {meta_key::kTool, kTool},
      {meta_key::kLockDigest, request.lock.digest.hex()},
      {meta_key::kMinInstaller, EB_VERSION},
      {meta_key::kMinKernel, kMinKernel},
      {meta_key::kGlibc, glibc_version(lock)},
      {meta_key::kPython, python_version},
      {meta_key::kCuda, lock.cuda},
      {meta_key::kMinDriver, lock.min_driver},
      {meta_key::kLicences, licence_summary(lock)},
      {meta_key::kCounter,
       std::to_string(request.counter.value_or(static_cast<uint64_t>(lock.epoch)))},
  };
  if (request.not_after) meta[meta_key::kNotAfter] = std::to_string(*request.not_after);
  std::erase_if(meta, [](const auto& pair) { return pair.second.empty(); });
  return meta;
}

BuildReport build_bundle(const BuildRequest& request, EventSink& events) {
  BuildReport report;
  for (const Artifact& artifact : request.lock.lock.artifacts) {
    report.artifact_size_bytes += artifact.size_bytes;
  }
  const BuildRecords records(request.sources.open_cache().directory() / "builds");
  const Sha256 recipe = recipe_of(request);
  const std::optional<Sha256> known = request.force ? std::nullopt : records.find(recipe);
  std::error_code error;
  Sha256 digest;
  if (known && std::filesystem::is_regular_file(request.output, error)) {
    digest = sha256_of_file(request.output);
    report.up_to_date = digest == *known;
  }
  if (!report.up_to_date) {
    digest = make_bundle(request, events);
  }
  report.id = read_bundle_header(request.output).prologue.index_digest;
  report.size_bytes = std::filesystem::file_size(request.output);

  std::map<std::string, Sha256> sums = {{request.output.filename().string(), digest}};
  if (!request.installer.empty()) {
    report.installer = write_installer(request);
    sums[kInstallerName] = sha256_of_file(report.installer);
  }
  update_checksums(request.folder(), sums);
  if (!report.up_to_date) records.store(recipe, digest);
  return report;
}

}  // namespace eb
