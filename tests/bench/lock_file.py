"""A lock, read for what it names, and copies of it that differ in a stated way."""

import base64
import csv
import dataclasses
import hashlib
import io
import os
import pathlib
import tomllib
import zipfile

# A package that is smaller than this is hardly more than its metadata.
SMALL_PACKAGE_BYTES = 15_000
ZIP_EPOCH = (2020, 1, 1, 0, 0, 0)


def cache_folder() -> pathlib.Path:
    """Where `envbundle` keeps downloads, by its own rule."""
    if own := os.environ.get("ENVBUNDLE_CACHE"):
        return pathlib.Path(own)
    xdg = os.environ.get("XDG_CACHE_HOME", "")
    return (pathlib.Path(xdg) if xdg.startswith("/") else pathlib.Path.home() / ".cache") / "envbundle"


@dataclasses.dataclass
class Lock:
    path: pathlib.Path

    def __post_init__(self):
        text = self.path.read_bytes()
        self.sha256 = hashlib.sha256(text).hexdigest()
        self.content = tomllib.loads(text.decode())

    @property
    def artifacts(self) -> list[dict]:
        return self.content["artifact"]

    @property
    def wheels(self) -> list[dict]:
        return [artifact for artifact in self.artifacts if artifact["kind"] == "wheel"]

    @property
    def artifact_bytes(self) -> int:
        return sum(artifact["size"] for artifact in self.artifacts)

    @property
    def python(self) -> str:
        """Major and minor number."""
        return ".".join(self.content["target"]["python"].split(".")[:2])

    def wheel_path(self, wheel: dict, cache: pathlib.Path) -> pathlib.Path:
        digest = wheel["sha256"]
        path = cache / "sha256" / digest[:2] / digest
        if not path.is_file():
            raise FileNotFoundError(f"{path}: {wheel['file']} is not in the download cache; `envbundle fetch` it")
        return path

    def unpacked_wheel_bytes(self) -> int:
        """What an installer writes that makes no bytecode."""
        total = 0
        for wheel in self.wheels:
            with zipfile.ZipFile(self.wheel_path(wheel, cache_folder())) as archive:
                total += sum(info.file_size for info in archive.infolist())
        return total

    def blocks(self) -> tuple[str, list[str]]:
        """The text before the first artifact, and each artifact's own."""
        head, *rest = self.path.read_text().split("[[artifact]]\n")
        return head, rest


def without_wheels(lock: Lock, target: pathlib.Path, name: str, leave_out) -> Lock:
    """A lock of its own name, without the wheels that `leave_out(name)` says, and without demands on a GPU."""
    head, blocks = lock.blocks()
    head = head.replace(f'name = "{lock.content["name"]}"', f'name = "{name}"')
    if "[gpu]" in head:
        head = head.split("[gpu]")[0]
    kept = [b for b, a in zip(blocks, lock.artifacts) if not (a["kind"] == "wheel" and leave_out(a["name"]))]
    target.write_text(head + "".join(f"[[artifact]]\n{block}" for block in kept))
    return Lock(target)


def smallest_package(lock: Lock) -> dict:
    """A pure wheel that is small, but not a mere shell. Raises ValueError where the lock has none."""
    pure = [w for w in lock.wheels if w["file"].endswith("-py3-none-any.whl")]
    if not pure:
        raise ValueError(f"{lock.path} names no pure Python wheel that could be changed")
    return min(pure, key=lambda w: (w["size"] < SMALL_PACKAGE_BYTES, w["size"]))


def with_newer_package(lock: Lock, wheel: dict, cache: pathlib.Path, own_cache: pathlib.Path,
                       target: pathlib.Path) -> Lock:
    """The same lock with another version of one wheel. That version is the cached wheel with a changed module and a
    new RECORD, put into `own_cache`, which gets hard links to (or copies of) everything else that the lock names."""
    version = f"{wheel['version']}.post999"
    made = rewrite_wheel(lock.wheel_path(wheel, cache), wheel, version)
    digest = hashlib.sha256(made).hexdigest()
    for artifact in lock.artifacts:
        place(cache / "sha256" / artifact["sha256"][:2] / artifact["sha256"], own_cache, artifact["sha256"])
    folder = own_cache / "sha256" / digest[:2]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / digest).unlink(missing_ok=True)
    (folder / digest).write_bytes(made)
    head, blocks = lock.blocks()
    for position, artifact in enumerate(lock.artifacts):
        if artifact["sha256"] != wheel["sha256"]:
            continue
        blocks[position] = (
            blocks[position].replace(f'version = "{wheel["version"]}"', f'version = "{version}"')
            .replace(f'file = "{wheel["file"]}"', f'file = "{wheel["file"].replace(wheel["version"], version, 1)}"')
            .replace(f"size = {wheel['size']}\n", f"size = {len(made)}\n").replace(wheel["sha256"], digest)
        )
    target.write_text(head + "".join(f"[[artifact]]\n{block}" for block in blocks))
    return Lock(target)


def place(source: pathlib.Path, own_cache: pathlib.Path, digest: str) -> None:
    target = own_cache / "sha256" / digest[:2] / digest
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists() or not source.exists():  # what is missing, `envbundle build --offline` names
        return
    try:
        os.link(source, target)
    except OSError:
        target.write_bytes(source.read_bytes())


def rewrite_wheel(path: pathlib.Path, wheel: dict, version: str) -> bytes:
    """Another version of a pure wheel: one module has a line more, METADATA and RECORD say so."""
    with zipfile.ZipFile(path) as archive:
        files = {info.filename: archive.read(info) for info in archive.infolist() if not info.is_dir()}
    record = next(name for name in files if name.endswith(".dist-info/RECORD"))
    old_info = record.split("/")[0]
    new_info = old_info.replace(f"-{wheel['version']}.", f"-{version}.")
    module = max((n for n in files if n.endswith(".py") and not n.startswith(old_info)), key=lambda n: len(files[n]))
    files[module] += b"\n# A change of one line.\n"
    metadata = f"{old_info}/METADATA"
    files[metadata] = files[metadata].replace(
        f"\nVersion: {wheel['version']}\n".encode(), f"\nVersion: {version}\n".encode(), 1)
    files = {n.replace(old_info, new_info, 1) if n.startswith(old_info) else n: c for n, c in files.items()}
    record = f"{new_info}/RECORD"
    rows = io.StringIO()
    out = csv.writer(rows, lineterminator="\n")
    for name, content in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        out.writerow([name, "", ""] if name == record else [name, f"sha256={digest}", len(content)])
    files[record] = rows.getvalue().encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, ZIP_EPOCH)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()
