#!/usr/bin/env python3
"""Kills a real install, at random times and at every system call, and fails its calls:

    tests/hostile/kills.py random --envbundle PROGRAM --installer PROGRAM [--rounds N] [--megabytes N]
    tests/hostile/kills.py calls  --envbundle PROGRAM --installer PROGRAM --call-faults PROGRAM [--step N] [--jobs N]
    tests/hostile/kills.py errors --envbundle PROGRAM --installer PROGRAM --call-faults PROGRAM [--step N] [--jobs N]

random (F132): SIGKILL at a random time of an upgrade, as the out-of-memory killer, a job's time limit or a dying node
send it; some rounds send SIGTERM. calls (F130): SIGKILL in the place of every N-th system call of an upgrade and of a
first install. errors: every N-th system call of them fails with each error that it can give (call_errors.py), once and
from then on. A call that is in neither table fails the run.

After each run: the release that was there is whole, `current` is it or the new one, the new one where success was
reported, what is published is whole; then the same command without fault finishes, and its release is whole. With
EB_HOSTILE=all the full extent of FAULTS §5. Exit code 77 and `skipped: …` where calls cannot be intercepted. Prints
`N passed, N failed`.
"""

import argparse
import itertools
import os
import pathlib
import queue
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

from call_errors import ERRORS, EXEMPT
from install_site import TIME_LIMIT, Bundles, Site

ALL = os.environ.get("EB_HOSTILE") == "all"
# 1: only before anything was read, or where not even the message finds memory.
EXPECTED_CODES = {0, 1, 2, 10, 11, 12, 13, 20, 21, 22, 23, 24}
KINDS = {"an upgrade": False, "a first install": True}


class Count:
    """What came out; any thread may add."""

    def __init__(self):
        self.passed = self.failed = self.missed = 0
        self.lock = threading.Lock()

    def add(self, label: str, problem: str):
        with self.lock:
            if (self.passed + self.failed) % 1000 == 999:
                print(f"{time.strftime('%X')}  {self.passed} passed, {self.failed} failed so far", flush=True)
            if problem:
                self.failed += 1
                if self.failed <= 40:
                    print(f"FAILED  {label}: {problem}", flush=True)
            else:
                self.passed += 1

    def miss(self):
        """A run that ended before its fault: two runs do not make quite the same calls."""
        with self.lock:
            self.missed += 1


def kill_at_random(site: Site, rounds: int, count: Count):
    site.reset()
    begin = time.monotonic()
    site.run()
    usual = time.monotonic() - begin
    chance = random.Random(132)
    ended = {}
    for number in range(rounds):
        site.reset()
        process = subprocess.Popen(site.command(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                   env=site.bundles.environment)
        time.sleep(chance.uniform(0, 1.1 * usual))
        sent = signal.SIGTERM if number % 5 == 4 else signal.SIGKILL
        process.send_signal(sent)
        code = process.wait(TIME_LIMIT)
        ended[code] = ended.get(code, 0) + 1
        problem = "" if code in (0, -sent, 128 + sent) else f"exit {code}"
        count.add(f"round {number}", problem or site.problem(code == 0))
    print(f"an undisturbed upgrade takes {usual:.2f} s; ends by exit code: {ended}")


class Faults:
    """Runs the upgrade under call_faults: counts its calls, or lets one of them go wrong."""

    def __init__(self, site: Site, program: pathlib.Path):
        self.site = site
        # Before main() the calls are the C library's.
        self.before = [str(program), "--from", "rt_sigaction", "--report", str(site.prefix.parent / "report")]

    def run(self, *options) -> tuple:
        """The finished process, and what was reported: calls by name, and how many were failed or killed at."""
        done = self.site.run(before=[*self.before, *options, "--"])
        report = (self.site.prefix.parent / "report").read_text().split()
        calls = dict(zip(report[0::2], map(int, report[1::2])))
        return done, calls, calls.pop("faults")

    def count(self, first: bool) -> dict:
        self.site.reset(first)
        done, calls, _ = self.run()
        if done.returncode != 0:
            raise RuntimeError(f"exit {done.returncode}\n{done.stderr}")
        return calls


def run_all(sites: list, program: pathlib.Path, cases, count: Count):
    """Each case is a label, whether it is a first install, call_faults' options and the exit codes that are right."""
    todo = queue.SimpleQueue()
    # So that a run that is cut short has looked everywhere.
    for case in random.Random(130).sample(cases, len(cases)):
        todo.put(case)
    print(f"{todo.qsize()} runs", flush=True)

    def work(site: Site):
        faults = Faults(site, program)
        while True:
            try:
                label, first, options, codes = todo.get_nowait()
            except queue.Empty:
                return
            try:
                site.reset(first)
                done, _, hits = faults.run(*options)
                if hits == 0:
                    count.miss()
                elif done.returncode not in codes:
                    count.add(label, f"exit {done.returncode}\n{done.stderr}")
                else:
                    count.add(label, site.problem(done.returncode == 0))
            except (OSError, ValueError, subprocess.SubprocessError) as error:
                count.add(label, repr(error))

    threads = [threading.Thread(target=work, args=(site,)) for site in sites]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def kills(calls: dict, first: bool, kind: str, step: int):
    total = sum(calls.values())
    print(f"{kind}: {total} system calls of {len(calls)} kinds")
    for at in range(1, total + 1, step):
        yield f"{kind} killed at call {at} of {total}", first, ["--kill", "--at", str(at)], {128 + signal.SIGKILL}


def failures(calls: dict, first: bool, kind: str, step: int):
    print(f"{kind}: {sum(times for name, times in calls.items() if name in ERRORS)} system calls of "
          f"{len(ERRORS.keys() & calls)} kinds that can fail")
    place = 0
    for name, errors in ERRORS.items():
        for error, at in itertools.product(errors.split(), range(1, calls.get(name, 0) + 1)):
            for onward in (False, True):
                # The kernel does not interrupt one call for ever.
                if onward and error == "EINTR":
                    continue
                place += 1
                if place % step == 0:
                    options = ["--call", name, "--error", error, "--at", str(at)] + ["--onward"] * onward
                    label = f"{kind}: {name} {error} at {at}{' and onward' if onward else ''}"
                    yield label, first, options, EXPECTED_CODES


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("what", choices=["random", "calls", "errors"])
    options.add_argument("--envbundle", type=pathlib.Path, required=True)
    options.add_argument("--installer", type=pathlib.Path, required=True)
    options.add_argument("--call-faults", type=pathlib.Path)
    options.add_argument("--rounds", type=int, default=500 if ALL else 40)
    options.add_argument("--megabytes", type=float, default=1000 if ALL else 40)
    options.add_argument("--step", type=int)
    options.add_argument("--jobs", type=int, default=os.cpu_count())
    args = options.parse_args()
    by_call = args.what != "random"
    if by_call:
        program = args.call_faults.resolve()
        possible = subprocess.run([program, "/bin/true"], capture_output=True, text=True)
        if possible.returncode != 0:
            print(f"skipped: {possible.stderr.strip()}")
            return 77
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    work = pathlib.Path(tempfile.mkdtemp(prefix="envbundle-kills-", dir=memory))
    count = Count()
    try:
        bundles = Bundles(args.envbundle.resolve(), args.installer.resolve(), work, 0.3 if by_call else args.megabytes)
        sites = [Site(bundles, work / f"site{number}") for number in range(args.jobs if by_call else 1)]
        if by_call:
            make, sample = (kills, 12) if args.what == "calls" else (failures, 40)
            cases = []
            for kind, first in KINDS.items():
                calls = Faults(sites[0], program).count(first)
                unknown = calls.keys() - ERRORS.keys() - EXEMPT.keys()
                count.add(kind, f"calls that no table knows: {sorted(unknown)}" if unknown else "")
                cases += make(calls, first, kind, args.step or (1 if ALL else sample))
            run_all(sites, program, cases, count)
        else:
            kill_at_random(sites[0], args.rounds, count)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    if count.missed:
        print(f"{count.missed} runs made fewer calls")
        # More than a few would be calls that nobody looks at.
        count.add("runs that ended before their fault", "too many" if count.missed * 50 > count.passed else "")
    print(f"{count.passed} passed, {count.failed} failed")
    return 1 if count.failed or not count.passed else 0


if __name__ == "__main__":
    sys.exit(main())
