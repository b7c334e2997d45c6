"""The golden cases: each a function that runs commands in a Shop (golden.py). The text of golden/NAME.txt is what the
commands printed. The ten most likely mistakes come first."""

import os
import pathlib
import pwd
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import small_bundle  # noqa: E402

CASES = {}


def case(function):
    CASES[function.__name__] = function
    return function


def prepare(shop):
    """What the cases share, made once: two releases of one bundle by one key, one for another architecture."""
    programs = shop.programs
    first = small_bundle.make_bundle(programs["envbundle"], programs["envinstall"], shop.path("first"),
                                     environment=shop.environment)
    small_bundle.make_bundle(programs["envbundle"], programs["envinstall"], shop.path("second"), version="2", text="two",
                             key=first.parent / "key", environment=shop.environment)
    # A folder has no architecture, so the other one differs by its manifest alone.
    other = shop.path("aarch64")
    other.mkdir()
    small_bundle.make_bundle(programs["envbundle"], programs["envinstall"], other, key=first.parent / "key",
                             environment=shop.environment, platform="linux-aarch64")
    for folder in ("first", "second", "aarch64"):
        subprocess.run(["chmod", "-R", "a+rX", shop.path(folder)], check=True)
    os.chmod(shop.scratch, 0o755)


def bundle(shop, which="first") -> pathlib.Path:
    return shop.shared / which / "small.bundle.zst"


def installer(shop, which="first") -> str:
    """The stamped copy beside the bundle; shown by the program's own name."""
    shop.programs = shop.programs | {"./envinstall": shop.shared / which / "envinstall"}
    return "./envinstall"


def as_nobody(shop, program, *arguments):
    """Runs as an ordinary user where the tests themselves run as root (root may write everywhere)."""
    if os.geteuid() != 0:
        return shop.run(program, *arguments)
    os.chmod(shop.scratch, 0o755)
    path = str(shop.programs[program])
    result = shop.run("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", path, *arguments, keep=False)
    result.argv = [program, *map(str, arguments)]
    shop.record.append(result)
    return result


# --- the ten most likely mistakes

@case
def mistake_no_such_file(shop):
    shop.run("envinstall", "nowhere.bundle.zst", "--prefix", "p")


@case
def mistake_not_a_bundle(shop):
    shop.path("letter.txt").write_text("Dear reader, this is a letter and no bundle. " * 10)
    shop.path("empty").write_text("")
    shop.path("cut.bundle.zst").write_bytes(bundle(shop).read_bytes()[:-100])
    for name in ("letter.txt", "empty", "cut.bundle.zst"):
        shop.run(installer(shop), name, "--prefix", "p")
    shop.run(installer(shop), "/", "--prefix", "p")


@case
def mistake_untrusted_key(shop):
    shop.run("envinstall", bundle(shop), "--prefix", "p")
    shop.run("envbundle", "keygen", "stranger", keep=False)
    shop.path("allowed").write_text("someone " + " ".join(shop.path("stranger.pub").read_text().split()[:2]) + "\n")
    os.chmod(shop.path("allowed"), 0o644)
    shop.run("envinstall", bundle(shop), "--prefix", "p", "--allowed-signers", "allowed")


@case
def mistake_prefix_not_writable(shop):
    shop.path("locked").mkdir()
    os.chmod(shop.path("locked"), 0o555)
    as_nobody(shop, installer(shop), bundle(shop), "--prefix", shop.path("locked/p"))
    as_nobody(shop, installer(shop), bundle(shop), "--prefix", shop.path("locked"))


@case
def mistake_disk_full(shop):
    shop.path("full").mkdir()
    shop.path("go").write_text(
        'mount -t tmpfs -o size=16k,nr_inodes=64 none "$1" && shift && exec "$@"\n')
    program = installer(shop)
    path = str(shop.programs[program])
    result = shop.run("unshare", "-rm", "sh", shop.path("go"), shop.path("full"), path, bundle(shop), "--prefix",
                      shop.path("full/p"), keep=False)
    result.argv = ["./envinstall", str(bundle(shop)), "--prefix", "full/p"]
    shop.record.append(result)


@case
def mistake_same_release_again(shop):
    program = installer(shop)
    shop.run(program, bundle(shop), "--prefix", "p", "--quiet")
    shop.run(program, bundle(shop), "--prefix", "p")


@case
def mistake_foreign_prefix(shop):
    shop.path("mine").mkdir()
    shop.path("mine/thesis.tex").write_text("x")
    shop.run(installer(shop), bundle(shop), "--prefix", "mine")
    shop.run(installer(shop), bundle(shop), "--prefix", "mine/thesis.tex")
    shop.run(installer(shop), bundle(shop), "--prefix", "/")
    shop.run(installer(shop), bundle(shop), "--prefix", shop.scratch / "home")
    shop.run(installer(shop), bundle(shop), "--prefix", "no/such/parent")


@case
def mistake_unknown_option(shop):
    shop.run("envinstall", bundle(shop), "--prefx", "p")
    shop.run("envinstall", bundle(shop))
    shop.run("envinstall")
    shop.run("envinstall", "uninstal", "p")
    shop.run("envbundle", "biuld", "x.lock")
    shop.run("envbundle", "build", "x.lock", "--ouput", "y")
    shop.run("envbundle")


@case
def mistake_interrupted(shop):
    # Half of the bundle through a pipe that stays open: the installer waits for the rest when the signal comes.
    program = installer(shop)
    shop.run(program, bundle(shop), "--prefix", "p", "--quiet")
    data = bundle(shop, "second").read_bytes()
    reader, writer = os.pipe()
    # A thread, because the pipe holds less than the bundle.
    feeder = threading.Thread(target=os.write, args=(writer, data[: len(data) - 64]), daemon=True)
    feeder.start()

    def wait(process):
        deadline = time.monotonic() + 20
        stages = shop.path("p/.envinstall")
        while time.monotonic() < deadline and not list(stages.glob("stage-*")):
            time.sleep(0.02)
        time.sleep(0.2)

    shop.run(program, "-", "--prefix", "p", stdin=reader, interrupt_after=wait)
    os.close(reader)
    feeder.join(timeout=20)
    os.close(writer)
    left = sorted(p.name for p in shop.path("p/.envinstall").glob("stage-*"))
    assert not left, left
    shop.run(program, "list", "p")


@case
def mistake_wrong_architecture(shop):
    shop.run(installer(shop, "aarch64"), bundle(shop, "aarch64"), "--prefix", "p")


# --- the installer at work

@case
def install_not_on_a_terminal(shop):
    shop.run(installer(shop), bundle(shop), "--prefix", "p")


@case
def install_on_a_terminal(shop):
    shop.run_on_terminal(installer(shop), bundle(shop), "--prefix", "p")


@case
def install_quiet_json_and_plan(shop):
    program = installer(shop)
    shop.run(program, bundle(shop), "--prefix", "p", "--dry-run")
    assert not shop.path("p").exists()
    shop.run(program, bundle(shop), "--prefix", "p", "--quiet")
    shop.run(program, bundle(shop, "second"), "--prefix", "p", "--json", "--quiet")


@case
def install_upgrade_and_after(shop):
    program = installer(shop)
    shop.run(program, bundle(shop), "--prefix", "p", "--quiet")
    first = shop.path("p/current").readlink().name
    shop.run(program, bundle(shop, "second"), "--prefix", "p")
    second = shop.path("p/current").readlink().name
    shop.run(program, "list", "p", sort=True)
    shop.run(program, "prewarm", "p", "--max-bytes", "1k")
    shop.run(program, "prewarm", "p", "nothing")
    shop.run(program, "rollback", "p")
    shop.run(program, "rollback", "p")
    shop.run(program, "rollback", "p", "nothing")
    shop.run(program, "verify", "p", second, "--full")
    shop.path("p/current/share/doc/readme").write_text("changed")
    shop.path("p/current/share/extra").write_text("added")
    shop.path("p/current/share/empty").unlink()
    shop.run(program, "verify", "p", second, "--full")
    # One by one, because the order of --all is that of the IDs.
    shop.run(program, "uninstall", "p", first)
    shop.run(program, "uninstall", "p", "--all")
    shop.run(program, "list", "p")


@case
def care_repair_history_gc(shop):
    program = installer(shop)
    shop.run(program, bundle(shop), "--prefix", "p", "--quiet")
    first = shop.path("p/current").readlink().name
    shop.run(program, bundle(shop, "second"), "--prefix", "p", "--quiet")
    shop.path(f"p/releases/{first}/share/doc/readme").write_text("changed")
    shop.path(f"p/releases/{first}/share/empty").unlink()
    shop.run(program, "repair", "p", "--from", bundle(shop))
    shop.run(program, "repair", "p", "--from", bundle(shop))
    shop.run(program, "repair", "p", first, "--from", bundle(shop, "second"))
    shop.run(program, "repair", "p", first, "--from", "-")
    shop.run(program, "gc", "p")
    shop.run(program, "gc", "p", "--leases", "on")
    shop.run(program, "gc", "p", "--keep", "1", "--older-than", "0", "--json")
    shop.hide(f"  {pwd.getpwuid(os.getuid()).pw_name}\n", "  <USER>\n")
    shop.run(program, "history", "p")
    shop.run(program, "list", "p")


@case
def trust_lists(shop):
    key = shop.shared / "first/key.pub"
    shop.run("envinstall", "trust", "list")
    fingerprint = subprocess.run([shop.programs["envinstall"], "trust", "add", key, "--json"], check=True, capture_output=True,
                                 text=True, env=shop.environment).stdout.split('"fingerprint":"')[1].split('"')[0]
    shop.run("envinstall", "trust", "add", key)
    shop.run("envinstall", "trust", "list")
    shop.run("envinstall", "trust", "add", fingerprint)
    shop.run("envinstall", "trust", "add", shop.shared / "first/key")
    shop.run("envinstall", bundle(shop), "--prefix", "p", "--require-signatures", "2")
    shop.run("envinstall", bundle(shop), "--prefix", "p", "--fips", "on")
    shop.run("envinstall", "trust", "revoke", fingerprint)
    shop.run("envinstall", bundle(shop), "--prefix", "p")
    shop.run("envinstall", bundle(shop), "--prefix", "p", "--trust", fingerprint)
    shop.run("envinstall", "trust", "remove", fingerprint)
    shop.run("envinstall", "trust", "remove", fingerprint)
    os.chmod(shop.path("home/.config/envinstall/allowed_signers"), 0o666)
    shop.run("envinstall", "trust", "list")


@case
def gpu_check_without_cuda(shop):
    program = installer(shop)
    shop.run(program, bundle(shop), "--prefix", "p", "--quiet")
    shop.run(program, "check", "p", "--quiet")
    shop.run(program, "check", "p", "--gpu-check=require", "--json", "--quiet")
    shop.run(program, "check", "p", "--gpu-check=perhaps")
    shop.run(program, "check", "nowhere")


@case
def install_from_a_pipe(shop):
    with bundle(shop).open("rb") as file:
        shop.run(installer(shop), "-", "--prefix", "p", stdin=file)


@case
def info(shop):
    shop.run("envinstall", "info", bundle(shop))
    program = installer(shop)
    shop.run(program, "info", bundle(shop))
    shop.run(program, bundle(shop), "--prefix", "p", "--quiet")
    shop.run(program, "info", "p")
    shop.run(program, "verify", bundle(shop))
    shop.run(program, "--version")


# --- the bundler

@case
def bundler_small_bundle(shop):
    small_bundle.make_tree(shop.path("tree"))
    small_bundle.make_manifest(shop.scratch)
    shop.run("envbundle", "keygen", "key")
    shop.run("envbundle", "keygen", "key")
    shop.run("envbundle", "lock", "small.toml", "-o", "small.lock")
    shop.run("envbundle", "lock", "small.toml", "-o", "small.lock")
    shop.run("envbundle", "fetch", "small.lock")
    arguments = ("build", "small.lock", "-o", "small.bundle.zst", "--key", "key", "--installer", shop.programs["envinstall"])
    shop.run("envbundle", *arguments)
    shop.run("envbundle", *arguments)
    shop.run("envbundle", "inspect", "small.bundle.zst")
    shop.run("envbundle", "verify", "small.bundle.zst", "--allowed-signers", "allowed")
    shop.path("allowed").write_text("me " + " ".join(shop.path("key.pub").read_text().split()[:2]) + "\n")
    shop.run("envbundle", "verify", "small.bundle.zst", "--allowed-signers", "allowed")
    shop.run("envbundle", "keygen", "second")
    shop.run("envbundle", "sign", "small.bundle.zst", "--key", "second")
    shop.run("envbundle", "sign", "small.bundle.zst", "--key", "second")


@case
def bundler_bad_manifests(shop):
    def manifest(name, text):
        shop.path(name).write_text(text)
        shop.run("envbundle", "lock", name, "-o", "x.lock")

    manifest("typo.toml", 'name = "x"\nversion = "1"\n\n[target]\nplatfrom = "linux-x86_64"\n')
    manifest("syntax.toml", 'name = "x\nversion = 1\n')
    manifest("never-built.toml",
             'name = "x"\nversion = "1"\n\n[target]\nplatform = "linux-x86_64"\npython = "3.11"\nglibc = "2.36"\n\n'
             '[python]\nrequirements = ["torch==2.8.0"]\n\n[gpu]\ncuda = "11.8"\n')
    shop.run("envbundle", "lock", "missing.toml")
    shop.path("broken.lock").write_text("lock-version = 99\n")
    shop.run("envbundle", "fetch", "broken.lock")
    assert not shop.path("x.lock").exists()


def help_case(program, *command):
    def run(shop):
        shop.run(program, *command, "--help")
    CASES["_".join(("help", program, *command))] = run


for _program, _commands in {
    "envinstall": ("check", "gc", "history", "list", "info", "prewarm", "repair", "stage", "trust", "verify", "rollback", "uninstall"),
    "envbundle": ("lock", "fetch", "build", "inspect", "verify", "keygen", "sign"),
    "envrun": ("shell", "jupyter", "kernelspec", "venv", "sshd", "ddp-check", "slurm-template", "doctor", "completion", "man"),
}.items():
    help_case(_program)
    for _command in _commands:
        help_case(_program, _command)
