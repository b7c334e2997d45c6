"""The machine that measures: what it is, how much memory and space it has left, and how its caches are dropped."""

import os
import pathlib
import platform

DROP_CACHES = pathlib.Path("/proc/sys/vm/drop_caches")


def cores() -> int:
    return len(os.sched_getaffinity(0))


def available_memory() -> int:
    """Bytes that can still be used, page cache included, files in tmpfs not."""
    for line in pathlib.Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("/proc/meminfo has no MemAvailable")


def free_memory() -> int:
    """Bytes that nothing is kept in."""
    for line in pathlib.Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemFree:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("/proc/meminfo has no MemFree")


def free_space(folder: pathlib.Path) -> int:
    status = os.statvfs(folder)
    return status.f_bavail * status.f_frsize


def file_system(folder: pathlib.Path) -> tuple[str, str]:
    """Type and device of the mount that holds `folder`."""
    resolved = str(folder.resolve())
    best = ("", "unknown", "unknown")
    for line in pathlib.Path("/proc/self/mounts").read_text().splitlines():
        device, point, kind = line.split()[:3]
        point = point.encode().decode("unicode_escape")
        inside = resolved == point or resolved.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best[0]):
            best = (point, kind, device)
    return best[1], best[2]


def may_drop_caches() -> bool:
    return os.access(DROP_CACHES, os.W_OK)


def drop_caches() -> None:
    """Everything written goes to the disk, and nothing stays in memory."""
    os.sync()
    DROP_CACHES.write_text("3\n")


def describe() -> dict:
    model = "unknown CPU"
    flags: set[str] = set()
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name") and model == "unknown CPU":
            model = line.split(":", 1)[1].strip()
        if line.startswith("flags") and not flags:
            flags = set(line.split(":", 1)[1].split())
    return {
        "cpu": model,
        "cores": cores(),
        "sha_instructions": "sha_ni" in flags,
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "kernel": platform.release().split("-")[0],
        "caches_can_be_dropped": may_drop_caches(),
    }
