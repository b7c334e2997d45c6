"""Mark 3: how large the bundle is, against what one could carry instead. Sizes that take long are remembered by the
tree's digest."""

import hashlib
import json
import pathlib
import subprocess

import stopwatch
import tools as tool_rooms

# The same bytes on every machine: no times, owners or order of the file system's. .bundle is the installer's own.
TAR = "tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --exclude=./.bundle -C \"$1\" -cf - ."
SOLID = "solid zstd -19 --long=27"


def tree_digest(tree: pathlib.Path) -> str:
    """SHA-256 of the tree's tar stream."""
    child = subprocess.Popen(["bash", "-c", TAR, "bash", str(tree)], stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL, env=stopwatch.clean_environment())
    digest = hashlib.sha256()
    while block := child.stdout.read(1 << 20):
        digest.update(block)
    if child.wait() != 0:
        raise stopwatch.Failed(f"tar of {tree} ended with {child.returncode}")
    return digest.hexdigest()


class KnownSizes:
    """A small file in the bench's cache: bytes by what they are of and what made them."""

    def __init__(self):
        self.path = tool_rooms.bench_cache() / "sizes.json"
        self.known = json.loads(self.path.read_text()) if self.path.exists() else {}

    def find(self, key: str) -> int | None:
        return self.known.get(key)

    def keep(self, key: str, size: int) -> int:
        self.known[key] = size
        self.path.write_text(json.dumps(self.known, indent=1, sort_keys=True) + "\n")
        return size


class TreeSizes:
    """Of one tree, by the tools of this machine."""

    def __init__(self, tree: pathlib.Path, versions: dict[str, str]):
        self.tree, self.versions, self.known = tree, versions, KnownSizes()
        self.digest = tree_digest(tree)

    def _key(self, tool: str, what: str) -> str:
        return f"{self.digest} {self.versions.get(tool, tool)} {what}"

    def at_level(self, level: int) -> int:
        """Bytes of `tar | zstd -T0 -LEVEL`."""
        key = self._key("zstd", f"-T0 -{level}")
        return self.known.find(key) or self.known.keep(key, self._count(f"{TAR} | zstd -q -T0 -{level} -c"))

    def solid(self, compute: bool) -> int | None:
        """Of one stream with a window of 128 MiB. More threads change nothing in zstd's output, only its time."""
        key = self._key("zstd", "-19 --long=27")
        size = self.known.find(key)
        if size is None and compute:
            stopwatch.say("computing the size of solid zstd -19 --long=27: this takes long")
            size = self.known.keep(key, self._count(f"{TAR} | zstd -q -T0 -19 --long=27 -c"))
        return size

    def _count(self, pipeline: str) -> int:
        return int(stopwatch.output_of(stopwatch.shell_command(f"{pipeline} | wc -c", self.tree)))

    def image(self) -> pathlib.Path:
        """`mksquashfs -comp zstd` of the tree, kept in the bench's cache: making it takes minutes."""
        folder = tool_rooms.bench_cache() / "images"
        folder.mkdir(exist_ok=True)
        path = folder / f"{self.digest[:32]}.sqfs"
        if not path.exists():
            stopwatch.say("making a squashfs image of the tree")
            partial = path.with_suffix(".partial")
            partial.unlink(missing_ok=True)
            stopwatch.run(squashfs_command(self.tree, partial))
            partial.rename(path)
        return path


def squashfs_command(tree: pathlib.Path, image: pathlib.Path) -> list:
    """With mksquashfs's own level (15) and block size (128 KiB)."""
    return ["mksquashfs", tree, image, "-comp", "zstd", "-no-progress", "-quiet", "-noappend", "-no-xattrs",
            "-e", ".bundle"]
