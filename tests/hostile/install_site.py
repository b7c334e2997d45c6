"""A prefix to upgrade, or to fill for the first time, and what has to be true of it whatever happened to the install."""

import concurrent.futures
import hashlib
import os
import pathlib
import random
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import small_bundle  # noqa: E402

TIME_LIMIT = 120  # seconds, of one install
LARGE = 1 << 16  # bytes: worth a thread of its own
# What lives for a moment between making and renaming tells of no owner: it goes when it is an hour old.
OF_A_MOMENT = (".id.", ".floor.", ".check.", ".modules.", "link-", ".envinstall-")

# Hashing lets other threads run.
hashers = concurrent.futures.ThreadPoolExecutor(os.cpu_count())


def digest(path: pathlib.Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Bundles:
    """Two bundles of one key below `work`; `old` and `new` are the names of their releases."""

    def __init__(self, envbundle: pathlib.Path, installer: pathlib.Path, work: pathlib.Path, megabytes: float):
        self.work = work
        self.environment = {"PATH": "/usr/bin:/bin", "HOME": str(work), "LC_ALL": "C.UTF-8"}
        self.files = []
        key = None
        for text in ("one", "two"):
            self.files.append(self._build(envbundle, installer, work / text, text, key, megabytes))
            key = key or work / "one/key"
        shutil.rmtree(work / "cache", ignore_errors=True)
        self.installer = self.files[0].parent / "envinstall"

    def _build(self, envbundle, installer, folder, text, key, megabytes) -> pathlib.Path:
        filler = random.Random(text)
        environment = dict(os.environ, HOME=str(self.work), ENVBUNDLE_CACHE=str(self.work / "cache"))

        def run(*argv):
            subprocess.run([str(a) for a in argv], check=True, capture_output=True, env=environment, cwd=folder)

        small_bundle.make_tree(folder / "tree", text)
        count = max(1, int(megabytes))
        for number in range(count):
            content = filler.randbytes(int(megabytes * (1 << 20) / count))
            (folder / "tree/share" / f"data{number}").write_bytes(content)
        manifest = small_bundle.make_manifest(folder, "small", text, small_bundle.OURS)
        lock = manifest.with_suffix(".lock")
        run(envbundle, "lock", manifest, "-o", lock)
        if key is None:
            key = folder / "key"
            run(envbundle, "keygen", key)
        bundle = folder / "small.bundle.zst"
        run(envbundle, "build", lock, "-o", bundle, "--key", key, "--installer", installer, "--offline", "-j", "2")
        shutil.rmtree(folder / "tree")
        return bundle


class Site:
    """A prefix below `folder`. With `first` a run finds nothing there; without, the first bundle's release is active."""

    def __init__(self, bundles: Bundles, folder: pathlib.Path):
        self.bundles = bundles
        self.prefix = folder / "p"
        self.base = folder / "base"
        self.is_first = False
        self.known = {}
        folder.mkdir()
        self.trees, self.outside = {}, {}
        self.new = self._install(bundles.files[1])
        self.outside[True] = self.beside_releases()
        shutil.rmtree(self.prefix)
        self.old = self._install(bundles.files[0])
        shutil.copytree(self.prefix, self.base, symlinks=True)
        self._install(bundles.files[1])
        self.outside[False] = self.beside_releases()

    def _install(self, bundle: pathlib.Path) -> str:
        done = self.run(bundle)
        if done.returncode != 0:
            raise RuntimeError(done.stderr)
        name = self.current()
        self.trees[name] = self.snapshot(self.prefix / "releases" / name)
        return name

    def command(self, bundle=None) -> list:
        return [str(self.bundles.installer), str(bundle or self.bundles.files[1]), "--prefix", str(self.prefix),
                "--quiet", "--jobs", "2", "--wait", "5"]

    def run(self, bundle=None, before=()) -> subprocess.CompletedProcess:
        """The upgrade, started by the program `before` where one is given."""
        return subprocess.run([*before, *self.command(bundle)], capture_output=True, text=True, timeout=TIME_LIMIT,
                              env=self.bundles.environment)

    def reset(self, first: bool = False):
        shutil.rmtree(self.prefix, ignore_errors=True)
        self.known.clear()
        self.is_first = first
        if first:
            return
        # Releases do not change: hard links will do, and are quick.
        subprocess.run(["cp", "-al", self.base, self.prefix], check=True)
        shutil.rmtree(self.prefix / ".envinstall")
        subprocess.run(["cp", "-a", self.base / ".envinstall", self.prefix], check=True)

    def current(self):
        """The name of the active release, None without one."""
        try:
            return os.readlink(self.prefix / "current").removeprefix("releases/")
        except FileNotFoundError:
            return None

    def snapshot(self, top: pathlib.Path, without=frozenset({".bundle"})) -> dict:
        found, hashed = {}, []
        for folder, folders, files in os.walk(top):
            if pathlib.Path(folder) == top:
                folders[:] = [each for each in folders if each not in without]
            for each in folders + files:
                path = pathlib.Path(folder, each)
                info = path.lstat()
                name = str(path.relative_to(top))
                found[name] = (info.st_mode, os.readlink(path) if path.is_symlink() else "")
                if path.is_file() and not path.is_symlink():
                    hashed.append((name, path, info))
        # Nobody can set an inode's time of change: as long as that stays, so does what was read.
        state = {name: (info.st_dev, info.st_ino, info.st_size, info.st_ctime_ns) for name, path, info in hashed}
        fresh = [(name, path, info) for name, path, info in hashed if state[name] not in self.known]
        large = [item for item in fresh if item[2].st_size > LARGE]
        futures = [(name, hashers.submit(digest, path)) for name, path, info in large]
        for name, path, info in fresh:
            if info.st_size <= LARGE:
                self.known[state[name]] = digest(path)
        for name, future in futures:
            self.known[state[name]] = future.result()
        for name, path, info in hashed:
            found[name] = (info.st_mode, self.known[state[name]])
        return found

    def beside_releases(self) -> dict:
        """The links that people name, and the module files."""
        found = self.snapshot(self.prefix, {"releases", ".envinstall"})
        return {name: what for name, what in found.items() if not pathlib.Path(name).name.startswith(OF_A_MOMENT)}

    def problem(self, succeeded: bool) -> str:
        """What is not as it has to be after a run that reported success or did not; then the next run. "" = nothing."""
        current = self.current()
        if current not in (None if self.is_first else self.old, self.new):
            return f"current is {current}"
        if succeeded and current != self.new:
            return f"success was reported, and current is {current}"
        releases = self.prefix / "releases"
        names = [name for name in os.listdir(releases) if not name.startswith(".")] if releases.is_dir() else []
        if not self.is_first and self.old not in names:
            return "the old release is gone"
        if current and current not in names:
            return "current leads nowhere"
        for name in names:
            if self.snapshot(releases / name) != self.trees.get(name):
                return f"{name} is not whole"
        again = self.run()
        if again.returncode != 0:
            return f"the next run: exit {again.returncode}\n{again.stderr}"
        if self.current() != self.new:
            return "the next run did not activate the new release"
        if self.snapshot(releases / self.new) != self.trees[self.new]:
            return "the next run's release is not whole"
        beside = self.beside_releases()
        if beside != self.outside[self.is_first]:
            return f"beside the releases: {sorted(beside.items() ^ self.outside[self.is_first].items())}"
        left = [p.name for p in (self.prefix / ".envinstall").iterdir()
                if p.name not in ("id", "floor", "log") and not p.name.startswith(OF_A_MOMENT)]
        return f"left over: {left}" if left else ""
