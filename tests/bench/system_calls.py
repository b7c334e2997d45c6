"""Counting system calls: `strace -f -c`, read."""

import pathlib
import re

import stopwatch

LOOKING = re.compile(r"^(open|openat|stat|lstat|newfstatat|statx|access|faccessat2?|readlink|readlinkat|getdents64)$")


class Calls(dict):
    """System calls by name."""

    @property
    def total(self) -> int:
        return sum(self.values())

    @property
    def looking(self) -> int:
        """Those that look for a file by its name: what makes an import slow on a network."""
        return sum(count for name, count in self.items() if LOOKING.match(name))

    def text(self) -> str:
        most = sorted(self.items(), key=lambda item: -item[1])[:6]
        return ", ".join(f"{name} {count}" for name, count in most)


def parse_strace(text: str) -> Calls:
    """The table of `strace -c`: share, seconds, microseconds a call, calls, errors if any, name."""
    calls = Calls()
    for line in text.splitlines():
        fields = line.split()
        if len(fields) >= 5 and re.match(r"^[0-9.]+$", fields[0]) and fields[-1] != "total":
            calls[fields[-1]] = calls.get(fields[-1], 0) + int(fields[3])
    return calls


def wrapper(report: pathlib.Path) -> list:
    return ["strace", "-f", "-c", "-o", report]


def count_calls(command: list, report: pathlib.Path) -> Calls:
    stopwatch.run([*wrapper(report), *command])
    return parse_strace(report.read_text())
