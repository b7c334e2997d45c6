"""The marks that must be reached, and the verdict on each from what was measured."""

import dataclasses

import samples
from results import Results

TMPFS, WARM, COLD = "tmpfs", "disk, caches warm", "disk, caches dropped"
INSTALL_PLACES = (TMPFS, WARM, COLD)
REAL, SMALL = "real", "small files"
MIB = 1024  # KiB


@dataclasses.dataclass(frozen=True)
class Mark:
    """Ours must not be above `limit` × theirs, or above `limit` itself where there is no `theirs`."""

    number: str  # of the list in tests/bench/README.md
    text: str
    experiment: str
    places: tuple[str, ...]
    ours: str
    theirs: str | None
    limit: float
    roles: tuple[str, ...] = (REAL, SMALL)


MARKS = [
    Mark("1a", "install ≤ 1.0 × cp -r", "install", (TMPFS,), "envinstall", "cp -r", 1.0),
    Mark("1b", "install ≤ 1.05 × cp -r + sync", "install", (WARM, COLD), "envinstall", "cp -r", 1.05),
    Mark("1c", "install ≤ 0.4 × zstd -dc | tar -x", "install", INSTALL_PLACES, "envinstall", "zstd -dc | tar -x", 0.4),
    Mark("1d", "install ≤ 0.33 × uv, copy mode", "install", INSTALL_PLACES, "envinstall",
         "uv pip install, from wheels", 0.33),
    Mark("1e", "install ≤ 0.1 × pip", "install", INSTALL_PLACES, "envinstall", "pip install", 0.1),
    Mark("2a", "upgrade of one small package ≤ 0.1 × full install", "upgrade", (WARM,), "upgrade", "full install", 0.1),
    Mark("2b", "same release again ≤ 0.02 × full install", "upgrade", (WARM,), "same again", "full install", 0.02),
    Mark("3a", "bundle ≤ 0.96 × the artifacts", "sizes", ("",), "bundle", "artifacts", 0.96, (REAL,)),
    Mark("3b", "bundle --best ≤ 0.93 × the artifacts", "sizes", ("",), "bundle --best", "artifacts", 0.93, (REAL,)),
    Mark("3c", "bundle --best ≤ 1.02 × solid zstd -19 --long=27", "sizes", ("",), "bundle --best",
         "solid zstd -19 --long=27", 1.02, (REAL,)),
    Mark("4", "build ≤ 1.15 × tar | zstd -T0 of the same size", "build", (WARM,), "envbundle build",
         "tar | zstd -T0, same size", 1.15, (REAL,)),
    Mark("5a", "installer's memory with 2 jobs ≤ 256 MiB", "memory", ("",), "envinstall --jobs 2", None, 256 * MIB),
    Mark("5b", "bundler's memory ≤ 1.5 GiB", "memory", ("",), "envbundle build", None, 1536 * MIB),
    Mark("6", "full verify ≥ 0.9 × the speed of sha256sum in parallel", "verify", (WARM,), "envinstall verify --full",
         "sha256sum, all cores", 1 / 0.9),
    Mark("7a", "import warm ≤ 1.0 × a venv's", "import", (WARM,), "prefix", "venv", 1.0, (REAL,)),
    Mark("7b", "import cold ≤ 0.9 × a venv's", "import", (COLD,), "prefix", "venv", 0.9, (REAL,)),
]

MET, MISSED, NOT_AVAILABLE, NOT_MEASURED = "met", "missed", "not available", "not measured"


@dataclasses.dataclass(frozen=True)
class Verdict:
    mark: Mark
    subject: str
    place: str
    state: str
    value: float | None = None  # a ratio; KiB for the marks of memory
    least: float | None = None
    most: float | None = None
    why: str = ""


def judge(results: Results) -> list[Verdict]:
    """On every mark, subject and place. What was not measured is said to be so, never counted as met."""
    verdicts = []
    for mark in MARKS:
        for subject in results.subjects:
            if subject["role"] in mark.roles:
                verdicts += [verdict_on(results, mark, subject["name"], place) for place in mark.places]
    return verdicts


def verdict_on(results: Results, mark: Mark, subject: str, place: str) -> Verdict:
    for name in filter(None, (mark.ours, mark.theirs)):
        if not results.find(subject, mark.experiment, place, name):
            why = results.why_absent(subject, mark.experiment, place, name)
            state = NOT_AVAILABLE if why else NOT_MEASURED
            return Verdict(mark, subject, place, state, why=f"{name}: {why}" if why else "")
    if mark.theirs is None:
        value = max(max(f.samples) for f in results.find(subject, mark.experiment, place, mark.ours))
        return Verdict(mark, subject, place, MET if value <= mark.limit else MISSED, value)
    theirs = results.find(subject, mark.experiment, place, mark.theirs)[-1]
    ours = [f for f in results.find(subject, mark.experiment, place, mark.ours) if f.heat == theirs.heat]
    if not ours:
        return Verdict(mark, subject, place, NOT_MEASURED, why="not in the same run")
    found = samples.ratio(ours[0].samples, theirs.samples)
    state = MET if found.value <= mark.limit else MISSED
    return Verdict(mark, subject, place, state, found.value, found.least, found.most)


def exit_code(verdicts: list[Verdict]) -> int:
    """1 where a mark was missed."""
    return 1 if any(verdict.state == MISSED for verdict in verdicts) else 0
