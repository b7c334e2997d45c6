"""One process, its wall time and what the kernel says that it used; and contestants that run in turns."""

import ctypes
import dataclasses
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable

import machine

LIBC = ctypes.CDLL(None, use_errno=True)
TAIL_CHARACTERS = 400
FREE_RESERVE_BYTES = 512 << 20  # so that the kernel need not look for more
WAKE = ("import mmap, sys; mmap.mmap(-1, int(sys.argv[1]), "
        "flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | mmap.MAP_POPULATE)")


class Failed(Exception):
    """A command that could not be run, or ended badly; says how."""


@dataclasses.dataclass
class Cost:
    """Of one run with all its children. `peak_kib` is the largest process's; it never reads below this program's own
    size, because the kernel carries the size before exec over."""

    seconds: float
    cpu_seconds: float = 0.0
    peak_kib: int = 0
    major_faults: int = 0
    bytes_read: int = 0  # from the device, as the kernel charges the process
    together_kib: int = 0  # largest sum over the process and its children, where that was watched


def sync_file_system(path: pathlib.Path) -> None:
    """What `sync -f PATH` does."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        if LIBC.syncfs(descriptor) != 0:
            raise OSError(ctypes.get_errno(), "syncfs", str(path))
    finally:
        os.close(descriptor)


def clean_environment(**additions: str) -> dict[str, str]:
    """Ours without what would lead pip, uv or Python elsewhere."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PIP_", "UV_", "PYTHON"))}
    return {**kept, "PIP_CONFIG_FILE": os.devnull, "LC_ALL": "C.UTF-8", **additions}


class FamilyWatch(threading.Thread):
    """Adds up the resident memory of a process and its descendants, a few times a second. Pages that they share count
    for each of them: the figure is never too small for what it saw, and may miss a short peak."""

    PERIOD_SECONDS = 0.2

    def __init__(self, root: int):
        super().__init__(daemon=True)
        self.root, self.most_kib, self.done = root, 0, threading.Event()

    def run(self):
        while not self.done.wait(self.PERIOD_SECONDS):
            children: dict[int, list[int]] = {}
            pages: dict[int, int] = {}
            for entry in pathlib.Path("/proc").iterdir():
                if not entry.name.isdigit():
                    continue
                try:
                    fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
                except OSError:
                    continue
                pid = int(entry.name)
                children.setdefault(int(fields[1]), []).append(pid)  # proc(5): ppid; rss is the 24th field
                pages[pid] = int(fields[21])
            family, total = [self.root], 0
            while family:
                pid = family.pop()
                total += pages.get(pid, 0)
                family += children.get(pid, [])
            self.most_kib = max(self.most_kib, total * (os.sysconf("SC_PAGE_SIZE") // 1024))


def run(argv, *, sync: pathlib.Path | None = None, cwd=None, environment=None, stdout=None, family=False) -> Cost:
    """Runs to the end, with `sync` (the file system that it wrote to) counted. Raises Failed."""
    with tempfile.TemporaryFile() as errors:
        begin = time.monotonic()
        try:
            child = subprocess.Popen(
                [str(argument) for argument in argv], stdin=subprocess.DEVNULL, stdout=stdout or subprocess.DEVNULL,
                stderr=errors, cwd=cwd, env=environment or clean_environment(), start_new_session=True,
            )
        except OSError as error:
            raise Failed(f"{argv[0]}: {error.strerror}") from error
        watch = FamilyWatch(child.pid) if family else None
        try:
            if watch:
                watch.start()
            _, status, usage = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
        except BaseException:
            os.killpg(child.pid, signal.SIGKILL)  # a pipeline's parts, too
            child.wait()
            raise
        finally:
            if watch:
                watch.done.set()
        if sync is not None and child.returncode == 0:
            sync_file_system(sync)
        seconds = time.monotonic() - begin
        if child.returncode != 0:
            errors.seek(0)
            said = errors.read().decode(errors="replace").strip()[-TAIL_CHARACTERS:]
            raise Failed(f"{pathlib.Path(str(argv[0])).name} ended with {child.returncode}: {said}")
    return Cost(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss, usage.ru_majflt, usage.ru_inblock * 512,
                watch.most_kib if watch else 0)


def shell_command(script: str, *arguments) -> list:
    """A pipeline for bash, where any part that fails makes all of it fail; `arguments` are $1, $2, …"""
    return ["bash", "-c", f"set -euo pipefail; {script}", "bash", *arguments]


def shell(script: str, *arguments, **options) -> Cost:
    return run(shell_command(script, *arguments), **options)


def output_of(argv, **options) -> str:
    """Of a command whose result is wanted rather than its cost. Raises Failed."""
    with tempfile.TemporaryFile() as out:
        run(argv, stdout=out, **options)
        out.seek(0)
        return out.read().decode()


@dataclasses.dataclass
class Contestant:
    """Only what `work` says that it cost counts (one figure, or several by name). `check` looks, after the first run,
    whether the result is what it should be, and raises Failed if not."""

    name: str
    work: Callable[[], Cost | dict[str, Cost]]
    prepare: Callable[[], None] = lambda: None
    clear: Callable[[], None] = lambda: None
    check: Callable[[], None] = lambda: None
    once: bool = False  # information whose every run would take minutes
    memory: int = 0  # bytes that it will fill, files included
    ours: bool = False  # a peer that fails is not available; when we fail, there is nothing to report


def wake_memory(size: int) -> None:
    """Takes so much of the memory that is free, once, and gives it back: what was freed last is used first. The host of
    a virtual machine may take back what is free (the balloon's free page reporting), and whoever uses it next waits for
    the host to find some: 2 s a GB where this was seen, which made `cp -r` in memory 21 s instead of 11."""
    size = min(size, machine.free_memory() - FREE_RESERVE_BYTES)
    if size > 0:
        run([sys.executable, "-c", WAKE, str(size)])


def say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def take_turns(contestants: list[Contestant], runs: int, title: str) -> tuple[dict[str, list[Cost]], dict[str, str]]:
    """A B C A B C …, so that what slows the machine for a while slows all. Returns the costs, and for those who
    failed why: such a one takes no further part, and none of its earlier figures count."""
    costs: dict[str, list[Cost]] = {}
    failures: dict[str, str] = {}
    for turn in range(runs):
        for contestant in contestants:
            if contestant.name in failures or (contestant.once and turn > 0):
                continue
            try:
                contestant.prepare()
                wake_memory(contestant.memory)
                got = contestant.work()
                if turn == 0:
                    contestant.check()
            except Failed as failure:
                if contestant.ours:
                    raise
                failures[contestant.name] = str(failure)
                costs = {name: c for name, c in costs.items() if name != contestant.name}
                say(f"{title}: {contestant.name}: not available: {failure}")
                continue
            finally:
                contestant.clear()
            for name, cost in (got.items() if isinstance(got, dict) else [(contestant.name, got)]):
                costs.setdefault(name, []).append(cost)
                say(f"{title}, run {turn + 1} of {runs}: {name}: {cost.seconds:.2f} s")
    return costs, failures
