#include <algorithm>

#include "bundler/cli/commands.hpp"
#include "bundler/cli/json_line.hpp"
#include "bundler/pack/resign.hpp"
#include "bundler/sign/checksums.hpp"
#include "bundler/sign/signing_key.hpp"
#include "installer/format/index.hpp"

namespace eb {
namespace {

struct SignOptions {
  CommonOptions common;
  std::string bundle;
  std::vector<std::string> keys;
};

/// Keys that have signed already. What does not hold is not carried on.
std::vector<SshPublicKey> signers_of(const BundleHeader& header, const std::string& name) {
  std::vector<SshPublicKey> out;
  for (const auto& blob : header.signatures) {
    const SshSignature signature = parse_sshsig(blob);
    if (!verify_sshsig(signature, header.index)) {
      throw Error(ExitCode::kUntrusted, "a signature in the bundle does not hold")
          .where(name)
          .why("by key " + signature.key.fingerprint())
          .hint("build the bundle again: it was changed after it was signed");
    }
    out.push_back(signature.key);
  }
  return out;
}

// Only where it is listed: a bundle alone in a folder gets no list by being signed.
void refresh_checksum(const std::filesystem::path& bundle) {
  const std::filesystem::path folder =
      bundle.has_parent_path() ? bundle.parent_path() : std::filesystem::path(".");
  const std::filesystem::path sums = folder / "SHA256SUMS";
  if (!std::filesystem::is_regular_file(sums)) return;
  const auto text = read_file_at(real_sys(), AT_FDCWD, sums.c_str(), 1u << 20, sums.string());
  const std::string name = bundle.filename().string();
  if (parse_checksums(as_text(text)).contains(name)) {
    update_checksums(folder, {{name, sha256_of_file(bundle)}});
  }
}

ExitCode sign(const SignOptions& options, BundlerEnvironment& environment) {
  const BundleHeader header = read_bundle_header(options.bundle);
  parse_index(header.index);  // nobody signs what no installer would take
  std::vector<SshPublicKey> signers = signers_of(header, options.bundle);
  std::vector<std::vector<std::byte>> blobs = header.signatures;
  const std::string agent = environment.variable_or("SSH_AUTH_SOCK", "");
  nlohmann::ordered_json added = nlohmann::ordered_json::array();
  for (const std::string& file : options.keys) {
    const auto key = load_signing_key(file, agent);
    const std::string fingerprint = key->public_key().fingerprint();
    if (std::find(signers.begin(), signers.end(), key->public_key()) != signers.end()) {
      if (!options.common.json) {
        environment.out << "already signed by " << fingerprint << "\n";
      }
      continue;
    }
    blobs.push_back(make_sshsig(*key, header.index));
    signers.push_back(key->public_key());
    added.push_back(fingerprint);
  }
  if (blobs.size() > kMaxSignatures) {
    throw Error(ExitCode::kUsage, "too many signatures")
        .where(options.bundle)
        .why(std::to_string(blobs.size()) + "; a bundle carries at most " +
             std::to_string(kMaxSignatures));
  }
  if (!added.empty()) {
    replace_signatures(options.bundle, header, blobs);
    refresh_checksum(options.bundle);
  }
  if (options.common.json) {
    const nlohmann::ordered_json record = {{"record", "sign"},
                                           {"bundle", options.bundle},
                                           {"id", header.prologue.index_digest.hex()},
                                           {"added", added},
                                           {"signatures", blobs.size()}};
    environment.out << json_line(record);
    return ExitCode::kOk;
  }
  for (const auto& fingerprint : added) {
    environment.out << "signed by " << fingerprint.get<std::string>() << "\n";
  }
  return ExitCode::kOk;
}

}  // namespace

void add_sign_command(CLI::App& app, ChosenCommand& chosen) {
  auto options = std::make_shared<SignOptions>();
  CLI::App* command = app.add_subcommand("sign", "Add a signature to a bundle");
  command->add_option("BUNDLE", options->bundle, "The bundle; it is replaced when all is done")
      ->required();
  command
      ->add_option(
          "-k,--key", options->keys,
          "OpenSSH private key (Ed25519 or ECDSA P-256), or a public key that the ssh-agent "
          "has; may be repeated")
      ->type_name("FILE")
      ->required()
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  add_common_options(*command, options->common);
  command->footer(
      "\nThe bundle's ID and its data stay as they are. A SHA256SUMS beside it that lists it is "
      "brought up to date.\n"
      "\nExample:\n  envbundle sign pytorch.bundle.zst --key second_key");
  command->callback([options, &chosen] {
    chosen.json = options->common.json;
    chosen.run = [options](BundlerEnvironment& environment) { return sign(*options, environment); };
  });
}

}  // namespace eb
