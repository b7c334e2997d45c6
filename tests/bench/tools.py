"""The other programs: where they come from, which versions they are, and the Python that the wheels are for."""

import dataclasses
import pathlib
import shutil
import subprocess
import sys

import lock_file
import stopwatch

PIP_TOOLS = ["uv", "conda-pack"]


def bench_cache() -> pathlib.Path:
    folder = lock_file.cache_folder() / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@dataclasses.dataclass
class Tools:
    """Paths; None with an entry in `missing` for what is not to be had here."""

    uv: pathlib.Path | None
    conda: pathlib.Path | None
    conda_pack: pathlib.Path | None
    python: pathlib.Path | None
    missing: dict[str, str]
    versions: dict[str, str]


def find_python(version: str) -> pathlib.Path | None:
    """The system's own first: that is what a person on this machine makes a venv with."""
    for name in ("/usr/bin/python3", f"/usr/bin/python{version}", f"python{version}", "python3", sys.executable):
        path = shutil.which(name)
        if path is None:
            continue
        try:
            text = "import sys, venv, ensurepip; print('%d.%d' % sys.version_info[:2])"
            if stopwatch.output_of([path, "-c", text]).strip() == version:
                return pathlib.Path(path)
        except stopwatch.Failed:
            continue
    return None


def find(python_version: str) -> Tools:
    """Installs what pip can give into a venv of the bench's own, once."""
    missing: dict[str, str] = {}
    venv = bench_cache() / "tools"
    if not (venv / "bin/uv").exists():
        stopwatch.say(f"installing {' and '.join(PIP_TOOLS)} into {venv}")
        subprocess.run([sys.executable, "-m", "venv", "--clear", venv], check=True)
        for tool in PIP_TOOLS:  # with pip's own configuration: its index is the user's
            done = subprocess.run([venv / "bin/pip", "install", "-q", tool], capture_output=True, text=True)
            if done.returncode != 0:
                missing[tool] = f"pip could not install it: {done.stderr.strip()[-300:]}"
    uv = venv / "bin/uv" if (venv / "bin/uv").exists() else None
    conda_pack = venv / "bin/conda-pack" if (venv / "bin/conda-pack").exists() else None
    if uv is None:
        missing.setdefault("uv", "pip could not install it")
    if conda_pack is None:
        missing.setdefault("conda-pack", "pip could not install it")
    conda = next((pathlib.Path(p) for p in map(shutil.which, ("conda", "mamba", "micromamba")) if p), None)
    if conda is None:
        missing["conda"] = "no conda, mamba or micromamba on this machine, so there is no environment to pack"
    python = find_python(python_version)
    if python is None:
        missing["venv"] = f"no Python {python_version} with venv and pip on this machine"
    for program in ("zstd", "mksquashfs", "unsquashfs", "strace", "sha256sum", "tar", "xargs", "taskset"):
        if shutil.which(program) is None:
            missing[program] = "not on this machine; packaging/install-dependencies test"
    return Tools(uv, conda, conda_pack, python, missing, versions(uv, conda_pack, python))


def versions(uv, conda_pack, python) -> dict[str, str]:
    commands = {
        "cp": ["cp", "--version"], "tar": ["tar", "--version"], "zstd": ["zstd", "--version"],
        "mksquashfs": ["mksquashfs", "-version"], "sha256sum": ["sha256sum", "--version"], "uv": [uv, "--version"],
        "conda-pack": [conda_pack, "--version"], "python": [python, "--version"],
    }
    found = {}
    for name, command in commands.items():
        if command[0] is None:
            continue
        # mksquashfs prints its version and ends with 1.
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
        lines = (done.stdout or done.stderr).strip().splitlines()
        if lines:
            found[name] = lines[0].strip("* ")
    return found


def make_venv(python: pathlib.Path, folder: pathlib.Path, pip_wheel: pathlib.Path | None = None,
              with_pip: bool = True) -> pathlib.Path:
    """A fresh venv; with pip, in the version that the lock names if it names one. Returns its Python."""
    stopwatch.run([python, "-m", "venv", *([] if with_pip else ["--without-pip"]), folder])
    inside = folder / "bin/python"
    if pip_wheel is not None:
        stopwatch.run([inside, "-m", "pip", "install", "-q", "--no-index", "--no-deps", pip_wheel])
    return inside
