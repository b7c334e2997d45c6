#include "installer/cli/bundle_argument.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include "installer/install/open_bundle.hpp"

namespace eb {

TrustStore load_trust(const TrustArguments& arguments, const Host& host, Environment& environment,
                      EventSink& events) {
  TrustSettings options;
  if (!arguments.allowed_signers.empty()) options.allowed_signers = arguments.allowed_signers;
  options.fingerprints = arguments.fingerprints;
  options.required_signatures = arguments.required_signatures;
  std::string config = environment.variable("XDG_CONFIG_HOME");
  // The specification: a relative path is to be ignored.
  if (!config.starts_with('/')) config = host.home.empty() ? "" : host.home + "/.config";
  if (!config.empty()) options.user_file = config + "/envinstall/allowed_signers";
  options.site_file = environment.root + "/etc/envinstall/allowed_signers";
  options.anchors = environment.anchors;
  options.uid = host.uid;
  options.now = host.now;
  return TrustStore::load(environment.sys, options, events);
}

OpenedBundle open_named_bundle(const std::string& name, const TrustArguments& trust,
                               const Host& host, Environment& environment, EventSink& events) {
  std::unique_ptr<BundleSource> source =
      name == "-" ? open_bundle_stream(environment.sys, environment.input, environment.stop)
                  : open_bundle_file(environment.sys, name);
  UnverifiedHeader header = read_bundle_header(*source);
  TrustStore store = load_trust(trust, host, environment, events);
  VerifiedBundle bundle = verify_bundle_header(std::move(header), store.policy(), source->name());
  return {std::move(source), std::move(store), std::move(bundle)};
}

std::string signer_text(const AcceptedSignature& signature, const TrustStore& trust) {
  return signature.fingerprint +
         (signature.principal.empty() ? "" : " (" + signature.principal + ")") + ", trusted by " +
         trust.origin_of(signature);
}

bool is_folder(Sys& sys, const std::string& path) {
  struct stat info {};
  return sys.fstatat(AT_FDCWD, path.c_str(), &info, 0) == 0 && S_ISDIR(info.st_mode);
}

}  // namespace eb
