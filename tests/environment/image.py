#!/usr/bin/env python3
"""A release in image form (`envinstall --as-image`) on nodes of all kinds: with fusermount, with user namespaces only,
without FUSE.

    tests/environment/image.py --made OUT/NAME [--work DIR]

OUT/NAME is the folder that packaging/quickstart filled (bundle and envinstall). A "node" is a mount namespace with a /tmp,
/dev/shm and /dev/fuse of its own, in which an ordinary user works, so root is needed to make one; without it the test
says so. Prints a line a check, measured times, and at the end `N passed, N failed`.
"""

import argparse
import contextlib
import hashlib
import os
import pathlib
import random
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from report import Report  # noqa: E402

USER = 64321
OTHER = 64322


def differs(actual, expected):
    return "" if actual == expected else f"{actual!r} instead of {expected!r}"


class Node:
    """A mount namespace that a holder process keeps; commands run in it as an ordinary user."""

    def __init__(self, work, *, fusermount=True, fuse=True, shm="6g", tmp="6g"):
        self.holder = subprocess.Popen(["unshare", "--mount", "--propagation", "private", "sleep", "3600"])
        deadline = time.monotonic() + 10
        while os.readlink(f"/proc/{self.holder.pid}/ns/mnt") == os.readlink("/proc/self/ns/mnt"):
            if time.monotonic() > deadline:
                raise RuntimeError("unshare did not make a mount namespace")
            time.sleep(0.01)
        try:
            self.prepare(work, fusermount, fuse, shm, tmp)
        except BaseException:
            self.holder.kill()
            raise

    def prepare(self, work, fusermount, fuse, shm, tmp):
        device = work / "fuse-device"
        if not device.exists():
            os.mknod(device, stat.S_IFCHR | 0o666, os.makedev(10, 229))
            device.chmod(0o666)
        blocked = work / "blocked"
        blocked.write_text("")
        blocked.chmod(0)
        self.root(f"mount -t tmpfs -o mode=1777,size={tmp} tmp /tmp")
        self.root(f"mount -t tmpfs -o mode=1777,size={shm} shm /dev/shm")
        # fusermount asks for the name of whoever calls it.
        users = work / "passwd"
        users.write_text(pathlib.Path("/etc/passwd").read_text() + f"one:x:{USER}:{USER}::/tmp:/bin/sh\n"
                         f"two:x:{OTHER}:{OTHER}::/tmp:/bin/sh\n")
        self.root(f"mount --bind {users} /etc/passwd")
        self.root(f"mount --bind {device if fuse else blocked} /dev/fuse")
        if not fusermount:
            for path in ("/usr/bin/fusermount3", "/usr/bin/fusermount"):
                if pathlib.Path(path).exists():
                    self.root(f"mount --bind {blocked} {os.path.realpath(path)}")

    def root(self, command):
        subprocess.run(["nsenter", "-t", str(self.holder.pid), "-m", "--", "sh", "-ec", command], check=True, timeout=60)

    def argv(self, command, variables, user, cwd):
        env = [f"{name}={value}" for name, value in variables.items()]
        return ["nsenter", "-t", str(self.holder.pid), "-m", "--", "setpriv", f"--reuid={user}", f"--regid={user}",
                "--clear-groups", "env", "-i", f"--chdir={cwd}", "PATH=/usr/bin:/bin", "HOME=/tmp", *env, *map(str, command)]

    def start(self, command, *, cwd="/", user=USER, **variables):
        argv = self.argv(command, variables, user, cwd)
        return subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def run(self, command, *, limit=300, **options):
        child = self.start(command, **options)
        try:
            out, err = child.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            child.kill()
            child.communicate()
            return 124, "", f"ran past {limit} s"
        return child.returncode, out.strip(), err.strip()

    def servers(self):
        """Processes of this node that serve a mount."""
        here = os.readlink(f"/proc/{self.holder.pid}/ns/mnt")
        out = []
        for entry in pathlib.Path("/proc").iterdir():
            with contextlib.suppress(OSError, ValueError):
                words = (entry / "cmdline").read_bytes().split(b"\0")
                if words[:2] != [b"envimage", b"--serve"]:
                    continue
                # One in a namespace of its own has a root like this node's.
                same = os.readlink(entry / "ns/mnt") == here or words[2] == b"namespace"
                if same and os.stat(entry).st_uid in (USER, OTHER):
                    out.append(int(entry.name))
        return out

    def ways(self):
        """By which way each of them mounts."""
        return [pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[2].decode() for pid in self.servers()]

    def close(self):
        for pid in self.servers():
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        self.holder.kill()
        self.holder.wait()


@contextlib.contextmanager
def node(work, **abilities):
    made = Node(work, **abilities)
    try:
        yield made
    finally:
        made.close()


class Subject:
    def __init__(self, made, work):
        self.bundle = next(made.glob("*.bundle.zst"))
        self.installer = made / "envinstall"
        self.work = work
        self.prefix = work / "prefix"
        self.script = ("import sys, torch; print(torch.ones(2, 2).sum().item())" if "pytorch" in self.bundle.name
                       else "import sys, numpy; print(float(numpy.ones((2, 2)).sum()))")

    def envinstall(self, *arguments):
        done = subprocess.run([self.installer, *map(str, arguments)], capture_output=True, text=True, timeout=900,
                              check=False)
        return done.returncode, done.stdout, done.stderr

    def install(self, *options):
        return self.envinstall(self.bundle, "--prefix", self.prefix, "-q", *options)

    def release(self, image=True):
        found = [p for p in (self.prefix / "releases").iterdir() if ("-image-" in p.name) == image]
        return found[0]

    def python(self, *arguments):
        return [self.prefix / "bin/python", *arguments]


def contents(root):
    out = {}
    for folder, folders, files in os.walk(root):
        for name in folders + files:
            path = os.path.join(folder, name)
            info = os.lstat(path)
            below = os.path.relpath(path, root)
            if below.split("/")[0] == ".bundle":
                continue
            if stat.S_ISLNK(info.st_mode):
                out[below] = os.readlink(path)
            elif stat.S_ISDIR(info.st_mode):
                out[below] = oct(info.st_mode)
            else:
                with open(path, "rb") as file:
                    out[below] = (oct(info.st_mode), hashlib.file_digest(file, "sha256").hexdigest())
    return out


def test_forms(subject, report):
    """Tree -> image -> tree in one prefix."""
    begin = time.monotonic()
    code, _, err = subject.install()
    report.check("tree form", err if code else "")
    tree_seconds = time.monotonic() - begin
    begin = time.monotonic()
    code, _, err = subject.install("--as-image")
    image_seconds = time.monotonic() - begin
    report.check("image form beside it", err if code else "")
    image = subject.release()
    tree = subject.release(image=False)
    count = sum(len(folders) + len(files) for _, folders, files in os.walk(image))
    size = (image / "image.sqfs").stat().st_size
    print(f"time    install: tree {tree_seconds:.1f} s, image {image_seconds:.1f} s; {size / 1e6:.0f} MB in {count} names")
    report.check("current leads to the image", differs(os.path.realpath(subject.prefix / "current"), str(image)))
    report.check("few files", "" if count < 200 else f"{count} names")
    before = image.stat().st_ino
    code, _, err = subject.install("--as-image")
    report.check("again: nothing is done", err or differs((code, image.stat().st_ino), (0, before)))
    code, _, _ = subject.install()
    report.check("back to the tree", differs(os.path.realpath(subject.prefix / "current"), str(tree)))
    subject.install("--as-image")
    code, _, err = subject.envinstall("rollback", subject.prefix, "-q")
    report.check("rollback to the tree", err or differs(os.path.realpath(subject.prefix / "current"), str(tree)))
    code, _, err = subject.envinstall("rollback", subject.prefix, "-q")
    report.check("and to the image", err or differs(os.path.realpath(subject.prefix / "current"), str(image)))
    code, out, err = subject.envinstall("list", subject.prefix)
    report.check("list shows both", "" if tree.name in out and f"* {image.name}" in out else out + err)
    code, out, err = subject.envinstall("verify", subject.prefix, image.name, "--full")
    report.check("verify --full", "" if code == 0 else out + err)
    return tree, image


def test_same_content(subject, report, tree, image):
    root = subprocess.run([image / "libexec/envbundle/envimage", "--root"], capture_output=True, text=True, timeout=120,
                          check=False)
    report.check("root sees the tree", root.stderr)
    seen = root.stdout.strip()
    expected, actual = contents(tree), contents(seen)
    wrong = [path for path in expected.keys() | actual.keys() if expected.get(path) != actual.get(path)]
    report.check(f"the image holds the tree ({len(expected)} names)", ", ".join(sorted(wrong)[:3]))
    done = subprocess.run([image / "libexec/envbundle/envimage", "--unmount"], capture_output=True, text=True, timeout=60,
                          check=False)
    report.check("--unmount", done.stderr or ("still mounted" if os.path.ismount(seen) else ""))


def test_damage(subject, report, image):
    """A byte that is flipped anywhere is found."""
    path = image / "image.sqfs"
    whole = subject.work / "image.copy"
    shutil.copyfile(path, whole)
    with open(path, "r+b") as file:
        at = random.Random(7).randrange(4096, path.stat().st_size // 2)
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 0x10]))
    code, out, err = subject.envinstall("verify", subject.prefix, image.name, "--full")
    report.check("a flipped byte is found", "" if code == 13 and "image.sqfs/" in out else f"{code} {out[:300]} {err[:300]}")
    os.truncate(path, path.stat().st_size - 1)
    code, out, _ = subject.envinstall("verify", subject.prefix, image.name)
    report.check("a shorter image is found without --full", "" if code == 13 and "image.sqfs" in out else f"{code} {out}")
    code, _, err = subject.install("--as-image")
    report.check("an install does not build on it", differs((code, "damaged" in err), (13, True)))
    os.replace(whole, path)
    path.chmod(0o644)
    (image / "bin/extra").write_text("")
    code, out, _ = subject.envinstall("verify", subject.prefix, image.name)
    report.check("an added file is found", "" if code == 13 and "bin/extra" in out else f"{code} {out}")
    (image / "bin/extra").unlink()


def simultaneous(subject, here, count, **variables):
    begin = time.monotonic()
    children = [here.start(subject.python("-c", subject.script), **variables) for _ in range(count)]
    outs = []
    for child in children:
        try:
            out, err = child.communicate(timeout=300)
        except subprocess.TimeoutExpired:
            child.kill()
            out, err = "", "timed out"
        outs.append((child.returncode, out.strip(), err.strip()))
    return outs, time.monotonic() - begin


def test_starts(subject, report, here, label, way):
    """What every node must do, by whatever way."""
    begin = time.monotonic()
    outs, seconds = simultaneous(subject, here, 20)
    wrong = [each for each in outs if each[:2] != (0, "4.0")]
    report.check(f"{label}: 20 first starts at once", str(wrong[0]) if wrong else "")
    cold = seconds
    begin = time.monotonic()
    result = here.run(subject.python("-c", subject.script))
    report.check(f"{label}: one more", differs(result, (0, "4.0", "")))
    warm = time.monotonic() - begin
    print(f"time    {label}: 20 first starts {cold:.2f} s, then one {warm:.2f} s")
    root = here.run([subject.release() / "libexec/envbundle/envimage", "--root"])[1]
    code, out, err = here.run(subject.python("-c", "import sys; print(sys.prefix, sys.executable)"))
    report.check(f"{label}: sys.prefix", differs((code, out, err), (0, f"{root} {root}/bin/python", "")))
    folder = subject.work / "cwd"
    folder.mkdir(exist_ok=True)
    folder.chmod(0o777)
    result = here.run(subject.python("-c", "import os, sys; print(os.getcwd(), sys.argv[1:]); sys.exit(7)", "a b", ""),
                      cwd=folder)
    report.check(f"{label}: folder, arguments, exit status", differs(result, (7, f"{folder} ['a b', '']", "")))
    result = here.run(subject.python("-c", "import subprocess, sys; print(subprocess.run([sys.executable, '-c', "
                                     "'print(5)'], capture_output=True, text=True).stdout.strip(), "
                                     "subprocess.run(['id', '-u'], capture_output=True, text=True).stdout.strip())"))
    report.check(f"{label}: children", differs(result, (0, f"5 {USER}", "")))
    script = folder / f"script-{way}"
    script.write_text(f"#!{subject.prefix}/bin/python\nimport sys\nprint(sys.prefix)\n")
    script.chmod(0o755)
    report.check(f"{label}: a script's first line", differs(here.run([script]), (0, root, "")))
    link = folder / f"link-{way}"
    link.unlink(missing_ok=True)
    link.symlink_to(subject.prefix / "bin/python")
    report.check(f"{label}: through a link", differs(here.run([link, "-c", "import sys; print(sys.prefix)"]), (0, root, "")))
    activate = subject.prefix / "share/envbundle/activate.sh"
    code, out, err = here.run(["bash", "-c", f". {activate} && python -c 'import sys; print(sys.prefix)' && git --version"])
    report.check(f"{label}: activation", "" if code == 0 and out.splitlines()[0] == root and "git version" in out else
                 f"{code} {out} {err}")
    code, out, err = here.run([subject.prefix / "bin/envrun", "--help"])
    report.check(f"{label}: envrun", "" if code == 0 else f"{code} {out} {err}")
    venv = f"/tmp/venv-{way}"
    code, out, err = here.run(["sh", "-ec", f"{subject.prefix}/bin/python -m venv --without-pip --system-site-packages {venv}; "
                               f"{venv}/bin/python -c 'import sys; print(sys.prefix)'"], limit=120)
    report.check(f"{label}: a virtual environment", differs((code, out, err), (0, venv, "")))
    # Nothing that was started keeps the pipe of the first start open.
    report.check(f"{label}: servers", differs(here.ways(), [] if way == "unpack" else [way]))
    return root


def test_mounted(subject, report, here, label):
    """What is to be said of a mount."""
    for pid in here.servers():
        os.kill(pid, signal.SIGKILL)
    result = here.run(subject.python("-c", subject.script))
    report.check(f"{label}: after kill -9 of the server", differs(result, (0, "4.0", "")))
    servers = here.servers()
    report.check(f"{label}: a new server", differs(len(servers), 1))
    busy = here.start(subject.python("-c", "import time, sys; time.sleep(4); import json, decimal; print('still here')"))
    time.sleep(1)
    os.kill(servers[0], signal.SIGTERM)
    time.sleep(2)
    report.check(f"{label}: SIGTERM leaves nobody alone", differs(here.servers(), servers))
    out = busy.communicate(timeout=60)[0].strip()
    report.check(f"{label}: who works goes on working", differs(out, "still here"))
    deadline = time.monotonic() + 15
    while here.servers() and time.monotonic() < deadline:
        time.sleep(0.2)
    report.check(f"{label}: then it leaves", differs(here.servers(), []))
    here.run(subject.python("-c", "pass"), ENVIMAGE_IDLE="2")
    busy = here.start(subject.python("-c", "import time; time.sleep(6)"))
    time.sleep(5)
    report.check(f"{label}: a mount in use stays", differs(len(here.servers()), 1))
    busy.communicate(timeout=60)
    deadline = time.monotonic() + 20
    while here.servers() and time.monotonic() < deadline:
        time.sleep(0.2)
    report.check(f"{label}: an unused one goes", differs(here.servers(), []))
    one = here.run([subject.release() / "libexec/envbundle/envimage", "--root"], SLURM_JOB_ID="17")[1]
    two = here.run([subject.release() / "libexec/envbundle/envimage", "--root"], SLURM_JOB_ID="18")[1]
    report.check(f"{label}: two jobs have two mounts", "" if one != two and len(here.servers()) == 2 else f"{one} {two}")


def test_moved(subject, report, here, label):
    moved = subject.work / "elsewhere"
    subject.prefix.rename(moved)
    try:
        result = here.run([moved / "bin/python", "-c", subject.script])
        report.check(f"{label}: a moved prefix", differs(result, (0, "4.0", "")))
    finally:
        moved.rename(subject.prefix)


def test_hostile(subject, report, work):
    """Somebody else was first in /tmp."""
    with node(work) as here:
        here.root(f"mkdir -m 0777 /tmp/envbundle-{USER} && chown {OTHER} /tmp/envbundle-{USER}")
        code, out, err = here.run([subject.release() / "libexec/envbundle/envimage", "--root"])
        report.check("a foreign folder in /tmp is passed over", "" if code == 0 and out.startswith("/dev/shm/") else
                     f"{code} {out} {err}")
    with node(work) as here:
        here.root(f"mkdir -m 0777 /tmp/bait && ln -s /tmp/bait /tmp/envbundle-{USER}")
        code, out, err = here.run([subject.release() / "libexec/envbundle/envimage", "--root"])
        report.check("a link in /tmp is not followed", "" if code == 0 and out.startswith("/dev/shm/") else
                     f"{code} {out} {err}")
    with node(work, fuse=False, shm="1m", tmp="1m") as here:
        code, out, err = here.run(subject.python("-c", "pass"), TMPDIR="/dev/shm")
        wanted = ("cannot be used on this node", "/dev/fuse", "MB are free", "hint:")
        report.check("no way at all is told", "" if code == 126 and all(w in err for w in wanted) else f"{code} {out} {err}")


def test_unpacked(subject, report, work):
    with node(work, fuse=False) as here:
        root = test_starts(subject, report, here, "without FUSE", "unpack")
        report.check("unpacked in memory", "" if root.startswith("/dev/shm/") else root)
        test_moved(subject, report, here, "without FUSE")
    with node(work, fuse=False) as here:
        here.root("mkdir -m 0700 /tmp/job && chown 64321 /tmp/job")
        child = here.start(subject.python("-c", subject.script), SLURM_TMPDIR="/tmp/job")
        time.sleep(0.15)
        child.kill()
        child.communicate()
        outs, _ = simultaneous(subject, here, 4, SLURM_TMPDIR="/tmp/job")
        wrong = [each for each in outs if each[:2] != (0, "4.0")]
        report.check("killed while unpacking: the next starts do it", str(wrong[0]) if wrong else "")
        told = sum("unpacking" in each[2] for each in outs)
        report.check("unpacked once by four", differs(told, 1))
        code, out, _ = here.run([subject.release() / "libexec/envbundle/envimage", "--root"], SLURM_TMPDIR="/tmp/job")
        report.check("in the job's own folder", "" if out.startswith("/tmp/job/") else out)
    with node(work, fuse=False) as here:
        here.root("mount -o remount,noexec /dev/shm")
        code, out, err = here.run([subject.release() / "libexec/envbundle/envimage", "--root"])
        report.check("not where programs cannot be started", "" if out.startswith("/tmp/") else f"{code} {out} {err}")


def test_killed_install(subject, report):
    """SIGKILL at any moment of an install in image form leaves the old or the new one, and a second run finishes."""
    prefix = subject.work / "killed"
    command = [subject.installer, subject.bundle, "--prefix", prefix, "-q", "--as-image"]
    begin = time.monotonic()
    subprocess.run(command, check=True, capture_output=True, timeout=900)
    whole = time.monotonic() - begin
    shutil.rmtree(prefix)
    problem = ""
    for step in range(8):
        child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(whole * (step + 1) / 9)
        child.kill()
        child.wait()
        current = prefix / "current"
        if current.is_symlink():
            done = subprocess.run([subject.installer, "verify", prefix], capture_output=True, text=True, timeout=300,
                                  check=False)
            problem = problem or (done.stdout + done.stderr if done.returncode else "")
            break
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    report.check("killed installs, then one that is not", problem or (done.stderr if done.returncode else ""))
    left = [p.name for p in (prefix / ".envinstall").iterdir() if p.name.startswith(("stage-", "trash-"))]
    report.check("nothing is left of them", differs(left, []))
    shutil.rmtree(prefix)


def test_uninstall(subject, report):
    code, _, err = subject.envinstall("uninstall", subject.prefix, "--all", "-q")
    left = [str(p) for p in subject.prefix.rglob("*")] if subject.prefix.exists() else []
    report.check("uninstall leaves nothing", err if code else ", ".join(left[:5]))


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--made", type=pathlib.Path, required=True)
    options.add_argument("--work", type=pathlib.Path, help="where to work (default: in /var/tmp)")
    given = options.parse_args()
    if os.geteuid() != 0:
        print("skipped: nodes are made with mount namespaces, which needs root here")
        return 0
    report = Report()
    # Not in /tmp, which every node covers with its own.
    work = pathlib.Path(tempfile.mkdtemp(prefix="image-", dir=given.work or "/var/tmp"))
    work.chmod(0o755)
    try:
        subject = Subject(given.made.resolve(), work)
        tree, image = test_forms(subject, report)
        test_same_content(subject, report, tree, image)
        test_damage(subject, report, image)
        for label, way, abilities in (("fusermount", "fusermount", {}),
                                      ("user namespace", "namespace", {"fusermount": False})):
            with node(work, **abilities) as here:
                test_starts(subject, report, here, label, way)
                test_moved(subject, report, here, label)
            with node(work, **abilities) as here:
                test_mounted(subject, report, here, label)
        test_unpacked(subject, report, work)
        test_hostile(subject, report, work)
        test_killed_install(subject, report)
        test_uninstall(subject, report)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    print(f"{report.passed} passed, {report.failed} failed")
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
