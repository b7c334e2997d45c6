"""What the machine itself allows: time to decode, to hash, to make the files, to write and to read the bytes.

Each is probed by the simplest program that does nothing else, on all cores; no unpacker can be quicker than the largest
of them, nor, where all of them are work of the same cores (tmpfs), than their sum."""

import hashlib
import os
import pathlib
import time

import machine
import place as places
import stopwatch
import subject as subjects
from results import Limit

BLOCK = 4 << 20
HASHED_BYTES = 512 << 20
FILES_PER_FOLDER = 200
ATTEMPTS = 3  # the best of these is nearest to what the machine allows


def best(probe_once) -> float:
    return min(probe_once() for _ in range(ATTEMPTS))


def hash_seconds_per_gb() -> float:
    """Of one core, with OpenSSL's SHA-256 (which uses the CPU's instructions where it has them)."""
    block = os.urandom(BLOCK)
    begin = time.process_time()
    digest = hashlib.sha256()
    for _ in range(HASHED_BYTES // BLOCK):
        digest.update(block)
    digest.hexdigest()
    return (time.process_time() - begin) / HASHED_BYTES * 1e9


def on_all_cores(work) -> float:
    """Wall seconds until `work(number, count)` has ended in a process a core. Raises Failed."""
    count = machine.cores()
    begin = time.monotonic()
    children = []
    for number in range(count):
        child = os.fork()
        if child == 0:
            try:
                work(number, count)
                os._exit(0)
            except BaseException:
                os._exit(1)
        children.append(child)
    states = [os.waitpid(child, 0)[1] for child in children]
    if any(states):
        raise stopwatch.Failed("a probe could not write: is there room?")
    return time.monotonic() - begin


def probe_seconds(place: places.Place, work, memory: int = 0) -> float:
    """Of work(folder, number, count) on all cores, in a folder of its own that is synced and removed."""
    folder = place.path("probe")
    folder.mkdir()
    try:
        place.settle()
        stopwatch.wake_memory(memory)
        begin = time.monotonic()
        on_all_cores(lambda number, count: work(folder, number, count))
        stopwatch.sync_file_system(folder)
        return time.monotonic() - begin
    finally:
        place.remove("probe")


def write_seconds(place: places.Place, size: int) -> float:
    """Large writes into one file a core, and `sync` of the file system."""
    def work(folder: pathlib.Path, number: int, count: int) -> None:
        block = os.urandom(BLOCK)
        left = size // count
        with open(folder / str(number), "wb", buffering=0) as out:
            while left > 0:
                left -= out.write(block[:min(left, BLOCK)])

    return probe_seconds(place, work, size)


def create_seconds(place: places.Place, files: int) -> float:
    """Empty files in folders of a core's own. Python's share in it is about a tenth on a disk."""
    def work(folder: pathlib.Path, number: int, count: int) -> None:
        inside = -1
        for index in range(files // count):
            if index % FILES_PER_FOLDER == 0:
                name = folder / f"{number}.{index}"
                name.mkdir()
                if inside >= 0:
                    os.close(inside)
                inside = os.open(name, os.O_RDONLY | os.O_DIRECTORY)
            os.close(os.open(str(index), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644, dir_fd=inside))

    return probe_seconds(place, work)


def read_seconds(path: pathlib.Path) -> float:
    """From the device, one reader, 4 MiB at a time; the caches were dropped before."""
    machine.drop_caches()
    buffer = bytearray(BLOCK)
    begin = time.monotonic()
    with open(path, "rb", buffering=0) as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_SEQUENTIAL)
        while file.readinto(buffer):
            pass
    return time.monotonic() - begin


def probe(place: places.Place, subject: subjects.Subject) -> list[Limit]:
    """All that can be probed for this bundle on this file system."""
    cores = machine.cores()
    name, where = subject.name, "tmpfs" if place.in_memory else "disk"
    per_gb = hash_seconds_per_gb()
    found = [
        Limit(name, where, "hash bundle", per_gb * subject.bundle_bytes / 1e9 / cores,
              f"SHA-256 of {subject.bundle_bytes / 1e9:.2f} GB by OpenSSL, {1 / per_gb:.2f} GB/s a core"),
        Limit(name, where, "hash tree", per_gb * subject.tree_bytes / 1e9 / cores,
              f"SHA-256 of {subject.tree_bytes / 1e9:.2f} GB by OpenSSL, {1 / per_gb:.2f} GB/s a core"),
    ]
    decode = best(lambda: stopwatch.run(["zstd", "-t", "-q", subject.bundle]).cpu_seconds)
    found.append(Limit(name, where, "decode", decode / cores, f"`zstd -t`, {decode:.2f} s of one core"))
    found.append(Limit(name, where, "write", best(lambda: write_seconds(place, subject.tree_bytes)),
                       f"{subject.tree_bytes / 1e9:.2f} GB into one file a core, with sync"))
    found.append(Limit(name, where, "create", best(lambda: create_seconds(place, subject.files)),
                       f"{subject.files} empty files, with sync"))
    if not place.in_memory and machine.may_drop_caches():
        found.append(Limit(name, where, "read bundle", read_seconds(subject.bundle), "one reader, caches dropped"))
    return found


def bound(limits: dict[str, float], in_memory: bool, names: tuple[str, ...]) -> float | None:
    """Of a step that consists of these; None where one of them was not probed."""
    values = [limits.get(name) for name in names]
    if any(value is None for value in values):
        return None
    return sum(values) if in_memory else max(values)
