#include "installer/cli/bundle_argument.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>

#include "installer/install/open_bundle.hpp"
#include "installer/install/small_file.hpp"

namespace eb {

namespace {

// What the kernel was started with (fips=1). In a container it is the host's.
bool machine_is_in_fips_mode(Environment& environment) {
  const auto text = read_small_file(environment.sys, AT_FDCWD,
                                    environment.root + "/proc/sys/crypto/fips_enabled");
  return text && trimmed(*text) == "1";
}

}  // namespace

TrustPlaces trust_places(const Host& host, const Environment& environment) {
  TrustPlaces out;
  std::string config = environment.variable("XDG_CONFIG_HOME");
  // The specification: a relative path is to be ignored.
  if (!config.starts_with('/')) config = host.home.empty() ? "" : host.home + "/.config";
  if (!config.empty()) {
    out.user_file = config + "/envinstall/allowed_signers";
    out.user_revoked = config + "/envinstall/revoked_keys";
  }
  out.site_file = environment.root + "/etc/envinstall/allowed_signers";
  out.site_revoked = environment.root + "/etc/envinstall/revoked_keys";
  return out;
}

TrustSettings trust_settings(const TrustArguments& arguments, const Host& host,
                             Environment& environment) {
  TrustSettings options;
  if (!arguments.allowed_signers.empty()) options.allowed_signers = arguments.allowed_signers;
  options.fingerprints = arguments.fingerprints;
  options.required_signatures = arguments.required_signatures;
  options.revoked_keys = arguments.revoked_keys;
  const TrustPlaces places = trust_places(host, environment);
  options.user_file = places.user_file;
  options.site_file = places.site_file;
  options.user_revoked = places.user_revoked;
  options.site_revoked = places.site_revoked;
  options.anchors = environment.anchors;
  options.uid = host.uid;
  options.now = std::max(host.now, arguments.not_before);
  options.fips =
      arguments.fips == "on" || (arguments.fips == "auto" && machine_is_in_fips_mode(environment));
  options.allow_expired = arguments.allow_expired;
  return options;
}

TrustStore load_trust(const TrustArguments& arguments, const Host& host, Environment& environment,
                      EventSink& events) {
  return TrustStore::load(environment.sys, trust_settings(arguments, host, environment), events);
}

OpenedBundle open_named_bundle(const std::string& name, const TrustArguments& trust,
                               const Host& host, Environment& environment, EventSink& events) {
  std::unique_ptr<BundleSource> source =
      name == "-" ? open_bundle_stream(environment.sys, environment.input, environment.stop)
                  : open_bundle_file(environment.sys, name);
  UnverifiedHeader header = read_bundle_header(*source);
  TrustStore store = load_trust(trust, host, environment, events);
  VerifiedBundle bundle = verify_bundle_header(std::move(header), store.policy(), source->name());
  for (const std::string& note : bundle.notes()) events.on(Warning{note});
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
