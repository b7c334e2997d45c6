#include <algorithm>

#include "installer/base/error.hpp"
#include "installer/cli/bundle_argument.hpp"
#include "installer/cli/command_line.hpp"
#include "installer/cli/commands.hpp"
#include "installer/cli/key_argument.hpp"
#include "installer/cli/report_table.hpp"
#include "installer/cli/trust_listing.hpp"
#include "installer/install/trust_edit.hpp"
#include "installer/install/trust_file.hpp"

namespace eb {
namespace {

struct TrustCommand {
  std::string action;
  std::vector<std::string> words;
  bool site = false;
  std::string principal, valid_after, valid_before;
  TrustArguments trust;
  OutputOptions output;
};

/// The list that is to be changed, and how.
struct EditedFile {
  std::string path;
  mode_t folder_mode;
  uid_t uid;
};

EditedFile edited_file(const TrustCommand& given, const Host& host, const Environment& environment,
                       bool revoked) {
  const TrustPlaces places = trust_places(host, environment);
  const std::string& user = revoked ? places.user_revoked : places.user_file;
  const std::string& site = revoked ? places.site_revoked : places.site_file;
  if (given.site) return {site, 0755, host.uid};
  if (user.empty()) {
    throw Error(ExitCode::kUsage, "there is no place for a list of yours")
        .why("neither HOME nor XDG_CONFIG_HOME is set")
        .hint("set HOME, or give --site for the list of this machine");
  }
  return {user, 0700, host.uid};
}

void print_change(const TrustCommand& given, const char* verb, const std::string& fingerprint,
                  const std::string& file, bool changed, Environment& environment) {
  if (given.output.json) {
    print_record(environment.out, {{"record", "trust"},
                                   {"action", verb},
                                   {"changed", changed},
                                   {"fingerprint", fingerprint},
                                   {"file", file}});
    return;
  }
  if (given.output.quiet) return;
  ReportTable table(environment.out);
  table.headline(changed ? verb : "unchanged", fingerprint);
  table.row("file", file);
}

void check_times(const TrustCommand& given) {
  for (const auto& [option, text] : {std::pair("--valid-after", &given.valid_after),
                                     std::pair("--valid-before", &given.valid_before)}) {
    if (text->empty() || parse_signer_time(*text)) continue;
    throw Error(ExitCode::kUsage, std::string(option) + " wants a time")
        .why("got '" + *text + "'")
        .hint(std::string("YYYYMMDD[HHMM[SS]][Z], for example ") + option + " 20270101Z");
  }
  if (!given.valid_after.empty() && !given.valid_before.empty() &&
      *parse_signer_time(given.valid_before) <= *parse_signer_time(given.valid_after)) {
    throw Error(ExitCode::kUsage, "--valid-before is not later than --valid-after");
  }
}

void add(const TrustCommand& given, const Host& host, Environment& environment) {
  check_times(given);
  const NamedKey named = key_of_words(environment.sys, given.words, "trust add");
  if (!named.key) {
    throw Error(ExitCode::kUsage, "a fingerprint is not enough to trust a key for good")
        .why("a signature is checked with the key itself, and the list holds keys")
        .hint("give the public key: envinstall trust add KEY.pub")
        .hint("for one run a fingerprint is enough: envinstall BUNDLE --prefix DIR --trust " +
              named.fingerprint);
  }
  const std::vector<RevokedKey> revoked =
      TrustStore::load_revoked(environment.sys, trust_settings(given.trust, host, environment));
  const auto at = std::ranges::find(revoked, named.fingerprint, &RevokedKey::fingerprint);
  if (at != revoked.end()) {
    throw Error(ExitCode::kUntrusted, "the key is revoked")
        .where(at->origin)
        .why(named.fingerprint)
        .hint("a revoked key counts nowhere; get the publisher's new one");
  }
  const EditedFile file = edited_file(given, host, environment, false);
  const std::string principal =
      given.principal.empty() ? plain_principal(named.comment) : given.principal;
  if (plain_principal(principal) != principal) {
    throw Error(ExitCode::kUsage, "that is no name for a signer")
        .why("'" + printable(principal) + "'")
        .hint("letters, digits and @ . - _ + are, for example --principal release@example");
  }
  const std::string line =
      signer_line(*named.key, principal, given.valid_after, given.valid_before);
  const bool changed = edit_trust_file(
      environment.sys, file.path, file.uid, file.folder_mode, [&](const std::string& text) {
        for (const AllowedSigner& known : parse_allowed_signers(text, file.path, nullptr)) {
          if (known.key != *named.key) continue;
          const AllowedSigner wanted = parse_allowed_signers(line, file.path, nullptr).front();
          const bool is_other_name =
              !given.principal.empty() && known.principals != wanted.principals;
          const bool are_other_times =
              known.valid_after != wanted.valid_after || known.valid_before != wanted.valid_before;
          if (!is_other_name && !are_other_times) return text;
          throw Error(ExitCode::kUsage, std::string("the key is in the list already, with ") +
                                            (is_other_name ? "another name" : "other times"))
              .where(file.path + ", line " + std::to_string(known.line))
              .hint("take it out first: envinstall trust remove " + named.fingerprint);
        }
        return with_line(text, line);
      });
  print_change(given, "trusted", named.fingerprint, file.path, changed, environment);
}

void remove(const TrustCommand& given, const Host& host, Environment& environment) {
  const NamedKey named = key_of_words(environment.sys, given.words, "trust remove");
  const EditedFile file = edited_file(given, host, environment, false);
  bool found = false;
  if (trust_file_exists(environment.sys, file.path)) {
    edit_trust_file(
        environment.sys, file.path, file.uid, file.folder_mode, [&](const std::string& text) {
          std::vector<size_t> lines;
          for (const AllowedSigner& known : parse_allowed_signers(text, file.path, nullptr)) {
            if (known.key.fingerprint() == named.fingerprint) {
              lines.push_back(known.line);
            }
          }
          found = !lines.empty();
          return without_lines(
              text, [&](size_t number) { return std::ranges::find(lines, number) != lines.end(); });
        });
  }
  if (!found) {
    throw Error(ExitCode::kUsage, "the key is not in the list")
        .where(file.path)
        .why(named.fingerprint)
        .hint(std::string("'envinstall trust list' shows what is trusted, and where it stands") +
              (given.site ? "" : "; the site's list is changed with --site"));
  }
  print_change(given, "removed", named.fingerprint, file.path, true, environment);
}

void revoke(const TrustCommand& given, const Host& host, Environment& environment) {
  const NamedKey named = key_of_words(environment.sys, given.words, "trust revoke");
  const EditedFile file = edited_file(given, host, environment, true);
  const std::string line = named.key ? named.key->authorized_line() +
                                           (named.comment.empty() ? "" : " " + named.comment) + "\n"
                                     : named.fingerprint + "\n";
  const bool changed = edit_trust_file(
      environment.sys, file.path, file.uid, file.folder_mode, [&](const std::string& text) {
        const std::vector<RevokedKey> known = parse_revoked_keys(text, file.path);
        const bool is_there =
            std::ranges::find(known, named.fingerprint, &RevokedKey::fingerprint) != known.end();
        return is_there ? text : with_line(text, line);
      });
  print_change(given, "revoked", named.fingerprint, file.path, changed, environment);
}

}  // namespace

int trust_command(const std::vector<std::string>& arguments, Environment& environment) {
  TrustCommand given;
  CommandLine line("trust");
  CLI::App& app = line.app();
  app.add_option("ACTION", given.action);
  app.add_option("KEY", given.words);
  app.add_flag("--site", given.site);
  app.add_option("--principal", given.principal);
  app.add_option("--valid-after", given.valid_after);
  app.add_option("--valid-before", given.valid_before);
  app.add_option("--allowed-signers", given.trust.allowed_signers);
  app.add_option("--revoked-keys", given.trust.revoked_keys)->allow_extra_args(false);
  given.output.add_to(app);
  if (!line.parse(arguments, environment)) return 0;
  const Host host = read_host(environment.sys, environment.variable("HOME"), environment.root);
  if (given.action == "list" && given.words.empty()) {
    return list_trust(given.trust, given.output, host, environment);
  }
  if (given.action == "add") {
    add(given, host, environment);
  } else if (given.action == "remove") {
    remove(given, host, environment);
  } else if (given.action == "revoke") {
    revoke(given, host, environment);
  } else {
    throw Error(ExitCode::kUsage, given.action.empty() ? "it is not said what is to be done"
                                                       : "'trust' does not know what is to be done")
        .hint("envinstall trust list, or: envinstall trust add|remove|revoke KEY");
  }
  return 0;
}

}  // namespace eb
