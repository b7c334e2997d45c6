#!/usr/bin/env python3
"""Compares two folders by path, type, mode, link text and content: `compare_trees.py A B [--ignore NAME ...]`.

NAME is a path below the root that only one side has. Prints every difference (at most 50) and exits 1 when there is one.
"""

import argparse
import hashlib
import os
import pathlib
import stat
import sys


def listing(root: pathlib.Path, ignored: set) -> dict:
    found = {}
    for folder, folders, files in os.walk(root):
        for name in folders + files:
            path = pathlib.Path(folder, name)
            relative = str(path.relative_to(root))
            if any(relative == each or relative.startswith(each + "/") for each in ignored):
                continue
            info = path.lstat()
            if stat.S_ISLNK(info.st_mode):
                found[relative] = ("link", os.readlink(path))
            elif stat.S_ISDIR(info.st_mode):
                found[relative] = ("directory", oct(stat.S_IMODE(info.st_mode)))
            elif stat.S_ISREG(info.st_mode):
                with path.open("rb") as file:
                    digest = hashlib.file_digest(file, "sha256").hexdigest()
                found[relative] = ("file", oct(stat.S_IMODE(info.st_mode)), digest)
            else:
                found[relative] = ("other", oct(info.st_mode))
    return found


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("a", type=pathlib.Path)
    options.add_argument("b", type=pathlib.Path)
    options.add_argument("--ignore", action="append", default=[])
    args = options.parse_args()
    a, b = listing(args.a, set(args.ignore)), listing(args.b, set(args.ignore))
    differences = [
        f"{path}: {a.get(path, 'missing')} / {b.get(path, 'missing')}"
        for path in sorted(set(a) | set(b)) if a.get(path) != b.get(path)
    ]
    for difference in differences[:50]:
        print(difference)
    print(f"{len(a)} and {len(b)} paths, {len(differences)} differences")
    return 1 if differences or not a else 0


if __name__ == "__main__":
    sys.exit(main())
