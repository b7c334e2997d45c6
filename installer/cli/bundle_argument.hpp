#pragma once

#include <memory>
#include <string>

#include "installer/base/events.hpp"
#include "installer/cli/command_line.hpp"
#include "installer/cli/environment.hpp"
#include "installer/format/verified_bundle.hpp"
#include "installer/install/bundle_source.hpp"
#include "installer/install/host.hpp"
#include "installer/install/trust_store.hpp"

namespace eb {

/// A bundle that was named on the command line, opened and verified.
struct OpenedBundle {
  std::unique_ptr<BundleSource> source;
  TrustStore trust;
  VerifiedBundle bundle;
};

/// `name` is a path, or "-" for the environment's input. Throws Error.
OpenedBundle open_named_bundle(const std::string& name, const TrustArguments& trust,
                               const Host& host, Environment& environment, EventSink& events);

/// Where the lists of keys lie that are read without being named. "" = there is no such place.
struct TrustPlaces {
  std::string user_file, user_revoked;  ///< below $XDG_CONFIG_HOME/envinstall
  std::string site_file, site_revoked;  ///< below /etc/envinstall
};
TrustPlaces trust_places(const Host& host, const Environment& environment);

/// What the command line says about trust, where the usual files lie, clock and FIPS mode.
TrustSettings trust_settings(const TrustArguments& arguments, const Host& host,
                             Environment& environment);

/// What the command line and the usual files say about trust.
TrustStore load_trust(const TrustArguments& arguments, const Host& host, Environment& environment,
                      EventSink& events);

/// "SHA256:… (principal), trusted by …": one line an accepted signature.
std::string signer_text(const AcceptedSignature& signature, const TrustStore& trust);

/// True when the argument is a folder, so a prefix; a bundle otherwise.
bool is_folder(Sys& sys, const std::string& path);

}  // namespace eb
