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
  rollback PREFIX           make the release before, or a named one, the active one
  stage BUNDLE              install on a disk of this machine, for a job, and print where
  uninstall PREFIX          remove releases
  COMMAND --help            the options of a command

options:
  --prefix DIR              the folder to install into; an empty one, a new one, or a prefix
  --parents                 also make the folders above it
  --dry-run                 check everything, print the plan, change nothing
  --check                   the same, and the exit code tells: 0 nothing to do, 3 would change
  --as-image                one compressed file instead of many small ones: for Lustre, GPFS and the
                            like, and for quotas by number of files
  --jobs N                  workers (default: the CPUs that may be used, at most 16)
  --max-bytes SIZE          refuse a bundle whose files are larger, for example 20G
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
)";

constexpr char kTrustNote[] = R"(
  What these options name is all that counts. Without them: ~/.config/envinstall/allowed_signers,
  else /etc/envinstall/allowed_signers, and the trust anchors of this copy of envinstall.
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
    R"(The releases in a prefix; * marks the active one, which 'current' and bin/ lead to.

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
  --wait SECONDS            how long to wait for another run on the same release (default 600)
  --insecure-prefix         accept a folder that another user could exchange
  --allowed-signers FILE    an OpenSSH allowed_signers file
  --trust SHA256:...        the fingerprint of a key; may be given several times
  --require-signatures N    how many different keys must have signed (default 1)
  --json                    one record instead of the path
  -q, --quiet               print the path and errors only
  -v, --verbose             say more
  -h, --help                this text

The GPU is not tested: 'envinstall check' does that. The files are not forced to the disk; after the
next boot of the machine they are made anew.

example, one task a node in a job:
  srun --ntasks-per-node=1 sh -c 'P=$(./envinstall stage -q b.bundle.zst) && $P/bin/python train.py'
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
  if (command == "list") return kList;
  if (command == "info") return kInfo;
  if (command == "verify") return kVerify;
  if (command == "rollback") return kRollback;
  if (command == "stage") return kStage;
  if (command == "uninstall") return kUninstall;
  return std::string(kInstall) + kTrustNote + anchors_text(anchors) + kExamples;
}

}  // namespace eb
