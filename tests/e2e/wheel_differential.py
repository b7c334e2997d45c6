#!/usr/bin/env python3
"""Installs real wheels with bundler/stage and with pip and compares the trees.

    wheel_differential.py --build BUILD [--large] [--only NAME ...] [--jobs N] [--keep FOLDER]

The wheels stand in wheels.txt, a requirements file with hashes. Those marked `large` are left out unless --large is given.
Downloads are kept in ${ENVBUNDLE_CACHE:-~/.cache/envbundle}/test-wheels and reused; the index is the one that pip is
configured for. pip installs with --target, so that its own Python need not be the wheels' (3.11). Compared are the list
of files, their bytes, their execute bits, and RECORD row by row. What may differ is the list DIFFERENCES below, each
with its reason and a check of what must stand there instead. The last line is `N passed, N failed`.
"""

import argparse
import collections
import concurrent.futures
import csv
import filecmp
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

PYTHON = "3.11"
GLIBC_MINOR = 28
BATCH = 25  # wheels that one pip downloads

DIFFERENCES = {
    "installer": "INSTALLER names the installer: envbundle here, pip there",
    "direct-url": "pip notes the path of a wheel given as a file; a lock's wheel comes by name and version (PEP 610)",
    "entry-point": "wrappers have another text: first line for the launcher, sys.argv[0] in the release's bin; module and function agree",
    "shebang": "'#!python' becomes '#!/usr/bin/env python3' for the launcher, not the path of pip's Python; the rest agrees",
    "headers-name": "headers go to the folder of METADATA's Name, as for an install by name; pip takes a file's name: zope-proxy",
    "pip-names": "pip writes pip, pip3 and pip3.X for its own Python whatever its wheel asks for; here the wheel decides",
    "signature": "RECORD.jws and RECORD.p7s have a hash in RECORD; pip leaves it empty",
}


def cache_folder() -> pathlib.Path:
    default = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache", "envbundle")
    return pathlib.Path(os.environ.get("ENVBUNDLE_CACHE") or default, "test-wheels")


class Wanted(collections.namedtuple("Wanted", "name version digest large refused")):
    def __str__(self):
        return f"{self.name}=={self.version}"

    def requirement(self) -> str:
        return f"{self.name}=={self.version} --hash=sha256:{self.digest}"


def read_list(path: pathlib.Path) -> list:
    wanted = []
    for line in path.read_text(encoding="utf-8").splitlines():
        text, _, comment = line.partition(" # ")
        if not text.strip() or text.startswith("#"):
            continue
        match = re.fullmatch(r"([A-Za-z0-9._-]+)==(\S+) --hash=sha256:([0-9a-f]{64})", text.strip())
        if not match:
            sys.exit(f"{path}: cannot read the line {line!r}")
        refused = re.search(r"refused: (.*)", comment)
        wanted.append(Wanted(*match.groups(), "large" in comment.split(), refused and refused.group(1)))
    return wanted


def pip(arguments: list) -> subprocess.CompletedProcess:
    # A virtual environment's pip would put headers into the environment, not below --target.
    python = getattr(sys, "_base_executable", sys.executable)
    command = [python, "-m", "pip", "--disable-pip-version-check", "--no-input", "-q", *arguments]
    environment = {key: value for key, value in os.environ.items() if key != "PIP_REQUIRE_VIRTUALENV"}
    return subprocess.run(command, capture_output=True, text=True, env=environment)


def target_options() -> list:
    """What pip needs to choose for the target and not for its own Python; it does not derive older manylinux tags."""
    platforms = [f"manylinux_2_{minor}_x86_64" for minor in range(GLIBC_MINOR, 4, -1)]
    platforms += ["manylinux2014_x86_64", "manylinux2010_x86_64", "manylinux1_x86_64", "linux_x86_64"]
    options = ["--only-binary=:all:", "--no-deps", "--implementation", "cp", "--python-version", PYTHON]
    return options + [word for each in platforms for word in ("--platform", each)]


def digest_of(path: pathlib.Path) -> str:
    with path.open("rb") as file:
        state = hashlib.sha256()
        while block := file.read(1 << 20):
            state.update(block)
        return state.hexdigest()


def find_cached(wanted: Wanted, cache: pathlib.Path):
    normal = re.sub(r"[-_.]+", "_", wanted.name).lower()
    for path in cache.glob("*.whl"):
        if re.sub(r"[-_.]+", "_", path.name.split("-")[0]).lower() == normal and digest_of(path) == wanted.digest:
            return path
    return None


def download(batch: list, cache: pathlib.Path) -> None:
    """Fetches what it can: what is missing afterwards is reported for each wheel."""
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        requirements = pathlib.Path(folder, "requirements.txt")
        requirements.write_text("".join(each.requirement() + "\n" for each in batch), encoding="utf-8")
        done = pip(["download", "--require-hashes", *target_options(), "-d", folder, "-r", str(requirements)])
        for path in pathlib.Path(folder).glob("*.whl"):
            path.rename(cache / path.name)
    if done.returncode == 0:
        return
    if len(batch) > 1:
        for each in batch:
            download([each], cache)
    else:
        print(f"download of {batch[0]} failed: {done.stderr.strip().splitlines()[-1:]}", file=sys.stderr)


def fetch(wheels: list, cache: pathlib.Path, jobs: int) -> dict:
    cache.mkdir(parents=True, exist_ok=True)
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        found = dict(zip(wheels, pool.map(lambda each: find_cached(each, cache), wheels)))
        missing = [each for each in wheels if found[each] is None]
        # One pip refuses two versions of a project.
        batches = []
        for each in missing:
            for batch in batches:
                if len(batch) < BATCH and all(other.name != each.name for other in batch):
                    batch.append(each)
                    break
            else:
                batches.append([each])
        list(pool.map(lambda batch: download(batch, cache), batches))
        found.update(zip(missing, pool.map(lambda each: find_cached(each, cache), missing)))
    return found


def files_below(root: pathlib.Path) -> dict:
    found = {}
    for folder, folders, files in os.walk(root):
        for name in files + [each for each in folders if os.path.islink(os.path.join(folder, each))]:
            path = pathlib.Path(folder, name)
            found[str(path.relative_to(root))] = path
    return found


SITE = f"lib/python{PYTHON}/site-packages/"


def as_pip_names(path: str) -> str:
    """Our path as pip's --target has it: site-packages is the target itself, the rest lies beside it."""
    if path.startswith(SITE):
        return path[len(SITE):]
    return re.sub(rf"^include/python{re.escape(PYTHON)}/", "include/python/", path)


def normal_headers(path: str) -> str:
    """The folder of a project's headers by its normalised name (the difference "headers-name")."""
    return re.sub(r"^(include/python/)([^/]+)", lambda match: match[1] + re.sub(r"[-_.]+", "-", match[2]).lower(), path)


def wrapper_target(path: pathlib.Path):
    """(module, function) of an entry point's wrapper; None for another file."""
    text = path.read_bytes()[:8192]
    if not text.startswith(b"#!") and b"exec" not in text[:200]:
        return None
    module = re.search(rb"^from (\S+) import (\S+)$", text, re.MULTILINE)
    function = re.search(rb"^    sys\.exit\((\S+)\(\)\)$", text, re.MULTILINE)
    if not module or not function or not function.group(1).startswith(module.group(2)):
        return None
    return module.group(1), function.group(1)


def record_rows(path: pathlib.Path, up: str) -> dict:
    """RECORD by path below the target; `up` leads from its folder to the root that the rest lies in."""
    rows = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.reader(file):
            if len(row) != 3:
                return {"": f"malformed row {row}"}
            name = row[0]
            if name.startswith(up):
                name = normal_headers(as_pip_names(name[len(up):]))
            rows[name] = (row[1], row[2])
    return rows


def record_row_of(path: pathlib.Path) -> tuple:
    import base64

    value = base64.urlsafe_b64encode(bytes.fromhex(digest_of(path))).decode().rstrip("=")
    return f"sha256={value}", str(path.stat().st_size)


class Comparison:
    def __init__(self, wheel: pathlib.Path, ours: pathlib.Path, theirs: pathlib.Path):
        self.wheel = wheel
        self.problems = []
        self.used = collections.Counter()
        ours_as_pip = {as_pip_names(name): path for name, path in files_below(ours).items()}
        self.theirs = {normal_headers(name): path for name, path in files_below(theirs).items()}
        self.ours = {normal_headers(name): path for name, path in ours_as_pip.items()}
        headers = [{name for name in files_below(theirs) if name.startswith("include/")},
                   {name for name in ours_as_pip if name.startswith("include/")}]
        if headers[0] != headers[1]:
            self.used["headers-name"] += 1
        self.excused = set()  # paths whose RECORD rows cannot agree

    def run(self):
        for name in sorted(set(self.ours) | set(self.theirs)):
            if name not in self.ours or name not in self.theirs:
                if not self.excused_alone(name):
                    where = "pip" if name in self.theirs else "us"
                    self.problems.append(f"{name}: only with {where}")
            else:
                self.compare_file(name)
        self.compare_record()
        return self.problems, self.used

    def excuse(self, name: str, difference: str) -> bool:
        self.used[difference] += 1
        self.excused.add(name)
        assert difference in DIFFERENCES
        return True

    def excused_alone(self, name: str) -> bool:
        if re.fullmatch(r"[^/]+\.dist-info/direct_url\.json", name) and name in self.theirs:
            return self.excuse(name, "direct-url")
        if re.fullmatch(r"bin/pip[0-9.]*", name) and self.wheel.name.startswith("pip-"):
            return self.excuse(name, "pip-names")
        return False

    def compare_file(self, name: str) -> None:
        ours, theirs = self.ours[name], self.theirs[name]
        if ours.is_symlink() or theirs.is_symlink():
            self.problems.append(f"{name}: a symlink")
            return
        if bool(ours.stat().st_mode & 0o100) != bool(theirs.stat().st_mode & 0o100):
            self.problems.append(f"{name}: execute bit")
        if name.endswith(".dist-info/RECORD") and name.count("/") == 1:
            return
        if filecmp.cmp(ours, theirs, shallow=False) or self.excused_content(name, ours, theirs):
            return
        self.problems.append(f"{name}: content")

    def excused_content(self, name: str, ours: pathlib.Path, theirs: pathlib.Path) -> bool:
        if re.fullmatch(r"[^/]+\.dist-info/INSTALLER", name):
            right = (ours.read_bytes(), theirs.read_bytes()) == (b"envbundle\n", b"pip\n")
            return right and self.excuse(name, "installer")
        if not name.startswith("bin/"):
            return False
        if wrapper_target(ours) is not None and wrapper_target(ours) == wrapper_target(theirs):
            return self.excuse(name, "entry-point")
        our_first, _, our_rest = ours.read_bytes().partition(b"\n")
        their_first, _, their_rest = theirs.read_bytes().partition(b"\n")
        if their_first == b"#!/bin/sh" and their_rest.startswith(b"'''exec' "):
            # pip's form for interpreters with a long path (three lines for one).
            their_first, their_rest = b"#!python", their_rest.split(b"\n", 2)[2]
        right = our_rest == their_rest and our_first == b"#!/usr/bin/env python3" and b"python" in their_first
        return right and self.excuse(name, "shebang")

    def compare_record(self) -> None:
        names = [name for name in self.ours if re.fullmatch(r"[^/]+\.dist-info/RECORD", name)]
        if len(names) != 1 or names[0] not in self.theirs:
            self.problems.append(f"RECORD: {names}")
            return
        ours = record_rows(self.ours[names[0]], "../../../")
        theirs = record_rows(self.theirs[names[0]], "../../")
        # Ours must be true of our tree, whatever pip's says.
        for name, row in ours.items():
            if name == names[0]:
                right = row == ("", "")
            else:
                # sha384 and sha512 of a wheel become sha256, of the same content.
                right = name in self.ours and row == record_row_of(self.ours[name])
            if not right:
                self.problems.append(f"RECORD: {name}: {row} is not true")
        if set(ours) != set(self.ours):
            self.problems.append(f"RECORD: lists {sorted(set(ours) ^ set(self.ours))[:5]} wrongly")
        for name in sorted(set(ours) | set(theirs)):
            if name in self.excused or ours.get(name) == theirs.get(name):
                continue
            if re.fullmatch(r"[^/]+\.dist-info/RECORD\.(jws|p7s)", name) and theirs.get(name) == ("", ""):
                self.used["signature"] += 1
                continue
            # pip keeps the text of the wheel's RECORD, with another algorithm or a slash before the path.
            same = theirs.get(name) or theirs.get("/" + name)
            if name.startswith("/") and name[1:] in ours:
                continue
            if ours.get(name) and same and same[1] in ("", ours[name][1]) and same[0].rstrip("=") == ours[name][0]:
                continue
            self.problems.append(f"RECORD: {name}: {ours.get(name)} with us, {theirs.get(name)} with pip")


def check(wanted: Wanted, wheel, driver: pathlib.Path, work: pathlib.Path):
    if wheel is None:
        return ["not in the cache and not downloaded"], collections.Counter()
    with tempfile.TemporaryDirectory(dir=work) as folder:
        ours, theirs = pathlib.Path(folder, "ours"), pathlib.Path(folder, "theirs")
        answer = subprocess.run([driver, PYTHON, wheel, ours], capture_output=True, text=True)
        text = answer.stdout.strip() or answer.stderr.strip() or f"exit code {answer.returncode}"
        if wanted.refused:
            right = text != "ok" and wanted.refused in text
            return [] if right else [f"should be refused with {wanted.refused!r}: {text}"], collections.Counter()
        if answer.returncode != 0 or text != "ok":
            return [f"not installed by us: {text}"], collections.Counter()
        done = pip(["install", "--no-index", "--no-compile", "--no-cache-dir", *target_options(),
                    "--target", str(theirs), str(wheel)])
        if done.returncode != 0:
            return [f"not installed by pip: {done.stderr.strip()}"], collections.Counter()
        return Comparison(wheel, ours, theirs).run()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, required=True, help="build folder with tests/e2e/wheel_stage_driver")
    parser.add_argument("--large", action="store_true", help="the wheels marked large as well")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these projects only")
    parser.add_argument("--jobs", type=int, default=max(2, os.cpu_count() or 2))
    parser.add_argument("--work", type=pathlib.Path, help="folder for the trees (default: the system's temporary one)")
    options = parser.parse_args()
    driver = (options.build / "tests/e2e/wheel_stage_driver").resolve()
    if not driver.exists():
        sys.exit(f"wheel_differential: {driver} is missing; build the target wheel_stage_driver")
    everything = read_list(pathlib.Path(__file__).with_name("wheels.txt"))
    wheels = [each for each in everything if options.large or not each.large or options.only]
    if options.only:
        wheels = [each for each in wheels if each.name in options.only]
    found = fetch(wheels, cache_folder(), options.jobs)
    # Large ones first, so that the last of them does not run alone.
    wheels.sort(key=lambda each: -(found[each].stat().st_size if found[each] else 0))
    failed, used = 0, collections.Counter()
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        results = pool.map(lambda each: check(each, found[each], driver, options.work), wheels)
        for wanted, (problems, differences) in zip(wheels, results):
            used.update(differences.keys())
            failed += bool(problems)
            for problem in problems[:10]:
                print(f"{wanted}: {problem}")
    print(f"wheels of wheels.txt: {len(everything)}, compared now: {len(wheels)}; documented differences met:")
    for difference, reason in DIFFERENCES.items():
        print(f"  {difference}, in {used[difference]} wheels: {reason}")
    print(f"{len(wheels) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
