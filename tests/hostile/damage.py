#!/usr/bin/env python3
"""Damages a small bundle in every place, and installs each result with the real program:

    tests/hostile/damage.py --envbundle PROGRAM --installer PROGRAM [--step N]

Every byte changed (F009), the file cut at every length (F003), bytes added (F004): each is refused with the exit code
that belongs to the place, nothing is published, and nothing of the staging is left. --step N takes every N-th place
(sanitizer builds are slow). Prints `N passed, N failed`.
"""

import argparse
import concurrent.futures
import os
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import small_bundle  # noqa: E402

MALFORMED, UNTRUSTED, DIGEST = 10, 11, 13


def regions(data: bytes) -> list:
    """(begin, end, name) of what FORMAT §2 lays one after the other, found by the sizes of the skippable frames."""
    found, at = [], 0
    for name in ("prologue", "index", "signatures"):
        magic, size = struct.unpack_from("<II", data, at)
        assert magic & 0xFFFFFFF0 == 0x184D2A50, f"no skippable frame at {at}"
        found.append((at, at + 8, f"{name} header"))
        found.append((at + 8, at + 8 + size, name))
        at += 8 + size
    found.append((at, len(data), "data"))
    return found


ALLOWED = {
    "prologue header": {MALFORMED},
    "prologue": {MALFORMED, DIGEST},
    "index header": {MALFORMED},
    "index": {DIGEST},
    "signatures header": {MALFORMED},
    "signatures": {MALFORMED, UNTRUSTED},
    "data": {DIGEST},
}


class Prober:
    def __init__(self, installer: pathlib.Path, work: pathlib.Path):
        self.installer, self.work = installer, work
        self.environment = {"PATH": "/usr/bin:/bin", "HOME": str(work), "LC_ALL": "C.UTF-8"} | {
            k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")
        }

    def install(self, number: int, data: bytes) -> tuple:
        folder = self.work / str(number)
        folder.mkdir()
        bundle = folder / "b"
        bundle.write_bytes(data)
        prefix = folder / "p"
        done = subprocess.run(
            [self.installer, bundle, "--prefix", prefix, "--quiet"], capture_output=True, text=True, timeout=60,
            env=self.environment,
        )
        left = sorted(
            str(p.relative_to(prefix)) for p in prefix.rglob("*")
            if p.name == "current" or "releases/" in str(p) or ".envinstall/stage" in str(p)
        ) if prefix.exists() else []
        shutil.rmtree(folder)
        return done.returncode, left, done.stderr


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--envbundle", type=pathlib.Path, required=True)
    options.add_argument("--installer", type=pathlib.Path, required=True)
    options.add_argument("--step", type=int, default=1)
    args = options.parse_args()
    # On tmpfs where there is one: thousands of tiny installs, each with its syncs.
    base = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    work = pathlib.Path(tempfile.mkdtemp(prefix="envbundle-damage-", dir=base))
    passed = failed = 0
    try:
        environment = dict(os.environ, HOME=str(work), ENVBUNDLE_CACHE=str(work / "cache"))
        bundle = small_bundle.make_bundle(
            args.envbundle.resolve(), args.installer.resolve(), work / "made", environment=environment,
            prune=small_bundle.OURS)
        good = bundle.read_bytes()
        prober = Prober(bundle.parent / "envinstall", work)
        code, _, text = prober.install(-1, good)
        if code != 0:
            print(f"the undamaged bundle is refused: exit {code}\n{text}")
            return 1

        cases = []
        for begin, end, name in regions(good):
            for at in range(begin, end, args.step):
                # One bit low and one high: both a small and a large change of a number.
                bit = 0x01 if at % 2 else 0x80
                cases.append((f"byte {at} ({name})", good[:at] + bytes([good[at] ^ bit]) + good[at + 1:], ALLOWED[name]))
        for length in range(0, len(good), args.step):
            cases.append((f"cut at {length}", good[:length], {MALFORMED}))
        for extra in (b"\0", b"x" * 100, good, struct.pack("<II", 0x184D2A50, 0)):
            cases.append((f"{len(extra)} bytes added", good + extra, {MALFORMED}))

        def probe(numbered):
            number, (name, data, allowed) = numbered
            code, left, text = prober.install(number, data)
            if code not in allowed:
                return f"{name}: exit {code}, wanted one of {sorted(allowed)}\n{text}"
            if left:
                return f"{name}: left {left}"
            if "error:" not in text or "hint:" not in text:
                return f"{name}: no proper message: {text!r}"
            return None

        with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
            for problem in pool.map(probe, enumerate(cases)):
                if problem is None:
                    passed += 1
                else:
                    failed += 1
                    if failed <= 20:
                        print(problem)
        print(f"bundle of {len(good)} bytes")
    finally:
        shutil.rmtree(work, ignore_errors=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
