"""Mark 1: an install against everything that makes the same tree, on tmpfs and on a disk."""

import os
import pathlib

import heats
import machine
import place as places
import stopwatch
import tools as tool_rooms
from stopwatch import Contestant

OURS = "envinstall"
PEERS = ("cp -r", "cp -r, all cores", "zstd -dc | tar -x", "unsquashfs", "uv pip install, from wheels",
         "uv pip install, cache warm", "pip install", "conda-pack")
NOTES = {
    "uv pip install, from wheels": "empty cache: uv unpacks each wheel into it, then copies; no bytecode",
    "uv pip install, cache warm": "for information: what it copies was unpacked before; no bytecode",
    "pip install": "into a fresh venv; compiles bytecode, as envbundle's release has it",
    "cp -r, all cores": "the tree cut into parts of about the same size",
}
PARTS_PER_PROCESS = 8  # so that processes end together although the tree's parts differ in size


class InstallContest:
    """All contestants of one subject in one place."""

    def __init__(self, place: places.Place, subject, tools: tool_rooms.Tools, sources: places.Sources):
        self.place, self.subject, self.tools, self.sources = place, subject, tools, sources
        self.target = place.path("target")
        self.processes = machine.cores()
        self.wrapper: list = []  # a program that each contestant's own is started by, such as strace
        self.pip_wheel: pathlib.Path | None = None
        if any(wheel["name"] == "pip" for wheel in subject.lock.wheels):
            name = next(wheel["file"] for wheel in subject.lock.wheels if wheel["name"] == "pip")
            self.pip_wheel = place.path("wheels") / name

    # Each contestant: what it reads, how many bytes it writes, what is done before, and the work itself.
    def offers(self) -> dict[str, tuple[set[str], int, object, object]]:
        tree, wheels = self.sources.sizes["tree"], self.sources.sizes["uv cache"]
        return {
            OURS: ({"bundle"}, tree, None, self.envinstall),
            "cp -r": ({"tree"}, tree, None, lambda: self.run(["cp", "-r", self.place.path("tree"), self.target])),
            "cp -r, all cores": ({"tree"}, tree, self.split_tree, self.copy_in_parallel),
            "zstd -dc | tar -x": ({"bundle"}, tree, None, self.untar),
            "unsquashfs": ({"image"}, tree, None, self.unsquash),
            "uv pip install, from wheels": ({"wheels"}, 2 * wheels, self.venv_for_uv, self.uv_from_wheels),
            "uv pip install, cache warm": ({"wheels", "uv cache"}, wheels, self.venv_for_uv, self.uv_from_cache),
            "pip install": ({"wheels"}, tree, self.venv_for_pip, self.pip),
            "conda-pack": ({"conda pack"}, tree, None, None),
        }

    def unavailable(self) -> dict[str, str]:
        missing = self.tools.missing
        why = {
            "zstd -dc | tar -x": missing.get("zstd"),
            "unsquashfs": missing.get("unsquashfs") or missing.get("mksquashfs"),
            "uv pip install, from wheels": missing.get("uv") or missing.get("venv"),
            "uv pip install, cache warm": missing.get("uv") or missing.get("venv"),
            "pip install": missing.get("venv"),
            "conda-pack": missing.get("conda") or missing.get("conda-pack")
            or "no channel of conda holds the packages of this lock",
        }
        return {name: reason for name, reason in why.items() if reason}

    def run(self, argv, **options) -> stopwatch.Cost:
        return stopwatch.run([*self.wrapper, *argv], sync=self.place.yard, **options)

    def shell(self, script: str, *arguments) -> stopwatch.Cost:
        return self.run(stopwatch.shell_command(script, *arguments))

    def envinstall(self, *options: str) -> stopwatch.Cost:
        folder = self.place.path("bundle")
        return self.run([folder / "envinstall", folder / self.subject.bundle.name, "--prefix", self.target, "-q",
                         "--gpu-check=skip", *options])

    def split_tree(self) -> None:
        """Lists of paths for the processes: folders are split until no part is larger than a share."""
        tree = self.place.path("tree")
        share = self.subject.tree_bytes / (self.processes * PARTS_PER_PROCESS)
        folders, parts = split(tree, share)
        lists = self.place.path("lists")
        lists.mkdir(exist_ok=True)
        (lists / "folders").write_bytes(b"".join(os.fsencode(f) + b"\0" for f in folders))
        names = []
        for number, part in enumerate(parts):
            name = lists / f"part{number}"
            name.write_bytes(b"".join(os.fsencode(p) + b"\0" for p in part))
            names.append(str(name))
        (lists / "parts").write_text("\0".join(names) + "\0")

    def copy_in_parallel(self) -> stopwatch.Cost:
        lists = self.place.path("lists")
        script = ('mkdir -p "$2"; (cd "$2" && xargs -0 -r -a "$3/folders" mkdir -p); cd "$1"; '
                  'xargs -0 -a "$3/parts" -P "$4" -I PART xargs -0 -a PART cp -r --parents -t "$2" --')
        return self.shell(script, self.place.path("tree"), self.target, lists, self.processes)

    def untar(self) -> stopwatch.Cost:
        bundle = self.place.path("bundle") / self.subject.bundle.name
        return self.shell('mkdir "$2"; zstd -dc "$1" | tar -xf - -C "$2"', bundle, self.target)

    def unsquash(self) -> stopwatch.Cost:
        return self.run(["unsquashfs", "-q", "-n", "-no-xattrs", "-d", self.target, self.place.path("image")])

    def venv_for_pip(self) -> None:
        tool_rooms.make_venv(self.tools.python, self.target, self.pip_wheel)

    def venv_for_uv(self) -> None:
        tool_rooms.make_venv(self.tools.python, self.target, with_pip=False)

    def pip(self) -> stopwatch.Cost:
        return self.run(places.pip_install(self.target / "bin/python", self.place.path("wheels")))

    def uv_from_wheels(self) -> stopwatch.Cost:
        """An empty cache: what a person has who carries wheels to a machine."""
        cache = self.place.path("uv.empty")
        return self.run(places.uv_install(self.tools.uv, self.target / "bin/python", self.place.path("wheels"), cache))

    def uv_from_cache(self) -> stopwatch.Cost:
        return self.run(places.uv_install(self.tools.uv, self.target / "bin/python", self.place.path("wheels"),
                                          self.place.path("uv cache")))

    def contestant(self, name: str, cold: bool) -> Contestant:
        reads, size, before, work = self.offers()[name]

        def prepare():
            self.clear()
            if before:
                before()
            if not self.place.in_memory:
                self.place.settle()  # which drops the caches
                if not cold:
                    places.warm(*(self.place.path(source) for source in reads))

        memory = size + (sum(self.sources.sizes[source] for source in reads) if cold else 0)
        return Contestant(name, work, prepare, self.clear, lambda: self.check(name), ours=name == OURS, memory=memory)

    def check(self, name: str) -> None:
        """Did it make the tree, or install the wheels? A quick program that does not is no peer."""
        if "pip" in name:
            found = len(list(self.target.glob("lib/python*/site-packages/*.dist-info")))
            wanted, what = len(self.subject.lock.wheels), "installed packages"
        else:
            found = sum(len(files) for _, _, files in os.walk(self.target))  # links count as files here
            wanted, what = self.subject.files, "files"
        if found < wanted:
            raise stopwatch.Failed(f"{name} left {found} {what}, not {wanted}")

    def clear(self) -> None:
        self.place.remove("target", "uv.empty", "lists")

    def contest(self, runs: int, cold: bool = False, only: list[str] | None = None):
        """Returns costs by heat and contestant, and why others are not available. Several heats where not all
        sources fit at once; we run in each of them."""
        failures = self.unavailable()
        offers = {n: o for n, o in self.offers().items() if n not in failures and (not only or n in only or n == OURS)}
        entries = {n: heats.Entry(n, frozenset(o[0]), o[1]) for n, o in offers.items()}
        ours = entries.pop(OURS)
        capacity = self.sources.capacity()
        plan, refused = heats.plan_heats(ours, list(entries.values()), self.sources.sizes, capacity)
        for name, size in refused.items():
            failures[name] = (f"does not fit: it takes {size / 1e9:.1f} GB at once (sources and target), and "
                              f"{capacity / 1e9:.1f} GB may be used on {self.place.folder}")
        results = []
        for heat in plan:
            lacking = self.sources.put(heat.sources)
            for name in heat.names:
                failures.update({name: why for source, why in lacking.items() if source in offers[name][0]})
            title = f"{self.subject.name}, install on {self.place.name}{', caches dropped' if cold else ''}"
            costs, failed = stopwatch.take_turns([self.contestant(n, cold) for n in heat.names if n not in failures],
                                                 runs, title)
            results.append(costs)
            failures.update(failed)
        return results, failures


def split(tree: pathlib.Path, share: float) -> tuple[list[str], list[list[str]]]:
    """Folders that must be there first, and parts of about `share` bytes, the largest first. Paths are relative."""
    folders: list[str] = []
    pieces: list[tuple[int, str]] = []

    def size_of(path: pathlib.Path) -> int:
        if path.is_symlink() or path.is_file():
            return path.lstat().st_size
        return sum(size_of(child) for child in path.iterdir())

    def take(path: pathlib.Path) -> None:
        size = size_of(path)
        if size > share and path.is_dir() and not path.is_symlink():
            if path != tree:
                folders.append(str(path.relative_to(tree)))
            for child in sorted(path.iterdir()):
                take(child)
        else:
            pieces.append((size, str(path.relative_to(tree))))

    take(tree)
    parts: list[list[str]] = []
    filled = share
    for size, name in sorted(pieces, reverse=True):
        if filled + size > share or not parts:
            parts.append([])
            filled = 0
        parts[-1].append(name)
        filled += size
    return folders, parts
