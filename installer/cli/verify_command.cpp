#include <fcntl.h>

#include <algorithm>

#include "installer/base/error.hpp"
#include "installer/base/file.hpp"
#include "installer/cli/bundle_argument.hpp"
#include "installer/cli/command_line.hpp"
#include "installer/cli/commands.hpp"
#include "installer/cli/progress_printer.hpp"
#include "installer/cli/report_table.hpp"
#include "installer/install/bundle_check.hpp"
#include "installer/install/frame_pipeline.hpp"
#include "installer/install/image_check.hpp"
#include "installer/install/prefix.hpp"
#include "installer/install/receipt.hpp"
#include "installer/install/release_check.hpp"
#include "installer/install/size_text.hpp"

namespace eb {
namespace {

struct VerifyArguments {
  std::string name;
  std::string release;
  bool full = false;
  unsigned jobs = 0;
  TrustArguments trust;
  OutputOptions output;
};

const char* kind_name(DifferenceKind kind) {
  switch (kind) {
    case DifferenceKind::kMissing:
      return "missing";
    case DifferenceKind::kChanged:
      return "changed";
    case DifferenceKind::kAdded:
      return "added";
  }
  return "";
}

uint64_t count_of(const ReleaseCheck& check, DifferenceKind kind) {
  return static_cast<uint64_t>(std::ranges::count(check.differences, kind, &Difference::kind));
}

class PrefixVerification {
 public:
  PrefixVerification(const VerifyArguments& given, Environment& environment,
                     ProgressPrinter& progress)
      : given_(given),
        environment_(environment),
        progress_(progress),
        host_(read_host(environment.sys, environment.variable("HOME"), environment.root)),
        trust_(load_trust(given.trust, host_, environment, progress)),
        view_(open_prefix(environment.sys, given.name)) {}

  void run() {
    std::vector<std::string> releases = view_.releases;
    if (!given_.release.empty()) {
      if (!std::ranges::binary_search(releases, given_.release)) {
        throw Error(ExitCode::kUsage, "there is no release " + given_.release)
            .where(view_.path)
            .hint("'envinstall list " + view_.path + "' shows the releases");
      }
      releases = {given_.release};
    }
    if (releases.empty()) {
      throw Error(ExitCode::kUsage, "no release is installed there")
          .where(view_.path)
          .hint("name the folder that was given with --prefix when it was installed");
    }
    size_t damaged = 0;
    for (const std::string& release : releases) {
      if (!verify(release)) ++damaged;
    }
    if (damaged == 0) return;
    Error error(ExitCode::kDigestMismatch,
                damaged == 1 ? "a release is not as it was signed"
                             : std::to_string(damaged) + " releases are not as they were signed");
    error.where(view_.path);
    if (damaged > added_only_) {
      error.hint("with its bundle it can be repaired: envinstall repair " + view_.path +
                 " --from BUNDLE");
      error.hint("or remove it with 'envinstall uninstall' and install its bundle again");
      if (added_) error.hint("a repair leaves what was added alone");
    } else {
      error.hint(
          "nothing that was signed is changed or missing: remove what was added, if nobody needs "
          "it");
    }
    throw error;
  }

 private:
  bool verify(const std::string& release) {
    const std::string below = std::string(kReleasesDir) + "/" + release;
    const std::string where = view_.path + "/" + below;
    const Fd dir = open_dir_at(environment_.sys, view_.dir.get(), below.c_str(), where);
    std::string id;
    const Index index =
        read_release_index(environment_.sys, view_.dir.get(), below, view_.path, &id);
    const std::string signer = check_signature(dir.get(), where, index, id);
    ReleaseCheckOptions options;
    options.contents = given_.full;
    options.jobs = given_.jobs != 0 ? given_.jobs : std::min(host_.cpus, kMaxDefaultJobs);
    const ReleaseCheck check = check_installed(environment_.sys, dir.get(), where, index, options,
                                               progress_, environment_.stop);
    print(release, signer, check);
    const uint64_t added = count_of(check, DifferenceKind::kAdded);
    if (added > 0) added_ = true;
    if (added > 0 && added == check.differences.size()) ++added_only_;
    return check.differences.empty();
  }

  // The installed index against today's trust. Who named keys wants to know; without any key the
  // content is compared all the same.
  std::string check_signature(int dir, const std::string& where, const Index& index,
                              const std::string& id) {
    if (trust_.empty()) return {};
    const auto read = [&](const char* name, size_t max) {
      const std::string path = std::string(kBundleDir) + "/" + name;
      return read_file_at(environment_.sys, dir, path.c_str(), max, where + "/" + path);
    };
    try {
      std::vector<std::byte> index_bytes = read(kIndexFile, kMaxIndexSize);
      std::vector<std::byte> signatures = read(kSignaturesFile, kMaxSignaturesSize);
      Prologue prologue;
      prologue.index_size = static_cast<uint32_t>(index_bytes.size());
      prologue.signatures_size = static_cast<uint32_t>(signatures.size());
      prologue.data_size = totals(index).compressed_bytes;
      prologue.index_digest = Sha256::from_hex(id);
      const VerifiedBundle bundle =
          verify_header(prologue, std::move(index_bytes), std::move(signatures), trust_.policy());
      for (const std::string& note : bundle.notes()) progress_.on(Warning{note});
      return signer_text(bundle.accepted().front(), trust_);
    } catch (const Error& error) {
      if (given_.trust.is_explicit() || is_revoked(dir)) throw;
      progress_.on(Warning{std::string("the signature is not confirmed: ") + error.what()});
      return {};
    }
  }

  // A key that is merely unknown today is worth a warning; a revoked one is what it is about.
  bool is_revoked(int dir) {
    try {
      const std::string path = std::string(kBundleDir) + "/" + kSignaturesFile;
      std::vector<SshSignature> signatures;
      for (const auto& blob : parse_signatures(
               read_file_at(environment_.sys, dir, path.c_str(), kMaxSignaturesSize, path))) {
        signatures.push_back(parse_sshsig(blob));
      }
      return !revoked_signers(signatures, trust_.policy()).empty();
    } catch (const Error&) {
      return false;
    }
  }

  void print(const std::string& release, const std::string& signer, const ReleaseCheck& check) {
    std::ostream& out = environment_.out;
    if (given_.output.json) {
      for (const Difference& difference : check.differences) {
        print_record(out, {{"record", "difference"},
                           {"release", release},
                           {"kind", kind_name(difference.kind)},
                           {"path", difference.path},
                           {"detail", difference.detail}});
      }
      print_record(out, {{"record", "verify"},
                         {"release", release},
                         {"full", given_.full},
                         {"files", check.files},
                         {"bytes_read", check.bytes},
                         {"added", count_of(check, DifferenceKind::kAdded)},
                         {"changed", count_of(check, DifferenceKind::kChanged)},
                         {"missing", count_of(check, DifferenceKind::kMissing)},
                         {"generated", check.generated},
                         {"signed_by", signer}});
      return;
    }
    for (const Difference& difference : check.differences) {
      std::string kind = kind_name(difference.kind);
      kind.resize(9, ' ');
      out << kind << printable(difference.path)
          << (difference.detail.empty() || difference.kind == DifferenceKind::kMissing
                  ? std::string()
                  : ": " + printable(difference.detail))
          << "\n";
    }
    const std::string compared =
        given_.full ? "every byte of " + count_text(check.files, "file", "files") + " read"
                    : "sizes and modes of " + count_text(check.files, "file", "files") +
                          " compared (--full reads every byte)";
    std::string result = "nothing added, changed or missing";
    if (!check.differences.empty()) {
      result = std::to_string(count_of(check, DifferenceKind::kAdded)) + " added, " +
               std::to_string(count_of(check, DifferenceKind::kChanged)) + " changed, " +
               std::to_string(count_of(check, DifferenceKind::kMissing)) + " missing";
    }
    ReportTable table(out);
    table.headline("verified", release + ": " + result);
    table.row("how", compared);
    table.row("signed by", !signer.empty()  ? signer
                           : trust_.empty() ? "not looked at: no key is trusted here"
                                            : "not confirmed by the keys that are trusted here");
    if (check.generated > 0) {
      table.row("generated",
                count_text(check.generated, "file", "files") + " of bytecode that Python wrote");
    }
  }

  const VerifyArguments& given_;
  Environment& environment_;
  ProgressPrinter& progress_;
  const Host host_;
  const TrustStore trust_;
  const PrefixView view_;
  bool added_ = false;     ///< in any release
  size_t added_only_ = 0;  ///< releases of which nothing else differs
};

void verify_bundle(const VerifyArguments& given, Environment& environment,
                   ProgressPrinter& progress) {
  const Host host = read_host(environment.sys, environment.variable("HOME"), environment.root);
  OpenedBundle opened = open_named_bundle(given.name, given.trust, host, environment, progress);
  const unsigned jobs =
      choose_workers(opened.bundle.index(), given.jobs, host.cpus, opened.source->is_stream()).jobs;
  const BundleCheck check =
      check_bundle(*opened.source, opened.bundle, jobs, progress, environment.stop);
  if (given.output.json) {
    print_record(environment.out, {{"record", "verify"},
                                   {"release", opened.bundle.release_name()},
                                   {"id", opened.bundle.id().hex()},
                                   {"frames", check.frames},
                                   {"files", check.files},
                                   {"bytes", check.bytes},
                                   {"signers", signers_json(opened.bundle, opened.trust)}});
    return;
  }
  ReportTable table(environment.out);
  table.headline("verified", opened.bundle.release_name() + ": the bundle is as it was signed");
  table.row("id", opened.bundle.id().hex());
  table.row("how", count_text(check.frames, "frame", "frames") + " and " +
                       count_text(check.files, "file", "files") + ", " + size_text(check.bytes) +
                       ", every digest compared");
  add_signer_rows(table, opened.bundle, opened.trust);
}

}  // namespace

int verify_command(const std::vector<std::string>& arguments, Environment& environment) {
  VerifyArguments given;
  CommandLine line("verify");
  CLI::App& app = line.app();
  app.add_option("BUNDLE|PREFIX", given.name);
  app.add_option("RELEASE", given.release);
  app.add_flag("--full", given.full);
  app.add_option_function<std::string>("-j,--jobs", [&](const std::string& text) {
    given.jobs = parse_count("--jobs", text, 1, kMaxJobs);
  });
  given.trust.add_to(app);
  given.output.add_to(app);
  if (!line.parse(arguments, environment)) return 0;
  if (given.name.empty()) {
    throw Error(ExitCode::kUsage, "neither a bundle nor a prefix is named")
        .hint("envinstall verify PREFIX, or envinstall verify BUNDLE");
  }
  ProgressPrinter progress(environment.err, progress_style(given.output, environment));
  if (is_folder(environment.sys, given.name)) {
    PrefixVerification(given, environment, progress).run();
  } else {
    verify_bundle(given, environment, progress);
  }
  return 0;
}

}  // namespace eb
