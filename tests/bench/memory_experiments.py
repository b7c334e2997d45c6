"""The experiments on tmpfs: what an install costs the cores, and how many system calls it makes."""

import dataclasses
import os
import pathlib

import install_contest
import marks
import model
import place as places
import samples
import stopwatch
import system_calls
from experiments import Experiments
from stopwatch import Contestant


@dataclasses.dataclass
class MemoryExperiments(Experiments):
    image_path: pathlib.Path | None = None  # of the tree, made on the disk before

    def run(self, place: places.Place) -> None:
        sources = places.Sources(place, self.subject, self.tools, lambda: self.image_path)
        if self.wants("scaling") or self.wants_install("tmpfs"):
            self.probe(place)
        if self.wants_install("tmpfs"):
            self.install(place, sources, marks.TMPFS)
        if self.wants("scaling"):
            self.scaling(place, sources)
        if self.wants("calls"):
            self.calls(place, sources)

    def scaling(self, place: places.Place, sources: places.Sources) -> None:
        """One and two jobs, each on so many cores."""
        cpus = sorted(os.sched_getaffinity(0))
        contest = install_contest.InstallContest(place, self.subject, self.tools, sources)
        if self.subject.bundle_bytes + self.subject.tree_bytes > sources.capacity():
            self.results.add(self.name, "scaling", marks.TMPFS, {}, {"--jobs 1": "does not fit", "--jobs 2": "does not fit"})
            return
        sources.put(frozenset({"bundle"}))

        def entrant(jobs: int) -> Contestant:
            def work():
                contest.wrapper = ["taskset", "-c", ",".join(map(str, cpus[:jobs]))]
                return contest.envinstall("--jobs", str(jobs))
            return Contestant(f"--jobs {jobs}", work, contest.clear, contest.clear, ours=True,
                              memory=self.subject.tree_bytes)

        counts = [jobs for jobs in (1, 2, 4, 8) if jobs <= len(cpus)]
        costs, _ = stopwatch.take_turns([entrant(jobs) for jobs in counts], self.settings.runs, f"{self.name}, scaling")
        self.results.add(self.name, "scaling", marks.TMPFS, costs)
        if len(counts) >= 2:
            one, two = (samples.summarise([c.seconds for c in costs[f"--jobs {jobs}"]]).median for jobs in (1, 2))
            self.results.models.append(model.of_bundle(
                self.subject.facts(), one, two, len(cpus), self.known_limits("tmpfs"), self.known_limits("disk"),
                self.measured_on_disk()))

    def calls(self, place: places.Place, sources: places.Sources) -> None:
        """Each contestant once below strace. The figures do not depend on the time it takes."""
        if "strace" in self.tools.missing:
            self.results.add(self.name, "calls", "", {}, {install_contest.OURS: self.tools.missing["strace"]})
            return
        contest = install_contest.InstallContest(place, self.subject, self.tools, sources)
        absent = contest.unavailable()
        report = place.path("strace")
        for name, offer in contest.offers().items():
            if name in absent or (self.settings.peers and name not in (*self.settings.peers, install_contest.OURS)):
                continue
            size = sum(sources.sizes[source] for source in offer[0]) + offer[1]
            if size > sources.capacity():
                absent[name] = f"does not fit: {size / 1e9:.1f} GB"
                continue
            absent.update({name: why for why in sources.put(frozenset(offer[0])).values()})
            if name in absent:
                continue
            entrant = contest.contestant(name, False)
            contest.wrapper = []
            try:
                entrant.prepare()
                contest.wrapper = system_calls.wrapper(report)
                entrant.work()
                calls = system_calls.parse_strace(report.read_text())
                self.results.add_value(self.name, "calls", "", name, "calls", calls.total,
                                       f"{calls.total / self.subject.files:.1f} a file; {calls.text()}")
            except stopwatch.Failed as failure:
                absent[name] = str(failure)
            finally:
                contest.wrapper = []
                entrant.clear()
        self.results.add(self.name, "calls", "", {}, absent)
