#!/usr/bin/env python3
"""Compares the GPU architectures that bundler/demand reads from real PyTorch libraries with cuobjdump's.

    gpu_architectures.py --driver BUILD/tests/e2e/gpu_architectures_driver [--work FOLDER] [--library FILE ...]

Torch 2.8.0 (CUDA 12.8) and the newest torch of the index that pip is configured for are downloaded, with two
cuobjdump programs to compare with: the one that ships in triton 3.4.0 and the newest. They are kept in
${ENVBUNDLE_CACHE:-~/.cache/envbundle}/wheels and reused (1.6 GB). Libraries named with --library are compared with the
newest one too. What is unpacked (2.2 GB) lies below --work and is removed. Without the index the newest wheels of the
cache serve. cuobjdump takes up to 6 GB of memory. The last line is `N passed, N failed`.
"""

import argparse
import collections
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import zipfile

# Distribution, version (None: the newest), Python of the wheel, sha256 (None: what the index says).
TORCH = ("torch", "2.8.0", "3.11", "c12fa219f51a933d5f80eeb3a7a5d0cbe9168c0a14bbb4055f1979431660879b")
NEWEST_TORCH = ("torch", None, "3.12", None)
TRITON = ("triton", "3.4.0", "3.11", "7b70f5e6a41e52e48cfc087436c8a28c17ff98db369447bcaff3b887a3ab4467")
CUOBJDUMP = ("nvidia-cuda-cuobjdump", None, "3.12", None)
GLIBC_MINOR = 28

# Machine code and PTX that the builds are made for: what torch.cuda.get_arch_list() names. Of 2.8.0 it is known from
# others (FACTS §1.5); 2.15.0 (CUDA 13.2) was read with cuobjdump 13.5 in 2026-11.
RECORDED = {
    "2.8.0": ("7.0 7.5 8.0 8.6 9.0 10.0 12.0", ""),
    "2.15.0": ("7.5 8.0 8.6 9.0 10.0 12.0", ""),
}


def cache_folder() -> pathlib.Path:
    default = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache", "envbundle")
    return pathlib.Path(os.environ.get("ENVBUNDLE_CACHE") or default, "wheels")


def version_key(path: pathlib.Path) -> tuple:
    return tuple(int(number) for number in re.findall(r"\d+", path.name.split("-")[1]))


def fetch(wanted: tuple, cache: pathlib.Path) -> pathlib.Path:
    """The wheel in the cache, downloaded if it is not there. pip itself keeps a file that is there and right."""
    name, version, python, digest = wanted
    cache.mkdir(parents=True, exist_ok=True)
    # A virtual environment's pip may be told to serve only that environment.
    environment = {key: value for key, value in os.environ.items() if key != "PIP_REQUIRE_VIRTUALENV"}
    platforms = [f"manylinux_2_{minor}_x86_64" for minor in range(GLIBC_MINOR, 16, -1)] + ["manylinux2014_x86_64"]
    options = [word for each in platforms for word in ("--platform", each)]
    requirement = name if version is None else f"{name}=={version}"
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        listed = pathlib.Path(folder, "requirements.txt")
        listed.write_text(requirement + (f" --hash=sha256:{digest}" if digest else "") + "\n", encoding="utf-8")
        done = subprocess.run(
            [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "download", "-q", "--no-deps",
             "--only-binary=:all:", "--implementation", "cp", "--python-version", python, *options,
             "-d", str(cache), "-r", str(listed)],
            capture_output=True, text=True, env=environment)
    stem = name.replace("-", "_") + "-" + (version + "-" if version else "")
    tag = "cp" + python.replace(".", "")
    found = [path for path in cache.glob(stem + "*.whl") if f"-{tag}-" in path.name or "-py3-none-" in path.name]
    if not found:
        sys.exit(f"{requirement} is not in the cache and cannot be downloaded:\n{done.stderr.strip()}")
    if done.returncode != 0:
        print(f"note: {requirement} from the cache; pip said: {done.stderr.strip().splitlines()[-1:]}")
    return max(found, key=version_key)


def unpack(wheel: pathlib.Path, pattern: str, folder: pathlib.Path) -> list:
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if re.fullmatch(pattern, name)]
        archive.extractall(folder, names)
    return sorted(folder / name for name in names)


class Cuobjdump:
    """A reference program."""

    def __init__(self, wheel: pathlib.Path, folder: pathlib.Path):
        programs = unpack(wheel, r".*/bin/cuobjdump", folder)
        if len(programs) != 1:
            sys.exit(f"{wheel.name} holds no cuobjdump")
        self.path = programs[0]
        self.path.chmod(0o755)
        text = subprocess.run([self.path, "--version"], capture_output=True, text=True, check=True).stdout
        self.name = "cuobjdump " + re.search(r"release ([0-9.]+)", text).group(1)

    def entries(self, library: pathlib.Path, kind: str) -> collections.Counter:
        option = "--list-elf" if kind == "sass" else "--list-ptx"
        done = subprocess.run([self.path, option, library], capture_output=True, text=True)
        if done.returncode != 0 and "does not contain device code" not in done.stderr:
            raise RuntimeError(f"{self.name} {option}: exit code {done.returncode}: {done.stderr.strip()}")
        # "ELF file    3: libtorch_cuda.3.sm_90a.cubin"; the library's own name may hold anything.
        return collections.Counter(re.findall(r"\.sm_(\d+[af]?)\.(?:cubin|ptx)$", done.stdout, re.MULTILINE))


class Reading:
    """What the driver prints about one library."""

    def __init__(self):
        self.entries = {"sass": collections.Counter(), "ptx": collections.Counter()}
        self.main = {"sass": "", "ptx": ""}
        self.skipped = 0


def read_libraries(driver: pathlib.Path, libraries: list) -> dict:
    done = subprocess.run([driver, *libraries], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{driver.name} ended with {done.returncode}:\n{done.stderr}")
    found = {str(library): Reading() for library in libraries}
    for line in done.stdout.splitlines():
        library, what, *rest = line.split("\t")
        reading = found[library]
        if what == ".nv_fatbin":  # cuobjdump does not list the device linker's input, __nv_relfatbin
            kind, architecture, count = rest
            reading.entries[kind][architecture.replace(".", "")] += int(count)
        elif what == "main":
            reading.main[rest[0]] = rest[1]
        elif what == "skipped":
            reading.skipped = int(rest[0])
    return found


def without(suffixes: str, entries: collections.Counter) -> collections.Counter:
    out = collections.Counter()
    for architecture, count in entries.items():
        out[architecture.rstrip(suffixes)] += count
    return out


def capabilities(entries: collections.Counter) -> str:
    def name(architecture: str) -> str:
        number = re.match(r"\d+", architecture).group()
        return f"{number[:-1]}.{number[-1]}{architecture[len(number):]}"

    order = sorted(entries, key=lambda each: (int(re.match(r"\d+", each).group()), each))
    return " ".join(f"{name(each)}×{entries[each]}" for each in order) or "none"


class Report:
    def __init__(self):
        self.passed = self.failed = 0

    def check(self, right: bool, text: str, detail: str = "") -> None:
        self.passed += right
        self.failed += not right
        print(f"{'ok  ' if right else 'FAIL'} {text}" + (f": {detail}" if detail and not right else ""), flush=True)


def compare(report: Report, label: str, library: pathlib.Path, reading: Reading, tool: Cuobjdump, knows_suffixes: bool):
    for kind in ("sass", "ptx"):
        ours = reading.entries[kind]
        try:
            theirs = tool.entries(library, kind)
        except RuntimeError as error:
            report.check(False, f"{label} {library.name}: {kind}", str(error))
            continue
        # No cuobjdump so far writes the f of machine code, and an old one neither suffix of newer code.
        hidden = "" if kind == "ptx" and knows_suffixes else "f" if knows_suffixes else "af"
        report.check(without(hidden, ours) == without(hidden, theirs),
                     f"{label} {library.name}: {kind} as {tool.name} lists it ({capabilities(ours)})",
                     f"here {capabilities(ours)}, there {capabilities(theirs)}")


def check_whole(report: Report, label: str, library: pathlib.Path, reading: Reading) -> None:
    report.check(reading.skipped == 0, f"{label} {library.name}: every byte understood", f"{reading.skipped} skipped")


def check_torch(report: Report, wheel: pathlib.Path, driver: pathlib.Path, tools: list, work: pathlib.Path) -> None:
    version = wheel.name.split("-")[1]
    label = f"torch {version}"
    with tempfile.TemporaryDirectory(dir=work) as folder:
        libraries = unpack(wheel, r"torch/lib/lib(torch|c10)_(cuda|nvshmem).*\.so", pathlib.Path(folder))
        start = time.monotonic()
        readings = read_libraries(driver, libraries)
        seconds = time.monotonic() - start
        size = sum(path.stat().st_size for path in libraries)
        print(f"{label}: {len(libraries)} libraries, {size / 1e6:.0f} MB read in {seconds:.2f} s")
        for library in libraries:
            check_whole(report, label, library, readings[str(library)])
            for tool, knows_suffixes in tools:
                compare(report, label, library, readings[str(library)], tool, knows_suffixes)
        main = [path for path in libraries if path.name == "libtorch_cuda.so"]
        report.check(len(main) == 1, f"{label}: has libtorch_cuda.so")
        if not main:
            return
        reading = readings[str(main[0])]
        lists = (reading.main["sass"], reading.main["ptx"])
        public = version.split("+")[0]
        if public in RECORDED:
            report.check(lists == RECORDED[public], f"{label}: built for what is recorded, {RECORDED[public]}",
                         f"here {lists}")
        else:
            print(f"note: {label} is not recorded; built for {lists[0]}, PTX {lists[1] or 'none'}")
            report.check(lists[0] != "", f"{label}: is built for some architecture")
        kept = set(lists[0].replace(".", "").split())
        single = collections.Counter({each: n for each, n in reading.entries["sass"].items() if each not in kept})
        print(f"{label}: made for single kernels only, so that they do not count: {capabilities(single)}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--driver", type=pathlib.Path, required=True)
    parser.add_argument("--work", type=pathlib.Path, help="folder for what is unpacked (default: the system's)")
    parser.add_argument("--library", type=pathlib.Path, action="append", default=[])
    arguments = parser.parse_args()
    driver = arguments.driver.resolve()
    cache = cache_folder()
    report = Report()
    with tempfile.TemporaryDirectory(dir=arguments.work) as folder:
        work = pathlib.Path(folder)
        old = Cuobjdump(fetch(TRITON, cache), work / "old")
        new = Cuobjdump(fetch(CUOBJDUMP, cache), work / "new")
        # The old one is of the CUDA that 2.8.0 is built with; newer code it lists without suffixes.
        check_torch(report, fetch(TORCH, cache), driver, [(old, True), (new, True)], work)
        check_torch(report, fetch(NEWEST_TORCH, cache), driver, [(old, False), (new, True)], work)
        if arguments.library:
            libraries = [path.resolve() for path in arguments.library]
            readings = read_libraries(driver, libraries)
            for library in libraries:
                check_whole(report, "--library", library, readings[str(library)])
                compare(report, "--library", library, readings[str(library)], new, True)
    print(f"{report.passed} passed, {report.failed} failed")
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
