#!/usr/bin/env python3
"""Wall time and peak memory of each step of the main job, as the README's table.

    tests/bench/main_job.py [MANIFEST] [--cold] [--update-readme] [--out DIR | --read DIR]

Runs packaging/quickstart into an empty folder and reads the timings that it writes; with --read, of a finished run in
the folder DIR instead. --cold uses an empty download
cache for this run. --update-readme puts the table between the README's markers. Figures are of this machine, in one
run; comparisons with other tools belong to a benchmark of their own.
"""

import argparse
import os
import pathlib
import platform
import shutil
import subprocess
import sys
import tempfile

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
BEGIN, END = "<!-- main-job:begin -->", "<!-- main-job:end -->"


def size_of(path: pathlib.Path) -> int:
    if path.is_file():
        return path.stat().st_size
    return sum(p.lstat().st_size for p in path.rglob("*") if not p.is_dir())


def machine() -> str:
    model = "unknown CPU"
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{len(os.sched_getaffinity(0))} × {model}, {memory:.0f} GiB, Linux {platform.release().split('-')[0]}"


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("manifest", nargs="?", default="pytorch-2.8-cu128")
    options.add_argument("--cold", action="store_true", help="empty download cache")
    options.add_argument("--update-readme", action="store_true")
    options.add_argument("--out", type=pathlib.Path, help="keep what the run makes here")
    options.add_argument("--read", type=pathlib.Path, help="folder of a finished main job")
    options.add_argument("--note", default="", help="what a reader must know of the circumstances")
    args = options.parse_args()

    scratch = pathlib.Path(tempfile.mkdtemp(prefix="envbundle-bench-"))
    out = args.read or args.out or scratch / "out"
    environment = dict(os.environ)
    if args.cold:
        environment["ENVBUNDLE_CACHE"] = str(scratch / "cache")
    try:
        if not args.read:
            subprocess.run(
                [REPOSITORY / "packaging/quickstart", args.manifest, "--out", out], check=True, env=environment,
                stdout=sys.stderr,
            )
        made = out / args.manifest
        cache = "" if args.read else f", {'empty' if args.cold else 'warm'} download cache"
        rows = [line.split("\t") for line in (made / "timings.tsv").read_text().splitlines()]
        table = [
            f"`{args.manifest}`{cache}; {machine()}",
            "",
            "| step | wall time | peak memory |",
            "| --- | ---: | ---: |",
        ]
        for name, seconds, kib in rows:
            table.append(f"| {name} | {float(seconds):.1f} s | {int(kib) / 1024:.0f} MiB |")
        bundle = size_of(made / f"{args.manifest}.bundle.zst")
        release = size_of(made / "prefix/releases")
        table += ["", f"Bundle {bundle / 1e6:.0f} MB, installed {release / 1e6:.0f} MB. {args.note}".rstrip()]
        text = "\n".join(table) + "\n"
        print(text, end="")
        if args.update_readme:
            readme = REPOSITORY / "README.md"
            before, rest = readme.read_text().split(BEGIN)
            after = rest.split(END)[1]
            readme.write_text(f"{before}{BEGIN}\n{text}{END}{after}")
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
