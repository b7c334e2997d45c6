#!/usr/bin/env python3
"""Installs every bundle of the corpus with the real program: `tests/hostile/corpus.py --installer PROGRAM --maker PROGRAM`.

tests/hostile/corpus/README.md says which exit code each has to get. Whatever is refused leaves nothing behind. With
--maker the page is made anew and compared, so that page, files and generator cannot drift apart. Prints
`N passed, N failed`.
"""

import argparse
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

CORPUS = pathlib.Path(__file__).resolve().parent / "corpus"
MIN_BUNDLES = 100
MAX_BYTES = 1_000_000  # of all files together: they are in everybody's clone


def rows(page: str) -> dict:
    return {name: int(code) for name, code in re.findall(r"^\| `([\w-]+\.zst)` \| (\d+) \|", page, re.MULTILINE)}


def install(installer: pathlib.Path, bundle: pathlib.Path, fingerprint: str, work: pathlib.Path) -> tuple:
    prefix = work / "p"
    done = subprocess.run(
        [installer, bundle, "--prefix", prefix, "--trust", fingerprint, "--quiet"], capture_output=True, text=True,
        timeout=60, env={"HOME": str(work), "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"})
    left = prefix.exists()
    shutil.rmtree(prefix, ignore_errors=True)
    return done.returncode, left, done.stderr


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--installer", type=pathlib.Path, required=True)
    options.add_argument("--maker", type=pathlib.Path)
    args = options.parse_args()
    page = (CORPUS / "README.md").read_text()
    expected = rows(page)
    fingerprint = re.search(r"--trust (SHA256:\S+?)`", page)[1]
    passed, problems = 0, []
    work = pathlib.Path(tempfile.mkdtemp(prefix="envbundle-corpus-"))
    try:
        there = {path.name for path in CORPUS.glob("*.zst")}
        if there != set(expected):
            problems.append(f"files and page differ: {sorted(there ^ set(expected))}")
        if len(there) < MIN_BUNDLES:
            problems.append(f"{len(there)} bundles, fewer than {MIN_BUNDLES}")
        size = sum(path.stat().st_size for path in CORPUS.iterdir())
        if size > MAX_BYTES:
            problems.append(f"the corpus has {size} bytes")
        if args.maker:
            subprocess.run([args.maker.resolve(), work / "made"], check=True, capture_output=True, timeout=60)
            if (work / "made/README.md").read_text() != page:
                problems.append("the generator writes another page: run it on tests/hostile/corpus")
        for name, code in sorted(expected.items()):
            got, left, text = install(args.installer.resolve(), CORPUS / name, fingerprint, work)
            if got != code:
                problems.append(f"{name}: exit {got}, wanted {code}\n{text}")
            elif got != 0 and left:
                problems.append(f"{name}: left a prefix behind")
            elif got != 0 and not ("error:" in text and "hint:" in text):
                problems.append(f"{name}: no proper message: {text!r}")
            else:
                passed += 1
    finally:
        shutil.rmtree(work, ignore_errors=True)
    for problem in problems:
        print(f"FAILED  {problem}")
    print(f"{passed} passed, {len(problems)} failed")
    return 1 if problems or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
