"""Which branches were taken, out of what `llvm-cov export` says of each function.

A branch is one outcome of one condition: `if (a && b)` has four. Instantiations of a template, and copies of a function in several
programs, count as one. A condition inside a macro counts once at each place that uses the macro, under that place's line.
"""

import collections
import pathlib
import re

# Source-based coverage knows two kinds of region that matter here (CoverageMapping.h).
EXPANSION_REGION = 1
# In a source line, after a condition that no run of the program can take: why it cannot. The report counts and prints them.
MARKER = re.compile(r"//\s*coverage: (?P<reason>\S.*)$")


class Condition:
    """One condition of the source with the number of times that each of its outcomes was taken."""

    def __init__(self, line: int, column: int, text: str):
        self.line, self.column, self.text = line, column, text
        self.taken = {True: 0, False: 0}
        self.reason = None  # of the marker on its line

    def missed(self) -> list:
        """Its outcomes that were never taken, unless a marker exempts it."""
        return [] if self.reason else [outcome for outcome, count in self.taken.items() if count == 0]

    def exempted(self) -> list:
        return [outcome for outcome, count in self.taken.items() if count == 0] if self.reason else []

    def count(self) -> int:
        return 2 - len(self.exempted())


class File:
    """What is known of one source file."""

    def __init__(self):
        self.conditions = {}  # places from the outermost macro inwards -> Condition
        self.functions = collections.Counter()  # line where it begins -> times entered
        self.lines = self.lines_covered = 0

    def branches(self) -> int:
        return sum(condition.count() for condition in self.conditions.values())

    def branches_missed(self) -> int:
        return sum(len(condition.missed()) for condition in self.conditions.values())

    def missed(self) -> list:
        """(line, what) of every outcome that was never taken and of every function that was never entered."""
        out = [(condition.line, condition.column, f"never {str(outcome).lower()}: {condition.text}")
               for condition in self.conditions.values() for outcome in condition.missed()]
        out += [(line, 0, "function never entered") for line, count in self.functions.items() if count == 0]
        return [(line, what) for line, _, what in sorted(out)]

    def exempted(self) -> list:
        """(line, condition, reason) of every condition of which a marker exempts an outcome."""
        return sorted((condition.line, condition.text, condition.reason)
                      for condition in self.conditions.values() if condition.exempted())


class Sources:
    """The text of the source files, read once each. `build` is the folder that the compiler ran in."""

    def __init__(self, root: pathlib.Path, build: pathlib.Path):
        self.root, self.files = root, {}
        # With -ffile-prefix-map the names that the compiler notes are relative, and are taken to be below its folder.
        self.prefixes = [f"{build}/", f"{build.relative_to(root)}/", f"{root}/"]

    def name_of(self, path: str) -> str:
        """A source file's name from the root."""
        for prefix in self.prefixes:
            if prefix != "./" and path.startswith(prefix):
                return path[len(prefix):]
        return path

    def lines(self, name: str) -> list:
        if name not in self.files:
            self.files[name] = (self.root / name).read_text(encoding="utf-8").splitlines()
        return self.files[name]

    def text(self, name: str, begin: tuple, end: tuple) -> str:
        """What stands between two places (line, column), which count from 1; columns are bytes."""
        lines = [line.encode() for line in self.lines(name)[begin[0] - 1:end[0]]]
        lines[-1] = lines[-1][:end[1] - 1]
        lines[0] = lines[0][begin[1] - 1:]
        text = " ".join(b" ".join(lines).decode().split())
        # Of a loop over a range only the colon is the condition.
        return text if text != ":" else self.lines(name)[begin[0] - 1].strip()


def is_folded(sources: Sources, name: str, begin: tuple, text: str) -> bool:
    """The compiler decides it, so that there is nothing to take: `while (true)`, `if constexpr`, and that none of its cases
    fits a `switch` without `default`, where it refuses one that leaves a value of the type out (-Wswitch)."""
    before = sources.lines(name)[begin[0] - 1].encode()[:begin[1] - 1].decode()
    return text in {"true", "false"} or re.search(r"\b(constexpr|switch)\s*\($", before) is not None


def read_branches(exported: dict, sources: Sources, below: str) -> dict:
    """File by name, for the files whose name begins with `below`. `exported` is the JSON of `llvm-cov export`.

    Files without a condition are there as well.
    """
    files = collections.defaultdict(File)
    for data in exported["data"]:
        for entry in data["files"]:
            name = sources.name_of(entry["filename"])
            if name.startswith(below):
                lines = entry["summary"]["lines"]
                files[name].lines, files[name].lines_covered = lines["count"], lines["covered"]
        for function in data["functions"]:
            add_function(files, function, sources, below)
    return dict(files)


def add_function(files: dict, function: dict, sources: Sources, below: str):
    name = sources.name_of(function["filenames"][0])
    if not name.startswith(below):
        return
    file = files[name]
    first = min((region[0], region[1]) for region in function["regions"] if region[5] == 0)
    file.functions[first[0]] += function["count"]
    # Where each file of the function is used: file 0 is the source, the others are uses of a macro.
    used_at = {region[6]: (region[5], tuple(region[:4])) for region in function["regions"]
               if region[7] == EXPANSION_REGION}
    for line, column, end_line, end_column, on_true, on_false, file_id, *_ in function["branches"]:
        places = [(line, column, end_line, end_column)]
        while file_id != 0:
            file_id, place = used_at[file_id]
            places.insert(0, place)
        add_branch(file, name, tuple(places), on_true, on_false, sources)


def add_branch(file: File, name: str, places: tuple, on_true: int, on_false: int, sources: Sources):
    condition = file.conditions.get(places)
    if condition is None:
        begin, end = places[0][:2], places[0][2:]
        text = sources.text(name, begin, end)
        if is_folded(sources, name, begin, text):
            return
        condition = file.conditions[places] = Condition(*begin, text)
        marker = MARKER.search(sources.lines(name)[begin[0] - 1])
        condition.reason = marker and marker["reason"]
    condition.taken[True] += on_true
    condition.taken[False] += on_false
