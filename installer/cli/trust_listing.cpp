#include "installer/cli/trust_listing.hpp"

#include <algorithm>

#include "installer/base/error.hpp"
#include "installer/base/utc_text.hpp"
#include "installer/cli/bundle_argument.hpp"
#include "installer/cli/report_table.hpp"
#include "installer/install/size_text.hpp"
#include "installer/install/trust_file.hpp"

namespace eb {
namespace {

/// One list of trusted keys.
struct Source {
  std::string kind;  ///< named | user | site | anchors
  std::string file;  ///< or kAnchorsOrigin
  bool counts = false;
  std::string why_not;
  std::string problem;  ///< why it must not be believed
  std::vector<AllowedSigner> signers;
  std::vector<std::string> skipped;
};

void read(Source& source, const std::string& anchors, const Host& host, Sys& sys) {
  try {
    const std::string text =
        source.kind == "anchors" ? anchors : read_trust_file(sys, source.file, host.uid);
    source.signers = parse_allowed_signers(text, source.file, &source.skipped);
  } catch (const Error& error) {
    source.problem =
        std::string(error.what()) + (error.why().empty() ? "" : " (" + error.why() + ")");
  }
}

std::vector<Source> sources(const TrustArguments& arguments, const Host& host,
                            Environment& environment) {
  const TrustPlaces places = trust_places(host, environment);
  const bool is_named = !arguments.allowed_signers.empty();
  std::vector<Source> out;
  const auto put = [&](const char* kind, const std::string& file, std::string why_not) {
    const bool counts = why_not.empty();
    out.push_back({kind, file, counts, std::move(why_not), {}, {}, {}});
    read(out.back(), environment.anchors, host, environment.sys);
  };
  const std::string named_wins = is_named ? "--allowed-signers names another" : "";
  if (is_named) put("named", arguments.allowed_signers, {});
  const bool has_user = trust_file_exists(environment.sys, places.user_file);
  if (has_user) put("user", places.user_file, named_wins);
  if (trust_file_exists(environment.sys, places.site_file)) {
    put("site", places.site_file,
        is_named   ? named_wins
        : has_user ? "the user's list comes before it"
                   : "");
  }
  if (!environment.anchors.empty()) put("anchors", kAnchorsOrigin, named_wins);
  return out;
}

std::string window_text(const AllowedSigner& signer) {
  std::string out;
  if (signer.valid_after) out += "from " + utc_text(*signer.valid_after);
  if (signer.valid_before) {
    out += std::string(out.empty() ? "" : " ") + "until " + utc_text(*signer.valid_before);
  }
  return out.empty() ? "no end" : out;
}

// One word or few: what the list and the clock say of the key.
std::string state_of(const AllowedSigner& signer, const TrustPolicy& policy) {
  const std::string fingerprint = signer.key.fingerprint();
  if (std::ranges::find(policy.revoked, fingerprint, &RevokedKey::fingerprint) !=
      policy.revoked.end()) {
    return "revoked";
  }
  if (signer.namespaces && !pattern_list_matches(*signer.namespaces, kSignatureNamespace)) {
    return "for something else";
  }
  if (signer.valid_after && policy.now < *signer.valid_after) return "not yet valid";
  if (signer.valid_before && policy.now > *signer.valid_before) return "expired";
  if (policy.fips && signer.key.type != "ecdsa-sha2-nistp256") return "not in FIPS mode";
  return "valid";
}

void print_json(const std::vector<Source>& all, const TrustPolicy& policy, std::ostream& out) {
  for (const Source& source : all) {
    print_record(out, {{"record", "trust_source"},
                       {"source", source.kind},
                       {"file", source.file},
                       {"counts", source.counts && source.problem.empty()},
                       {"keys", source.signers.size()},
                       {"problem", source.problem}});
    for (const AllowedSigner& signer : source.signers) {
      const std::string state = state_of(signer, policy);
      print_record(
          out,
          {{"record", "trusted_key"},
           {"source", source.kind},
           {"file", source.file},
           {"line", signer.line},
           {"fingerprint", signer.key.fingerprint()},
           {"type", signer.key.type},
           {"principal", signer.principals},
           {"valid_after", signer.valid_after ? Json(utc_text(*signer.valid_after)) : Json()},
           {"valid_before", signer.valid_before ? Json(utc_text(*signer.valid_before)) : Json()},
           {"state", state},
           {"counts", source.counts && state == "valid"}});
    }
  }
  for (const RevokedKey& key : policy.revoked) {
    print_record(
        out, {{"record", "revoked_key"}, {"fingerprint", key.fingerprint}, {"from", key.origin}});
  }
}

void print_text(const std::vector<Source>& all, const TrustPolicy& policy, std::ostream& out) {
  if (all.empty()) out << "no key is trusted here\n";
  for (const Source& source : all) {
    ReportTable table(out);
    table.headline(source.kind, source.file);
    table.row("counts", !source.problem.empty() ? "no: " + source.problem
                        : source.counts         ? "yes"
                                                : "no: " + source.why_not);
    for (const AllowedSigner& signer : source.signers) {
      table.row("key", signer.key.fingerprint() + " " + signer.key.type);
      table.row("", state_of(signer, policy) + ", " + window_text(signer) + "; " +
                        signer.principals + ", line " + std::to_string(signer.line));
    }
    for (const std::string& line : source.skipped) table.row("skipped", line);
    if (source.kind == "anchors") table.row("note", kAnchorsNote);
  }
  for (const RevokedKey& key : policy.revoked) {
    ReportTable table(out);
    table.headline("revoked", key.fingerprint);
    table.row("from", key.origin);
  }
  if (policy.fips) {
    ReportTable table(out);
    table.headline("fips", kFipsNote);
  }
}

}  // namespace

int list_trust(const TrustArguments& arguments, const OutputOptions& output, const Host& host,
               Environment& environment) {
  const std::vector<Source> all = sources(arguments, host, environment);
  const TrustSettings settings = trust_settings(arguments, host, environment);
  TrustPolicy policy;
  policy.now = settings.now;
  policy.fips = settings.fips;
  policy.revoked = TrustStore::load_revoked(environment.sys, settings);
  if (output.json) {
    print_json(all, policy, environment.out);
  } else {
    print_text(all, policy, environment.out);
  }
  const bool has_problem =
      std::ranges::any_of(all, [](const Source& source) { return !source.problem.empty(); });
  return static_cast<int>(has_problem ? ExitCode::kUntrusted : ExitCode::kOk);
}

}  // namespace eb
