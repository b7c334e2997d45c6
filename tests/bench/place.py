"""Where a contest takes place: a folder on tmpfs or on a disk, and the state of the caches before each run."""

import dataclasses
import os
import pathlib
import shutil

import machine
import stopwatch
import subject as subjects
import tools as tool_rooms

RESERVE_BYTES = 1_000_000_000  # for the programs themselves and what else the machine runs


@dataclasses.dataclass
class Place:
    """One yard, emptied at the end; the sources that contestants read are put into it once."""

    name: str
    folder: pathlib.Path
    in_memory: bool

    def __post_init__(self):
        self.yard = self.folder / f"envbundle-bench-{os.getpid()}"
        self.yard.mkdir(parents=True)
        self.kind, self.device = machine.file_system(self.folder)

    def capacity(self) -> int:
        """Bytes that may be put here."""
        free = machine.free_space(self.folder)
        return min(free, machine.available_memory() - RESERVE_BYTES) if self.in_memory else free - RESERVE_BYTES

    def path(self, name: str) -> pathlib.Path:
        return self.yard / name

    def remove(self, *names: str) -> None:
        for name in names:
            target = self.path(name)
            if target.exists() or target.is_symlink():
                stopwatch.run(["rm", "-rf", target])

    def settle(self) -> None:
        """What earlier runs wrote or removed is on the disk before the next begins, and out of memory where that is
        permitted; what is to be warm is read after this. An ext4 without a journal gives out no inode whose removal it
        has in memory and that is less than six minutes old, and passes over them one by one (fs/ext4/ialloc.c,
        recently_deleted()): after `rm -rf` of 45,000 files an install takes 22 s, and 10 s when they are forgotten."""
        if self.in_memory:
            return
        stopwatch.sync_file_system(self.yard)
        if machine.may_drop_caches():
            machine.drop_caches()

    def __enter__(self) -> "Place":
        return self

    def __exit__(self, *_) -> None:
        shutil.rmtree(self.yard, ignore_errors=True)


def warm(*paths: pathlib.Path) -> None:
    """Reads everything once, so that a run with warm caches finds it in memory."""
    for path in paths:
        if path.exists():
            stopwatch.shell('find -L "$1" -type f -print0 | xargs -0 -r cat >/dev/null', path)


class Sources:
    """What contestants read, each made once per place: the bundle, the tree, the wheels, an image of the tree."""

    def __init__(self, place: Place, subject: subjects.Subject, tools: tool_rooms.Tools, image):
        self.place, self.subject, self.tools, self.make_image = place, subject, tools, image
        self.sizes = {
            "bundle": subject.bundle_bytes, "tree": subject.tree_bytes,
            "wheels": sum(wheel["size"] for wheel in subject.lock.wheels),
            "image": int(subject.bundle_bytes * 1.1), "uv cache": subject.lock.unpacked_wheel_bytes(),
            "conda pack": subject.tree_bytes,
        }

    def capacity(self) -> int:
        """Bytes for sources and target: what is free, and what the sources that are there would give back. On a disk
        most of them are links to files elsewhere, which give nothing back."""
        held = [name for name in self.sizes if self.place.path(name).exists()
                and (self.place.in_memory or name in ("tree", "uv cache"))]
        return self.place.capacity() + sum(self.sizes[name] for name in held)

    def put(self, names: frozenset[str]) -> dict[str, str]:
        """Makes those that are not there, and removes those that are not named. Returns which could not be made, and
        why; the bundle and the tree are not among them (our own programs make those): then it raises Failed."""
        failures: dict[str, str] = {}
        for name in self.sizes:
            if name not in names:
                self.place.remove(name)
        for name in (name for name in self.sizes if name in names):
            target = self.place.path(name)
            if target.exists():
                continue
            stopwatch.say(f"{self.place.name}: putting the {name} of {self.subject.name} there")
            try:
                getattr(self, "_put_" + name.replace(" ", "_"))(target)
            except stopwatch.Failed as failure:
                if name in ("bundle", "tree"):
                    raise
                failures[name] = f"its {name} could not be made: {failure}"
                self.place.remove(name)
        self.place.settle()
        return failures

    def _copy(self, source: pathlib.Path, target: pathlib.Path) -> None:
        try:
            os.link(source, target)
        except OSError:
            shutil.copy2(source, target)

    def _put_bundle(self, target: pathlib.Path) -> None:
        target.mkdir()
        self._copy(self.subject.bundle, target / self.subject.bundle.name)
        self._copy(self.subject.installer, target / "envinstall")

    def _put_tree(self, target: pathlib.Path) -> None:
        """As the installer leaves it, on this file system: written by it, and the release folder moved out."""
        prefix = self.place.path("tree.prefix")
        stopwatch.run([self.subject.installer, self.subject.bundle, "--prefix", prefix, "-q", "--gpu-check=skip"])
        (release,) = (path for path in (prefix / "releases").iterdir() if path.is_dir())
        release.rename(target)
        self.place.remove("tree.prefix")

    def _put_wheels(self, target: pathlib.Path) -> None:
        subjects.link_wheels(self.subject, target)

    def _put_image(self, target: pathlib.Path) -> None:
        image = self.make_image()
        if image is None:
            raise stopwatch.Failed("no image was made on the disk")
        self._copy(image, target)

    def _put_uv_cache(self, target: pathlib.Path) -> None:
        """Filled by one install that is not timed; a cache that knows every wheel's unpacked form."""
        venv = self.place.path("uv.filling")
        try:
            python = tool_rooms.make_venv(self.tools.python, venv, with_pip=False)
            stopwatch.run(uv_install(self.tools.uv, python, self.place.path("wheels"), target))
        finally:
            self.place.remove("uv.filling")


def uv_install(uv: pathlib.Path, python: pathlib.Path, wheels: pathlib.Path, cache: pathlib.Path, *options) -> list:
    return [uv, "pip", "install", "--offline", "--no-index", "--no-deps", "--link-mode=copy", "--no-config",
            "--find-links", wheels, "--cache-dir", cache, "--python", python, *options,
            "-r", wheels / "requirements.txt"]


def pip_install(python: pathlib.Path, wheels: pathlib.Path) -> list:
    return [python, "-m", "pip", "install", "-q", "--no-index", "--no-deps", "--no-cache-dir", "--find-links", wheels,
            "-r", wheels / "requirements.txt"]
