#!/usr/bin/env python3
"""Kills a real install, at random times and at every system call:

    tests/hostile/kills.py random --envbundle PROGRAM --installer PROGRAM [--rounds N] [--megabytes N]
    tests/hostile/kills.py calls  --envbundle PROGRAM --installer PROGRAM [--step N]
    tests/hostile/kills.py errors --envbundle PROGRAM --installer PROGRAM [--step N]

random (F132): SIGKILL at a random time of an upgrade, as the out-of-memory killer, a job's time limit or a dying node
send it; some rounds send SIGTERM. calls (F130): strace -e inject=all:signal=KILL:when=N for every N-th system call.
errors: each system call fails with the errors that it can give, once and from then on.

After each run: the release that was there is whole, `current` is it or the new one, what is published is whole; then the
same command without fault finishes, and `envinstall verify --full` finds nothing. With EB_HOSTILE=all the full extent of
FAULTS §5. Exit code 77 and `skipped: …` where strace cannot be used. Prints `N passed, N failed`.
"""

import argparse
import hashlib
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import small_bundle  # noqa: E402

ALL = os.environ.get("EB_HOSTILE") == "all"
TIME_LIMIT = 120  # seconds, of one install

# What each call can answer (its manual page, and FAULTS F116–F124). Calls before main() are not ours.
ERRORS = {
    "openat": "EACCES EDQUOT EIO EMFILE ENFILE ENOENT ENOSPC EROFS ESTALE EINTR ENOMEM",
    "close": "EIO ENOSPC EDQUOT EINTR",
    "read": "EIO EINTR ESTALE",
    "pread64": "EIO EINTR ESTALE",
    "write": "EDQUOT EFBIG EINTR EIO ENOSPC",
    "pwrite64": "EDQUOT EFBIG EINTR EIO ENOSPC",
    "fallocate": "ENOSPC EOPNOTSUPP ENOSYS EINTR",
    "fchmod": "EIO EPERM EROFS",
    "fchmodat": "EIO EPERM EROFS",
    "fsync": "EIO ENOSPC EDQUOT",
    "syncfs": "EIO ENOSPC ENOSYS",
    "fstat": "EIO ESTALE ENOMEM",
    "newfstatat": "EACCES EIO ESTALE ENOMEM",
    "fstatfs": "EIO ENOSYS ESTALE",
    "faccessat2": "ENOSYS EACCES EROFS",
    "faccessat": "EACCES EROFS EIO",
    "mkdirat": "EACCES EDQUOT EIO ENOSPC EROFS ESTALE EMLINK",
    "symlinkat": "EACCES EDQUOT EIO ENOSPC EPERM EROFS",
    "readlinkat": "EIO ESTALE EACCES",
    "renameat": "EACCES EDQUOT EIO ENOSPC EROFS ESTALE ENOENT ETIMEDOUT EBUSY",
    "unlinkat": "EACCES EBUSY EIO EROFS ESTALE",
    "getdents64": "EIO ENOENT ESTALE",
    "quotactl_fd": "ENOSYS EPERM ESRCH",
    "statx": "ENOSYS EIO EACCES",
    "mmap": "ENOMEM",
    "clone3": "EAGAIN ENOSYS",
}
# 1: only before anything was read, or where not even the message finds memory.
EXPECTED_CODES = {0, 1, 2, 10, 11, 12, 13, 20, 21, 22, 23, 24}


class Site:
    """Two bundles, and a prefix that holds the first of them."""

    def __init__(self, envbundle: pathlib.Path, installer: pathlib.Path, work: pathlib.Path, megabytes: float):
        self.work = work
        environment = dict(os.environ, HOME=str(work), ENVBUNDLE_CACHE=str(work / "cache"))
        self.bundles = []
        key = None
        for text in ("one", "two"):
            folder = work / text
            small_bundle.make_tree(folder / "tree", text)
            filler = random.Random(text)
            for number in range(max(1, int(megabytes))):
                size = int(megabytes * (1 << 20) / max(1, int(megabytes)))
                (folder / "tree/share" / f"data{number}").write_bytes(filler.randbytes(size))
            self.bundles.append(self.build(envbundle, installer, folder, text, key, environment))
            key = key or folder / "key"
        self.installer = self.bundles[0].parent / "envinstall"
        self.environment = {"PATH": "/usr/bin:/bin", "HOME": str(work), "LC_ALL": "C.UTF-8"}
        self.prefix = work / "p"
        self.names, self.trees = [], {}
        for bundle in self.bundles:
            done = self.run(bundle)
            if done.returncode != 0:
                raise RuntimeError(done.stderr)
            name = os.readlink(self.prefix / "current").removeprefix("releases/")
            self.names.append(name)
            self.trees[name] = self.snapshot(name)
        shutil.rmtree(self.prefix)
        self.run(self.bundles[0])
        self.base = work / "base"
        self.prefix.rename(self.base)

    @staticmethod
    def build(envbundle, installer, folder, text, key, environment):
        manifest = small_bundle.make_manifest(folder, "small", text, small_bundle.OURS)

        def run(*argv):
            subprocess.run([str(a) for a in argv], check=True, capture_output=True, env=environment, cwd=folder)

        run(envbundle, "lock", manifest, "-o", manifest.with_suffix(".lock"))
        if key is None:
            key = folder / "key"
            run(envbundle, "keygen", key)
        bundle = folder / "small.bundle.zst"
        run(envbundle, "build", manifest.with_suffix(".lock"), "-o", bundle, "--key", key, "--installer", installer,
            "--offline", "-j", "2")
        return bundle

    def command(self, bundle) -> list:
        return [str(self.installer), str(bundle), "--prefix", str(self.prefix), "--quiet", "--jobs", "2", "--wait", "5"]

    def run(self, bundle) -> subprocess.CompletedProcess:
        return subprocess.run(self.command(bundle), capture_output=True, text=True, timeout=TIME_LIMIT,
                              env=self.environment)

    def reset(self):
        shutil.rmtree(self.prefix, ignore_errors=True)
        # Releases do not change: hard links will do, and are quick.
        subprocess.run(["cp", "-al", self.base, self.prefix], check=True)
        shutil.rmtree(self.prefix / ".envinstall")
        subprocess.run(["cp", "-a", self.base / ".envinstall", self.prefix], check=True)

    def snapshot(self, name: str) -> dict:
        found = {}
        top = self.prefix / "releases" / name
        for folder, folders, files in os.walk(top):
            if pathlib.Path(folder) == top:
                folders[:] = [each for each in folders if each != ".bundle"]
            for each in folders + files:
                path = pathlib.Path(folder, each)
                info = path.lstat()
                content = (os.readlink(path) if path.is_symlink() else
                           hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "")
                found[str(path.relative_to(top))] = (info.st_mode, content)
        return found

    def problem(self) -> str:
        """What is not as it has to be after whatever happened; then the next run."""
        try:
            current = os.readlink(self.prefix / "current").removeprefix("releases/")
        except OSError as error:
            return f"no current: {error}"
        if current not in self.names:
            return f"current is {current}"
        for name in self.names:
            if not (self.prefix / "releases" / name).exists():
                if name == self.names[0]:
                    return "the old release is gone"
                continue
            if self.snapshot(name) != self.trees[name]:
                return f"{name} is not whole"
        again = self.run(self.bundles[1])
        if again.returncode != 0:
            return f"the next run: exit {again.returncode}\n{again.stderr}"
        if os.readlink(self.prefix / "current") != f"releases/{self.names[1]}":
            return "the next run did not activate the new release"
        if self.snapshot(self.names[1]) != self.trees[self.names[1]]:
            return "the next run's release is not whole"
        # What lives for a moment between making and renaming tells of no owner: it goes when it is an hour old.
        of_a_moment = (".id.", ".floor.", ".check.", "link-")
        left = [p.name for p in (self.prefix / ".envinstall").iterdir()
                if p.name not in ("id", "floor", "log") and not p.name.startswith(of_a_moment)]
        if left:
            return f"left over: {left}"
        return ""


class Count:
    def __init__(self):
        self.passed = self.failed = 0

    def add(self, label: str, problem: str):
        if problem:
            self.failed += 1
            if self.failed <= 20:
                print(f"FAILED  {label}: {problem}", flush=True)
        else:
            self.passed += 1


def kill_at_random(site: Site, rounds: int, count: Count):
    begin = time.monotonic()
    site.reset()
    site.run(site.bundles[1])
    usual = time.monotonic() - begin
    chance = random.Random(132)
    ended = {}
    for number in range(rounds):
        site.reset()
        process = subprocess.Popen(site.command(site.bundles[1]), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                   env=site.environment)
        time.sleep(chance.uniform(0, 1.1 * usual))
        sent = signal.SIGTERM if number % 5 == 4 else signal.SIGKILL
        process.send_signal(sent)
        code = process.wait(TIME_LIMIT)
        ended[code] = ended.get(code, 0) + 1
        problem = "" if code in (0, -sent, 128 + sent) else f"exit {code}"
        count.add(f"round {number}", problem or site.problem())
    print(f"an undisturbed upgrade takes {usual:.2f} s; ends by exit code: {ended}")


def strace(site: Site, *options) -> subprocess.CompletedProcess:
    return subprocess.run(["strace", "-f", "-o", "/dev/null", *options, *site.command(site.bundles[1])],
                          capture_output=True, text=True, timeout=TIME_LIMIT, env=site.environment)


def count_calls(site: Site) -> dict:
    site.reset()
    trace = site.work / "trace"
    subprocess.run(["strace", "-f", "-o", trace, *site.command(site.bundles[1])], check=True, capture_output=True,
                   env=site.environment, timeout=TIME_LIMIT)
    calls = {}
    for name in re.findall(r"^\d+\s+(\w+)\(", trace.read_text(errors="replace"), re.MULTILINE):
        calls[name] = calls.get(name, 0) + 1
    return calls


def kill_at_calls(site: Site, step: int, count: Count):
    calls = count_calls(site)
    # strace counts a call of each name by itself.
    total = 0
    for name, times in sorted(calls.items()):
        if name in ("execve", "exit_group", "exit"):
            continue
        for when in range(1, times + 1, step):
            site.reset()
            strace(site, "-e", f"inject={name}:signal=KILL:when={when}")
            total += 1
            count.add(f"killed at {name} {when} of {times}", site.problem())
    print(f"{sum(calls.values())} system calls of {len(calls)} kinds, {total} kills")


def fail_calls(site: Site, step: int, count: Count):
    calls = count_calls(site)
    runs = 0
    for name, errors in ERRORS.items():
        for index, error in enumerate(errors.split()):
            for when in range(1 + index % step, calls.get(name, 0) + 1, step):
                for more in ("", "+"):
                    # The kernel does not interrupt one call for ever.
                    if more and error == "EINTR":
                        continue
                    site.reset()
                    done = strace(site, "-e", f"inject={name}:error={error}:when={when}{more}")
                    runs += 1
                    label = f"{name} {error} at {when}{more}"
                    if done.returncode not in EXPECTED_CODES:
                        count.add(label, f"exit {done.returncode}\n{done.stderr}")
                    else:
                        count.add(label, site.problem())
    print(f"{runs} runs")


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("what", choices=["random", "calls", "errors"])
    options.add_argument("--envbundle", type=pathlib.Path, required=True)
    options.add_argument("--installer", type=pathlib.Path, required=True)
    options.add_argument("--rounds", type=int, default=500 if ALL else 40)
    options.add_argument("--megabytes", type=float, default=1000 if ALL else 40)
    options.add_argument("--step", type=int)
    args = options.parse_args()
    uses_strace = args.what != "random"
    if uses_strace and subprocess.run(["strace", "-o", "/dev/null", "true"], capture_output=True).returncode != 0 \
            if shutil.which("strace") else uses_strace:
        print("skipped: strace is not there, or may not trace")
        return 77
    base = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    work = pathlib.Path(tempfile.mkdtemp(prefix="envbundle-kills-", dir=base))
    count = Count()
    try:
        site = Site(args.envbundle.resolve(), args.installer.resolve(), work, 0.3 if uses_strace else args.megabytes)
        if args.what == "random":
            kill_at_random(site, args.rounds, count)
        elif args.what == "calls":
            kill_at_calls(site, args.step or (1 if ALL else 12), count)
        else:
            fail_calls(site, args.step or (1 if ALL else 40), count)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    print(f"{count.passed} passed, {count.failed} failed")
    return 1 if count.failed or not count.passed else 0


if __name__ == "__main__":
    sys.exit(main())
