#include "installer/cli/help_text.hpp"

#include "installer/base/error.hpp"
#include "installer/format/trust.hpp"
#include "installer/install/size_text.hpp"
#include "installer/install/trust_store.hpp"

namespace eb {
namespace {

constexpr char kInstall[] =
    R"(envinstall installs a signed bundle into a folder. It needs no root, no network and no
other program, asks nothing, and either finishes or leaves things as they were.

usage: envinstall BUNDLE --prefix DIR [OPTIONS]
       envinstall - --prefix DIR < BUNDLE
       envinstall COMMAND ...

commands:
  list PREFIX               the releases in a prefix
  info BUNDLE|PREFIX        what a bundle or a prefix holds, and who signed it
  verify BUNDLE|PREFIX      check a bundle, or what was installed
  check PREFIX              prove that the GPU stack works on this machine
  prewarm PREFIX            read what programs start from into this machine's memory
  rollback PREFIX           make the release before, or a named one, the active one
  repair PREFIX             write anew what was damaged, out of the bundle
  history PREFIX            what happened to a prefix, when, and by whom
  gc PREFIX                 remove releases that nobody uses any more
  stage BUNDLE              install on a disk of this machine, for a job, and print where
  uninstall PREFIX          remove releases
  trust ACTION              whom to believe on this machine: list, add, remove, revoke
  COMMAND --help            the options of a command

options:
  --prefix DIR              the folder to install into; an empty one, a new one, or a prefix
  --parents                 also make the folders above it
  --dry-run                 check everything, print the plan, change nothing
  --check                   the same, and the exit code tells: 0 nothing to do, 3 would change
  --as-image                one compressed file instead of many small ones: for Lustre, GPFS and the
                            like, and for quotas by number of files
  --jobs N                  workers (default: the CPUs that may be used, on ext4 and XFS twice
                            as many, at most 16)
  --max-bytes SIZE          refuse a bundle whose files are larger, for example 20G
  --no-reuse                write every file, also those that the active release has unchanged;
                            else they are shared (reflinks, or hard links) and not written again
  --prewarm                 at last read what programs start from into memory, as 'prewarm' does
  --allow-downgrade         accept a bundle that is older than what was installed
  --wait SECONDS            how long to wait for another run on the same release (default 600)
  --insecure-prefix         accept a folder that another user could exchange
  --gpu-check MODE          auto (default): test the GPU where there is one, and leave the release
                            inactive when that fails; require: fail without one; skip: do not test
  --time-limit SECONDS      longest that one step of the GPU check may take (default 900)
  --layout eb               EasyBuild's folders: DIR/software/NAME/VERSION becomes the prefix, and
                            the module files also lie in DIR/modules/all/NAME
  --module-conflict LIST    modules that exclude this one, such as cuda,conda; none; default (what
                            the bundle says). Kept for later installs into the prefix
  --json                    results as JSON, one record a line
  -q, --quiet               print errors only
  -v, --verbose             say more
  -h, --help                this text
  --version                 the version

whom to believe:
  --allowed-signers FILE    an OpenSSH allowed_signers file
  --trust SHA256:...        the fingerprint of a key; may be given several times
  --require-signatures N    how many different keys must have signed (default 1)
  --revoked-keys FILE       public keys or fingerprints that never count
  --fips MODE               auto (default): in FIPS mode (/proc/sys/crypto/fips_enabled) only ECDSA
                            P-256 signatures count; on: always so; off: never
  --allow-expired           accept a key or a bundle past its time; it is logged
)";

constexpr char kTrustNote[] = R"(
  Where --allowed-signers or --trust is given, what it names is all that counts. Otherwise:
  ~/.config/envinstall/allowed_signers, else /etc/envinstall/allowed_signers, and the trust anchors
  of this copy of envinstall. Keys that a file revoked_keys beside one of these two lists never
  count, whatever the options name. 'envinstall trust list' shows it all.
  There is no option that skips verification.
)";

constexpr char kExamples[] = R"(
exit codes:
  0 done   1 internal   2 usage   3 would change (--check)   10 bundle malformed
  11 signature or trust
  12 policy (expired, older than installed, wrong architecture)   13 digest mismatch
  20 space or quota   21 input/output   22 busy   23 the file system cannot   24 permission
  30 driver missing or too old, or no code for this GPU   31 GPU check failed
  128+N ended by signal N

example:
  ./envinstall pytorch-2.8-cu128.bundle.zst --prefix /opt/dl
  /opt/dl/bin/python -c 'import torch; print(torch.cuda.is_available())'
  . /opt/dl/share/envbundle/activate.sh
)";

constexpr char kList[] =
    R"(The releases in a prefix; * marks the active one, which 'current' and bin/ lead to. STATE says
which one 'rollback' goes back to, and which are in use: by processes of this machine as far as they
can be seen, and by leases (see 'envinstall gc --help').

usage: envinstall list PREFIX [--json]

options:
  --json                    one record a release
  -h, --help                this text

example:
  envinstall list /opt/dl
)";

constexpr char kInfo[] =
    R"(What a bundle or a prefix holds, and who signed it. Of a bundle nothing is read before its
signature was checked.

usage: envinstall info BUNDLE|PREFIX [OPTIONS]

options:
  --allowed-signers FILE    an OpenSSH allowed_signers file
  --trust SHA256:...        the fingerprint of a key; may be given several times
  --require-signatures N    how many different keys must have signed (default 1)
  --revoked-keys FILE       public keys or fingerprints that never count
  --fips MODE               auto (default), on, off: whether only ECDSA P-256 signatures count
  --allow-expired           accept a key past its time
  --json                    one record
  -h, --help                this text
)";

constexpr char kVerify[] =
    R"(Checks a bundle as an install would, and every file in it; or compares what was installed with
the signed index: what was added, changed, or is missing.

usage: envinstall verify PREFIX [RELEASE] [OPTIONS]
       envinstall verify BUNDLE [OPTIONS]

options:
  --full                    of a prefix: read every file instead of comparing sizes and modes
  --jobs N                  workers (default: the CPUs that may be used, at most 16)
  --allowed-signers FILE    an OpenSSH allowed_signers file
  --trust SHA256:...        the fingerprint of a key; may be given several times
  --require-signatures N    how many different keys must have signed (default 1)
  --revoked-keys FILE       public keys or fingerprints that never count
  --fips MODE               auto (default), on, off: whether only ECDSA P-256 signatures count
  --allow-expired           accept a key past its time
  --json                    one record a difference, and one a release or bundle
  -q, --quiet               no progress
  -v, --verbose             say more
  -h, --help                this text

exit codes: 0 nothing differs, 13 something does

example:
  envinstall verify /opt/dl --full
)";

constexpr char kCheck[] =
    R"(Proves that the GPU stack of a prefix works on this machine: driver, CUDA, cuBLAS and cuDNN results
compared with the CPU's, NCCL over all GPUs, then PyTorch itself; and that every library comes from
the prefix but for the driver's own. Without a GPU it does what can be done without one. The report
is kept in PREFIX/.envinstall/check-RELEASE.txt and .json, where that may be written.

usage: envinstall check PREFIX [RELEASE] [OPTIONS]

options:
  --gpu-check MODE          auto (default): without a GPU nothing fails; require: that is a failure;
                            skip: start nothing, only look at driver, devices and limits
  --time-limit SECONDS      longest that one step may take (default 900)
  --json                    the report as one record
  -q, --quiet               no progress
  -v, --verbose             say more
  -h, --help                this text

exit codes: 0 passed, or not testable here; 30 driver missing or too old, or no code for this GPU;
31 a test failed

example:
  envinstall check /opt/dl
  srun --gres=gpu:1 envinstall check /opt/dl --gpu-check=require --json
)";

constexpr char kRepair[] =
    R"(Compares every byte of an installed release with its signed index, and writes anew what is wrong
or missing, out of the bundle that it came from: of that, only the parts that are needed are read.
The bundle's signature is checked as an install does. Each file takes its place by one rename, so
that running programs keep what they have open. What somebody added is left alone; what stands in
the way is moved to PREFIX/.envinstall/kept-... Of a release in image form the files beside the
image are repaired; an image that is damaged has to be installed anew.

usage: envinstall repair PREFIX [RELEASE] --from BUNDLE [OPTIONS]

options:
  --from BUNDLE             the bundle that the release came from; a file, no pipe
  --jobs N                  workers (default: the CPUs that may be used, at most 16)
  --wait SECONDS            how long to wait for another run on the same release (default 600)
  --allowed-signers FILE    an OpenSSH allowed_signers file
  --trust SHA256:...        the fingerprint of a key; may be given several times
  --require-signatures N    how many different keys must have signed (default 1)
  --revoked-keys FILE       public keys or fingerprints that never count
  --fips MODE               auto (default), on, off: whether only ECDSA P-256 signatures count
  --allow-expired           accept a key past its time
  --json                    one record
  -q, --quiet               print errors only
  -v, --verbose             say more
  -h, --help                this text

exit codes: 0 the release is right now, 13 the bundle or an image is damaged

example:
  envinstall verify /opt/dl --full
  ./envinstall repair /opt/dl --from pytorch.bundle.zst
)";

constexpr char kHistory[] =
    R"(What happened to a prefix: installed, activated, rolled back, repaired, uninstalled; when, by whom,
and by which explicit permission. It is what envinstall noted in PREFIX/.envinstall/log; whoever may
write to the prefix may change that.

usage: envinstall history PREFIX [--json]

options:
  --json                    one record an event, with the bundle's ID and the signer
  -q, --quiet               no warnings
  -v, --verbose             say more
  -h, --help                this text

example:
  envinstall history /opt/dl
)";

constexpr char kGc[] =
    R"(Removes releases that nobody needs any more. Kept in any case are the active release, the others
that were active last (--keep), those that were active within --older-than, and those in use.

usage: envinstall gc PREFIX [OPTIONS]
       envinstall gc PREFIX --leases on|off

options:
  --keep N                  releases to keep, the active one among them (default 2: it and the one
                            before it)
  --older-than TIME         only releases that have not been active for so long: 7d (default), 12h
  --dry-run                 say what would go and why, change nothing
  --leases on|off           on: from now on 'envrun' and 'envinstall check' note in
                            PREFIX/.envinstall/leases which release they use, on which node
  --wait SECONDS            how long to wait for another run on the same release (default 600)
  --json                    one record a release
  -q, --quiet               print errors only
  -v, --verbose             say more
  -h, --help                this text

Who is protected by what:
  processes on this machine   they are found in /proc by what they run, map, hold open and stand in;
                              those of other users only by root
  jobs on other nodes         by --older-than, if they began while the release was active and do not
                              run longer; by leases, if they were begun with envrun, as long as
                              --older-than says
  nothing protects            a job on another node that names an old release itself, without
                              envrun, and without leases

example:
  envinstall gc /opt/dl --keep 3 --older-than 30d --dry-run
)";

constexpr char kPrewarm[] =
    R"(Reads programs, shared libraries and bytecode of a release into the memory of this machine, in
large reads and in the order in which they lie there. The first start of a program then does not
wait for the disk or the file server. For a job: once a node, before its programs start.

usage: envinstall prewarm PREFIX [RELEASE] [OPTIONS]

options:
  --max-bytes SIZE          read no more than that (default: half of the memory that is available)
  --jobs N                  workers (default: the CPUs that may be used, at most 16)
  --json                    one record
  -q, --quiet               print errors only
  -v, --verbose             say more
  -h, --help                this text

example:
  envinstall prewarm /opt/dl
)";

constexpr char kRollback[] =
    R"(Makes a release that is installed the active one: the one that was active before, or the one that
is named. One link changes; running programs keep the release that they started with.

usage: envinstall rollback PREFIX [RELEASE] [OPTIONS]

options:
  --json                    one record
  -q, --quiet               print errors only
  -v, --verbose             say more
  -h, --help                this text

example:
  envinstall list /opt/dl
  envinstall rollback /opt/dl
)";

constexpr char kStage[] =
    R"(Installs a bundle on a disk of this machine, for the jobs that run on it, and prints the prefix and
nothing else. Where it is there already that takes no time, so every job and every task may call it.
It goes into a folder of yours alone, DIR/envbundle-UID/RELEASE, the same for all your jobs.

usage: envinstall stage BUNDLE [--to DIR|auto] [OPTIONS]
       envinstall stage --remove BUNDLE|PREFIX [OPTIONS]

options:
  --to DIR                  a folder on a disk of this machine; auto (default): the first of
                            $SLURM_TMPDIR, $LOCAL_SCRATCH, $TMPDIR, /local, /scratch/local, /tmp
                            and, because it takes memory of the job, last of all /dev/shm, that
                            programs may be started from, has room, and is on no server
  --remove                  this job is done with it: the files go, unless another job of yours
                            that has called 'stage' still runs here
  --jobs N                  workers (default: the CPUs that may be used, at most 16)
  --max-bytes SIZE          refuse a bundle whose files are larger, for example 20G
  --no-reuse                write every file, also those that an earlier stage has unchanged
  --wait SECONDS            how long to wait for another run on the same release (default 600)
  --insecure-prefix         accept a folder that another user could exchange
  --allowed-signers FILE    an OpenSSH allowed_signers file
  --trust SHA256:...        the fingerprint of a key; may be given several times
  --require-signatures N    how many different keys must have signed (default 1)
  --revoked-keys FILE       public keys or fingerprints that never count
  --fips MODE               auto (default), on, off: whether only ECDSA P-256 signatures count
  --allow-expired           accept a key or a bundle past its time; it is logged
  --json                    one record instead of the path
  -q, --quiet               print the path and errors only
  -v, --verbose             say more
  -h, --help                this text

The GPU is not tested: 'envinstall check' does that. The files are not forced to the disk; after the
next boot of the machine they are made anew.

example, one task a node in a job:
  srun --ntasks-per-node=1 sh -c 'P=$(./envinstall stage -q b.bundle.zst) && $P/bin/python train.py'
)";

constexpr char kTrust[] =
    R"(Whose signatures are believed on this machine: lists of public keys in OpenSSH's form
(ssh-keygen(1), ALLOWED SIGNERS), which may be edited by hand too. Nothing is asked, every change is
whole or not made, and lines of others stay as they are.

usage: envinstall trust list [OPTIONS]
       envinstall trust add KEY [OPTIONS]
       envinstall trust remove KEY|SHA256:... [--site]
       envinstall trust revoke KEY|SHA256:... [--site]

KEY is a public key file, or its line: 'ssh-ed25519 AAAA...'

  list                      every key: fingerprint, type, validity, who, and where it stands; which
                            lists count; what is revoked
  add                       trust a key for bundles, and for nothing else
  remove                    take a key out again
  revoke                    never count a key any more, whoever names it: for a key that was lost

options:
  --site                    /etc/envinstall of this machine instead of your own ~/.config/envinstall
  --principal NAME          what the key is called (default: its comment)
  --valid-after TIME        YYYYMMDD[HHMM[SS]][Z], with Z in universal time
  --valid-before TIME       the last moment at which its signatures count
  --allowed-signers FILE    of list: a list that is not in its usual place
  --revoked-keys FILE       a list of revoked keys that is not in its usual place
  --json                    one record a key
  -q, --quiet               print errors only
  -v, --verbose             say more
  -h, --help                this text

A list counts only if you or root own it and nobody else may write it. Your own list comes before the
site's; revoked keys count from both.

exit codes: 0 done, 2 no such key, 11 a list must not be believed, 22 somebody else changes it

example:
  envinstall trust add publisher.pub --principal release@example --valid-before 20280101Z
  sudo envinstall trust add publisher.pub --site
  envinstall trust revoke SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU
)";

constexpr char kUninstall[] =
    R"(Removes a release: what its bundle brought, and nothing else. Files that somebody added are kept
and named. The active release goes only as the last one, or with --all.

usage: envinstall uninstall PREFIX [RELEASE|--all] [OPTIONS]

options:
  --all                     remove every release, and what envinstall itself keeps in the prefix
  --wait SECONDS            how long to wait for another run on the same release (default 600)
  --json                    one record a release
  -q, --quiet               print errors only
  -v, --verbose             say more
  -h, --help                this text

example:
  envinstall list /opt/dl
  envinstall uninstall /opt/dl pytorch-2.8-cu128-0123456789abcdef
)";

std::string anchors_text(const std::string& anchors) {
  if (anchors.empty()) return "  This copy carries no trust anchors.\n";
  std::string out = "  This copy carries the trust anchors below. Mind that\n  ";
  out += kAnchorsNote;
  out += ":\n";
  try {
    for (const AllowedSigner& signer : parse_allowed_signers(anchors, kAnchorsOrigin, nullptr)) {
      out += "    " + signer.key.fingerprint() + " " + printable(signer.principals) + "\n";
    }
  } catch (const Error& error) {
    out += "    (they cannot be read: " + printable(error.why()) + ")\n";
  }
  return out;
}

}  // namespace

std::string help_text(const std::string& command, const std::string& anchors) {
  if (command == "check") return kCheck;
  if (command == "gc") return kGc;
  if (command == "history") return kHistory;
  if (command == "list") return kList;
  if (command == "info") return kInfo;
  if (command == "verify") return kVerify;
  if (command == "repair") return kRepair;
  if (command == "prewarm") return kPrewarm;
  if (command == "rollback") return kRollback;
  if (command == "stage") return kStage;
  if (command == "trust") return kTrust;
  if (command == "uninstall") return kUninstall;
  return std::string(kInstall) + kTrustNote + anchors_text(anchors) + kExamples;
}

}  // namespace eb
