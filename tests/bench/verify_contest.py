"""Mark 6: a full verification of an installed prefix against sha256sum of its files on all cores."""

import pathlib

import machine
import place as places
import stopwatch
import subject as subjects
from stopwatch import Contestant, Cost

# Large files one by one, so that the processes end together; small ones many at a time, so that starting a process
# costs little. The plain `find | xargs -P` is slower on a tree like this one.
PARALLEL_SUM = (
    'cd "$1"; { find . -type f -size +1023k -print0 | xargs -0 -r -n 1 -P "$2" PROGRAM; '
    'find . -type f -size -1024k -print0 | xargs -0 -r -n 256 -P "$2" PROGRAM; } >/dev/null'
)


def contestants(place: places.Place, subject: subjects.Subject, prefix: pathlib.Path) -> list[Contestant]:
    (release,) = (path for path in (prefix / "releases").iterdir() if path.is_dir())

    def prepare() -> None:
        place.settle()
        places.warm(release)

    def verify() -> Cost:
        return stopwatch.run([subject.installer, "verify", prefix, "--full", "-q", *subject.trust])

    def plain() -> Cost:
        return stopwatch.shell('cd "$1"; find . -type f -print0 | xargs -0 -r -n 64 -P "$2" sha256sum >/dev/null',
                               release, machine.cores())

    def even(program: str) -> Cost:
        return stopwatch.shell(PARALLEL_SUM.replace("PROGRAM", program), release, machine.cores())

    return [
        Contestant("envinstall verify --full", verify, prepare, ours=True),
        Contestant("sha256sum, find | xargs -P", plain, prepare),
        Contestant("sha256sum, large files first", lambda: even("sha256sum"), prepare),
        Contestant("openssl sha256, large files first", lambda: even("openssl dgst -sha256"), prepare),
    ]


def quickest(costs: dict[str, list[Cost]]) -> dict[str, list[Cost]]:
    """The mark is against the better of the two ways to run sha256sum."""
    ways = [runs for name, runs in costs.items() if name.startswith("sha256sum")]
    if ways:
        costs["sha256sum, all cores"] = min(ways, key=lambda runs: sorted(c.seconds for c in runs)[len(runs) // 2])
    return costs
