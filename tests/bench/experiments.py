"""What the experiments on one bundle share: the settings, the results, and an install in turns."""

import dataclasses
import pathlib

import install_contest
import limits
import marks
import place as places
import samples
import stopwatch
import subject as subjects
import tools as tool_rooms
from results import Results

PLACES = ("tmpfs", "disk", "dropped")
EXPERIMENTS = ("install", "upgrade", "sizes", "build", "memory", "verify", "import", "calls", "scaling")


@dataclasses.dataclass
class Settings:
    runs: int
    chosen: frozenset[str]
    disk: pathlib.Path
    tmpfs: pathlib.Path
    envbundle: pathlib.Path
    work: pathlib.Path  # bundles that the bench builds
    places: frozenset[str] = frozenset(PLACES)  # of installs
    peers: list[str] | None = None
    solid: bool = False
    best: bool = False


@dataclasses.dataclass
class Experiments:
    """On one subject."""

    settings: Settings
    subject: subjects.Subject
    tools: tool_rooms.Tools
    results: Results

    @property
    def name(self) -> str:
        return self.subject.name

    def wants(self, *names: str) -> bool:
        return bool(self.settings.chosen & set(names))

    def wants_install(self, *places: str) -> bool:
        return "install" in self.settings.chosen and bool(self.settings.places & set(places))

    def wants_peer(self, name: str) -> bool:
        return name not in self.tools.missing and (not self.settings.peers or name in self.settings.peers)

    def probe(self, place: places.Place) -> None:
        needed = self.subject.tree_bytes
        if needed > place.capacity():
            stopwatch.say(f"{place.folder}: no room for {needed / 1e9:.1f} GB, so its limits are not probed")
            return
        stopwatch.say(f"{self.name}: probing what {place.folder} allows")
        self.results.limits += limits.probe(place, self.subject)

    def install(self, place: places.Place, sources: places.Sources, label: str, cold: bool = False) -> None:
        contest = install_contest.InstallContest(place, self.subject, self.tools, sources)
        heats, absent = contest.contest(self.settings.runs, cold, self.settings.peers)
        for number, costs in enumerate(heats):
            self.results.add(self.name, "install", label, costs, heat=number, notes=install_contest.NOTES)
        self.results.add(self.name, "install", label, {}, absent)
        if not heats:
            self.results.add(self.name, "install", label, {}, {install_contest.OURS: "nothing fits here"})

    def known_limits(self, where: str) -> dict[str, float]:
        return {limit.name: limit.seconds for limit in self.results.limits
                if (limit.subject, limit.place) == (self.name, where)}

    def measured_on_disk(self) -> float | None:
        for place in (marks.COLD, marks.WARM):
            for figure in self.results.find(self.name, "install", place, install_contest.OURS):
                return samples.summarise(figure.samples).median
        return None
