"""What is measured: a bundle with its lock, its installer and the wheels that it was made from."""

import dataclasses
import json
import os
import pathlib
import shutil

import lock_file
import stopwatch

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
# Without these a PyTorch environment is thousands of small files: what a plain copy spends its time on is then
# making files, not moving bytes.
LARGE_WHEELS = ("torch", "torchvision", "torchaudio", "triton", "nvidia-")
SMALL_FILES_NAME = "many-packages"


class Unusable(Exception):
    """The folder that was named is not what a benchmark can use; says why and what to do."""


@dataclasses.dataclass
class Subject:
    name: str
    role: str  # "real" or "small files"
    bundle: pathlib.Path
    installer: pathlib.Path
    lock: lock_file.Lock
    info: dict  # what `envinstall info --json` says
    trust: list[str]

    @property
    def tree_bytes(self) -> int:
        return self.info["bytes"]

    @property
    def files(self) -> int:
        return self.info["files"]

    @property
    def bundle_bytes(self) -> int:
        return self.bundle.stat().st_size

    def facts(self) -> dict:
        return {
            "name": self.name, "role": self.role, "id": self.info["id"], "bundle_bytes": self.bundle_bytes,
            "tree_bytes": self.tree_bytes, "files": self.files, "directories": self.info["directories"],
            "frames": self.info["frames"], "artifact_bytes": self.lock.artifact_bytes,
            "wheels": len(self.lock.wheels), "wheel_bytes": sum(w["size"] for w in self.lock.wheels),
            "tool": self.info["meta"].get("tool", ""),
        }


def open_subject(folder: pathlib.Path, role: str, lock: pathlib.Path | None = None) -> Subject:
    """Of a folder that packaging/quickstart, or build_bundle below, made. Reads it only. Raises Unusable."""
    name = folder.name
    bundle, installer = folder / f"{name}.bundle.zst", folder / "envinstall"
    for path in (bundle, installer):
        if not path.is_file():
            raise Unusable(f"{path} is missing: give a folder that packaging/quickstart made")
    info = json.loads(stopwatch.output_of([installer, "info", bundle, "--json"]))
    candidates = [lock] if lock else [folder / f"{name}.lock", REPOSITORY / "manifests" / f"{name}.lock"]
    for candidate in candidates:
        if candidate.is_file() and lock_file.Lock(candidate).sha256 == info["meta"]["lock-sha256"]:
            found = lock_file.Lock(candidate)
            break
    else:
        places = ", ".join(map(str, candidates))
        raise Unusable(f"{bundle} was made from another lock than {places}; make it anew, or name its lock (--lock)")
    trust = [word for signer in info["signers"] for word in ("--trust", signer["fingerprint"])]
    return Subject(name, role, bundle, installer, found, info, trust)


def key_for(envbundle: pathlib.Path, folder: pathlib.Path) -> pathlib.Path:
    key = folder / "signing_key"
    if not key.exists():
        stopwatch.run([envbundle, "keygen", key])
    return key


def build_command(envbundle: pathlib.Path, lock: pathlib.Path, output: pathlib.Path, key: pathlib.Path,
                  cache: pathlib.Path, *options: str) -> list:
    return [envbundle, "build", lock, "-o", output, "--key", key, "--offline", "--cache", cache, "-q", *options]


def small_files_subject(real: Subject, envbundle: pathlib.Path, work: pathlib.Path) -> Subject:
    """The real lock without its large wheels: a bundle of many Python packages. Built once, then up to date."""
    folder = work / SMALL_FILES_NAME
    folder.mkdir(parents=True, exist_ok=True)
    lock = lock_file.without_wheels(
        real.lock, folder / f"{SMALL_FILES_NAME}.lock", SMALL_FILES_NAME,
        lambda name: name in LARGE_WHEELS[:4] or (name.startswith("nvidia-") and name != "nvidia-ml-py"))
    stopwatch.say(f"building {SMALL_FILES_NAME}, the bundle of small files")
    stopwatch.run(build_command(envbundle, lock.path, folder / f"{SMALL_FILES_NAME}.bundle.zst",
                                key_for(envbundle, work), lock_file.cache_folder()))
    return open_subject(folder, "small files", lock.path)


def changed_subject(subject: Subject, envbundle: pathlib.Path, work: pathlib.Path) -> tuple[Subject, str]:
    """The same with one small package in another version. Returns it with that package's name."""
    folder = work / "changed" / subject.name
    folder.mkdir(parents=True, exist_ok=True)
    wheel = lock_file.smallest_package(subject.lock)
    cache = work / "cache"
    lock = lock_file.with_newer_package(subject.lock, wheel, lock_file.cache_folder(), cache,
                                        folder / f"{subject.name}.lock")
    stopwatch.say(f"building {subject.name} with another {wheel['name']}")
    newer = str(int(subject.info["meta"]["counter"]) + 1)
    bundle = folder / f"{subject.name}.bundle.zst"
    stopwatch.run(build_command(envbundle, lock.path, bundle, key_for(envbundle, work), cache, "--counter", newer))
    return open_subject(folder, subject.role, lock.path), f"{wheel['name']} {wheel['version']}"


def link_wheels(subject: Subject, folder: pathlib.Path) -> pathlib.Path:
    """The lock's wheels by their own names; hard links where the file system allows. Returns the requirements."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = []
    for wheel in subject.lock.wheels:
        source, target = subject.lock.wheel_path(wheel, lock_file.cache_folder()), folder / wheel["file"]
        if not target.exists():
            try:
                os.link(source, target)
            except OSError:
                shutil.copyfile(source, target)
        lines.append(f"{wheel['name']}=={wheel['version']}")
    requirements = folder / "requirements.txt"
    requirements.write_text("\n".join(lines) + "\n")
    return requirements
