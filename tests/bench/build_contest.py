"""Mark 4: a build from a full cache against `tar | zstd -T0` whose output is as small; and mark 3's --best."""

import dataclasses
import hashlib
import pathlib

import place as places
import sizes
import stopwatch
import subject as subjects
from stopwatch import Contestant, Cost

LEVELS = range(1, 20)


@dataclasses.dataclass(frozen=True)
class Match:
    """The zstd level whose output is the first that is not larger than the bundle, and the one below it. `share` of
    the way from `below` to `level` the sizes are the same."""

    level: int
    size: int
    below: int | None
    below_size: int | None
    share: float
    note: str


def match_level(size_at, wanted: int) -> Match:
    """`size_at(level)` takes minutes, so steps of two are tried first. Sizes fall with the level."""
    def first_fitting(levels) -> int | None:
        return next((level for level in levels if size_at(level) <= wanted), None)

    coarse = first_fitting(LEVELS[::2])
    if coarse is None:
        level = LEVELS[-1]
        return Match(level, size_at(level), None, None, 1.0, f"even level {level} is larger than the bundle")
    level = coarse - 1 if coarse > LEVELS[0] and size_at(coarse - 1) <= wanted else coarse
    size = size_at(level)
    if level == LEVELS[0]:
        return Match(level, size, None, None, 1.0, f"level {level} is already smaller than the bundle")
    below, below_size = level - 1, size_at(level - 1)
    share = (below_size - wanted) / (below_size - size) if below_size > size else 1.0
    return Match(level, size, below, below_size, share,
                 f"level {level} gives {size} bytes, level {below} {below_size}, the bundle has {wanted}")


def between(below: list[float], at: list[float], share: float) -> list[float]:
    """Seconds at the bundle's size, by a straight line between the two levels, run by run."""
    return [b + (a - b) * share for b, a in zip(below, at)]


class BuildContest:
    def __init__(self, place: places.Place, subject: subjects.Subject, envbundle: pathlib.Path, work: pathlib.Path,
                 cache: pathlib.Path, tree_sizes: sizes.TreeSizes):
        self.place, self.subject, self.envbundle, self.cache = place, subject, envbundle, cache
        self.tree_sizes = tree_sizes
        self.key = subjects.key_for(envbundle, work)
        self.output = place.path("built")

    def build(self, *options: str) -> Cost:
        output = self.output / f"{self.subject.name}.bundle.zst"
        return stopwatch.run(
            subjects.build_command(self.envbundle, self.subject.lock.path, output, self.key, self.cache, "--force",
                                   *options), sync=self.place.yard, family=True)

    def compress(self, level: int) -> Cost:
        return stopwatch.shell(f'{sizes.TAR} | zstd -q -T0 -{level} -f -o "$2"', self.tree_sizes.tree,
                               self.output / "tar.zst", sync=self.place.yard)

    def squash(self) -> Cost:
        return stopwatch.run(sizes.squashfs_command(self.tree_sizes.tree, self.output / "image"),
                             sync=self.place.yard)

    def prepare_build(self) -> None:
        self.start()
        for artifact in self.subject.lock.artifacts:
            places.warm(self.cache / "sha256" / artifact["sha256"][:2] / artifact["sha256"])

    def prepare_tree(self) -> None:
        self.start()
        places.warm(self.tree_sizes.tree)

    def start(self) -> None:
        self.clear()
        self.output.mkdir()
        self.place.settle()

    def clear(self) -> None:
        self.place.remove("built")

    def contest(self, match: Match, runs: int):
        def turn(name, work, prepare, **options) -> Contestant:
            return Contestant(name, work, prepare, self.clear, **{"memory": self.subject.bundle_bytes, **options})

        entrants = [turn("envbundle build", self.build, self.prepare_build, ours=True,
                         memory=self.subject.tree_bytes + self.subject.bundle_bytes),
                    turn(f"tar | zstd -T0 -{match.level}", lambda: self.compress(match.level), self.prepare_tree)]
        if match.below is not None:
            entrants.append(turn(f"tar | zstd -T0 -{match.below}", lambda: self.compress(match.below),
                                 self.prepare_tree))
        entrants.append(turn("mksquashfs -comp zstd", self.squash, self.prepare_tree, once=True))
        costs, failures = stopwatch.take_turns(entrants, runs, f"{self.subject.name}, build")
        at = costs.get(f"tar | zstd -T0 -{match.level}")
        below = costs.get(f"tar | zstd -T0 -{match.below}", at)
        if at and below:
            seconds = between([c.seconds for c in below], [c.seconds for c in at], match.share)
            cpu = between([c.cpu_seconds for c in below], [c.cpu_seconds for c in at], match.share)
            costs["tar | zstd -T0, same size"] = [Cost(s, c, a.peak_kib) for s, c, a in zip(seconds, cpu, at)]
        return costs, failures

    def best_size(self, compute: bool) -> int | None:
        """Bytes of the bundle with --best, remembered by the lock and the program that made it."""
        program = hashlib.sha256(self.envbundle.read_bytes()).hexdigest()
        key = f"envbundle {program} --best {self.subject.lock.sha256}"
        known = self.tree_sizes.known.find(key)
        if known is None and compute:
            stopwatch.say(f"building {self.subject.name} with --best: this takes long")
            try:
                self.start()
                self.build("--best")
                size = (self.output / f"{self.subject.name}.bundle.zst").stat().st_size
                known = self.tree_sizes.known.keep(key, size)
            finally:
                self.clear()
        return known
