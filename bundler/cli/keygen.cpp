#include "bundler/cli/commands.hpp"
#include "bundler/cli/json_line.hpp"
#include "bundler/sign/key_pair.hpp"

namespace eb {
namespace {

struct KeygenOptions {
  CommonOptions common;
  std::string file;
  std::string type = "ed25519";
  std::string comment = "envbundle";
};

ExitCode keygen(const KeygenOptions& options, BundlerEnvironment& environment) {
  const std::string type = options.type == "ed25519" ? "ssh-ed25519" : "ecdsa-sha2-nistp256";
  const SshPublicKey key = write_new_key(options.file, type, options.comment);
  if (options.common.json) {
    const nlohmann::ordered_json record = {{"record", "keygen"},
                                           {"private_key", options.file},
                                           {"public_key", options.file + ".pub"},
                                           {"type", key.type},
                                           {"fingerprint", key.fingerprint()}};
    environment.out << json_line(record);
    return ExitCode::kOk;
  }
  environment.out << "private key  " << options.file << "\n"
                  << "public key   " << options.file << ".pub\n"
                  << "fingerprint  " << key.fingerprint() << "\n";
  if (!options.common.quiet) {
    environment.err << "keep the private key secret and a copy of it safe: bundles that it signed "
                       "can be replaced only by bundles that it signs\n";
  }
  return ExitCode::kOk;
}

}  // namespace

void add_keygen_command(CLI::App& app, ChosenCommand& chosen) {
  auto options = std::make_shared<KeygenOptions>();
  CLI::App* command = app.add_subcommand("keygen", "Make a key that signs bundles");
  command->add_option("FILE", options->file, "The private key; the public one is FILE.pub")
      ->required();
  command->add_option("--type", options->type, "ed25519 or ecdsa")
      ->check(CLI::IsMember({"ed25519", "ecdsa"}))
      ->capture_default_str();
  command->add_option("--comment", options->comment, "What the key is called in trust files")
      ->capture_default_str();
  add_common_options(*command, options->common);
  command->footer(
      "\nThe files are those of OpenSSH, without a passphrase: keys of `ssh-keygen -t ed25519` do "
      "as "
      "well.\nAn existing file is never overwritten. With an ECDSA key the signature differs from "
      "build to build; the bundle's ID does not.\n"
      "\nExample:\n  envbundle keygen ~/.config/envbundle/signing_key");
  command->callback([options, &chosen] {
    chosen.json = options->common.json;
    chosen.run = [options](BundlerEnvironment& environment) {
      return keygen(*options, environment);
    };
  });
}

}  // namespace eb
