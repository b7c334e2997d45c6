#include "bundler/cli/commands.hpp"
#include "bundler/cli/json_line.hpp"
#include "bundler/cli/trust_options.hpp"
#include "bundler/cli/verified_file.hpp"
#include "installer/install/size_text.hpp"

namespace eb {
namespace {

struct VerifyOptions {
  CommonOptions common;
  TrustOptions trust;
  std::string bundle;
};

ExitCode verify(const VerifyOptions& options, BundlerEnvironment& environment) {
  ProgressPrinter events(environment.err, progress_style(options.common, environment));
  const TrustPolicy policy =
      trust_policy(options.trust, read_bundle_header(options.bundle), events);
  const VerifiedBundle bundle =
      verify_bundle_file(options.bundle, policy, options.common.threads(), events);
  const IndexTotals sums = totals(bundle.index());
  if (options.common.json) {
    nlohmann::ordered_json signers = nlohmann::ordered_json::array();
    for (const AcceptedSignature& signature : bundle.accepted()) {
      signers.push_back(
          {{"fingerprint", signature.fingerprint}, {"principal", signature.principal}});
    }
    const nlohmann::ordered_json record = {
        {"record", "verify"},      {"bundle", options.bundle},
        {"id", bundle.id().hex()}, {"trust_checked", options.trust.given()},
        {"signers", signers},      {"files", sums.files},
        {"bytes", sums.file_bytes}};
    environment.out << json_line(record);
    return ExitCode::kOk;
  }
  environment.out << "the bundle is whole: " << sums.files << " files, "
                  << size_text(sums.file_bytes) << " in " << bundle.index().frames.size()
                  << " frames\n";
  environment.out << "ID         " << bundle.id().hex() << "\n";
  for (const AcceptedSignature& signature : bundle.accepted()) {
    environment.out << "signed by  " << signature.fingerprint
                    << (signature.principal.empty() ? "" : " (" + signature.principal + ")")
                    << "\n";
  }
  if (!options.trust.given()) {
    environment.out << "Whether these keys are to be trusted was not checked: name a trust file "
                       "with --allowed-signers.\n";
  }
  return ExitCode::kOk;
}

}  // namespace

void add_verify_command(CLI::App& app, ChosenCommand& chosen) {
  auto options = std::make_shared<VerifyOptions>();
  CLI::App* command = app.add_subcommand("verify", "Check a bundle to its last byte");
  command->add_option("BUNDLE", options->bundle, "The bundle")->required();
  add_trust_options(*command, options->trust);
  add_jobs_option(*command, options->common);
  add_common_options(*command, options->common);
  command->footer(
      "\nChecks the signatures, the digest of each frame, its decoding, and the digest of each "
      "file, "
      "as an installer does. Without --allowed-signers or --trust the signatures must hold, "
      "whoever "
      "made them.\n"
      "\nExample:\n  envbundle verify pytorch.bundle.zst --allowed-signers signers");
  command->callback([options, &chosen] {
    chosen.json = options->common.json;
    chosen.run = [options](BundlerEnvironment& environment) {
      return verify(*options, environment);
    };
  });
}

}  // namespace eb
