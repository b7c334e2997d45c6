#!/usr/bin/env python3
"""Checks rules of the house that no compiler knows: `tests/house/check.py` in the repository's root.

Prints one line a finding and exits 1 when there is one.
"""

import pathlib
import re
import subprocess
import sys

# Written in pieces, because the names themselves must stand nowhere in the project: indexes and archives come from
# pip's and apt's configuration.
FORBIDDEN_HOSTS = [
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("files", "pythonhosted", "org"),
        ("deb", "debian", "org"),
        ("ftp", "debian", "org"),
        ("security", "debian", "org"),
        ("archive", "ubuntu", "com"),
        ("registry", "npmjs", "org"),
    )
]
MAX_LINES = 800
LAYERS = {  # room -> what its sources may include, besides itself (DESIGN: "the house")
    "installer/base": [],
    "installer/format": ["installer/base"],
    "installer/image": ["installer/base", "installer/format"],
    "installer/lease": ["installer/base"],
    "installer/install": ["installer/base", "installer/format", "installer/image", "installer/lease"],
    "installer/driver": ["installer/base", "installer/format"],
    "installer/check": ["installer/base"],
    "installer/cli": ["installer/base", "installer/format", "installer/install", "installer/driver", "installer/check",
                      "installer/lease"],
    "runtime/launcher": [],
    "runtime/gpu": [],
    "runtime/metrics": ["installer/base"],
    "runtime/image": ["installer/base", "installer/format", "installer/image"],
    # What envrun asks of a machine (drivers, GPUs, files of the kernel) is what the installer asks.
    "runtime/envrun": ["installer/base", "installer/driver", "installer/format", "installer/lease"],
}


def main() -> int:
    findings = []
    files = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        check=True, capture_output=True, text=True,
    ).stdout.splitlines()
    for name in files:
        path = pathlib.Path(name)
        try:
            text = path.read_text(encoding="utf-8")
        except (UnicodeDecodeError, FileNotFoundError, IsADirectoryError):
            continue
        for host in FORBIDDEN_HOSTS:
            if host in text:
                findings.append(f"{name}: names a host of an index or archive")
        is_code = path.suffix in {".cpp", ".hpp"}
        if is_code and text.count("\n") > MAX_LINES:
            findings.append(f"{name}: more than {MAX_LINES} lines")
        room = "/".join(path.parts[:2])
        if is_code and room in LAYERS:
            for included in re.findall(r'#include "((?:installer|bundler|runtime)/[^/"]+)', text):
                if included != room and included not in LAYERS[room]:
                    findings.append(f"{name}: {room} must not use {included}")
        if is_code and re.search(r'TEST_CASE\("-', text):
            findings.append(f"{name}: a test's name begins with '-', which its program takes for an option")
        if path.stem in {"utils", "util", "common", "helpers", "misc"}:
            findings.append(f"{name}: a file is named for its noun")
    for finding in findings:
        print(finding)
    print(f"house: {len(files)} files, {len(findings)} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
