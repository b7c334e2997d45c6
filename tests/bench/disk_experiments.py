"""The experiments on a disk: each leaves the place as the next expects it, and no more there than it must."""

import dataclasses
import pathlib

import first_use
import install_contest
import machine
import marks
import place as places
import sizes
import stopwatch
import subject as subjects
import upgrade_contest
import verify_contest
from experiments import Experiments
from pack_experiments import PackExperiments


@dataclasses.dataclass
class DiskExperiments(Experiments):
    image_path: pathlib.Path | None = None

    def run(self, place: places.Place) -> None:
        packer = PackExperiments(self.settings, self.subject, self.tools, self.results)
        sources = places.Sources(place, self.subject, self.tools, lambda: self.image_path)
        tree_sizes = None
        image_wanted = self.wants_peer("unsquashfs") and self.wants("install", "sizes", "calls")
        if image_wanted or self.wants("sizes", "build"):
            sources.put(frozenset({"tree"}))
            tree_sizes = sizes.TreeSizes(place.path("tree"), self.tools.versions)
        if image_wanted:
            self.image_path = tree_sizes.image()
        if self.wants("scaling", "verify", "import") or self.wants_install("disk", "dropped"):
            self.probe(place)
        if self.wants_install("disk"):
            self.install(place, sources, marks.WARM)
        if self.wants_install("dropped"):
            self.install_cold(place, sources)
        if self.wants("sizes", "build"):
            sources.put(frozenset({"tree"}))
            packer.run(place, tree_sizes, self.image_path)
        sources.put(frozenset())
        if self.wants("memory"):
            self.memory(place, sources)
            if not self.wants("build"):
                packer.memory(place)
        if self.wants("verify", "import"):
            self.installed(place, sources)
        sources.put(frozenset())
        if self.wants("upgrade"):
            self.upgrade(place)

    def install_cold(self, place: places.Place, sources: places.Sources) -> None:
        if machine.may_drop_caches():
            self.install(place, sources, marks.COLD, cold=True)
        else:
            why = f"{machine.DROP_CACHES} cannot be written to here"
            self.results.add(self.name, "install", marks.COLD, {}, {install_contest.OURS: why})

    def memory(self, place: places.Place, sources: places.Sources) -> None:
        sources.put(frozenset({"bundle"}))
        contest = install_contest.InstallContest(place, self.subject, self.tools, sources)
        try:
            cost = contest.envinstall("--jobs", "2")
        finally:
            contest.clear()
        self.results.add_value(self.name, "memory", "", "envinstall --jobs 2", "KiB", cost.peak_kib, "wait4's ru_maxrss")

    def installed(self, place: places.Place, sources: places.Sources) -> None:
        """What is done with an installed prefix."""
        prefix = place.path("prefix")
        stopwatch.run([self.subject.installer, self.subject.bundle, "--prefix", prefix, "-q", "--gpu-check=skip"])
        if self.wants("verify"):
            costs, absent = stopwatch.take_turns(verify_contest.contestants(place, self.subject, prefix),
                                                 self.settings.runs, f"{self.name}, verify")
            self.results.add(self.name, "verify", marks.WARM, verify_contest.quickest(costs), absent)
        if self.wants("import"):
            self.imports(place, sources, prefix)
        place.remove("prefix")

    def imports(self, place: places.Place, sources: places.Sources, prefix: pathlib.Path) -> None:
        sources.put(frozenset({"wheels"}))
        use = first_use.FirstUse(place, self.subject, self.tools, prefix)
        try:
            absent = use.prepare()
            for label, cold in ((marks.WARM, False), (marks.COLD, True)):
                if cold and not machine.may_drop_caches():
                    self.results.add(self.name, "import", label, {}, {"prefix": "caches cannot be dropped here"})
                    continue
                costs, failed = stopwatch.take_turns(use.contestants(cold), self.settings.runs,
                                                     f"{self.name}, import {use.module}, {label}")
                self.results.add(self.name, "import", label, costs, {**absent, **failed},
                                 notes={"prefix": f"import {use.module}"})
                for name, runs in costs.items() if cold else ():
                    read = sorted(cost.bytes_read for cost in runs)[len(runs) // 2]
                    faults = sorted(cost.major_faults for cost in runs)[len(runs) // 2]
                    self.results.add_value(self.name, "import page-ins", label, name, "B", read,
                                           f"{faults} major page faults")
            if "strace" not in self.tools.missing:
                for name, calls in use.calls().items():
                    self.results.add_value(self.name, "import calls", "", name, "calls", calls.total,
                                           f"{calls.looking} look for a file; {calls.text()}")
        finally:
            use.close()

    def upgrade(self, place: places.Place) -> None:
        try:
            newer, package = subjects.changed_subject(self.subject, self.settings.envbundle, self.settings.work)
            why = upgrade_contest.room(place, self.subject)
        except ValueError as error:
            why = str(error)
        if why:
            self.results.add(self.name, "upgrade", marks.WARM, {}, {"upgrade": why})
            return
        notes = {"upgrade": f"another {package}: {upgrade_contest.difference(self.settings.envbundle, self.subject, newer)}"}
        costs, absent = stopwatch.take_turns([upgrade_contest.contestant(place, self.subject, newer)],
                                             self.settings.runs, f"{self.name}, upgrade")
        self.results.add(self.name, "upgrade", marks.WARM, costs, absent, notes=notes)
