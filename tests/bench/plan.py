"""The order of the experiments on one bundle: each leaves the place as the next expects it, and no more on the disk
than it must."""

import dataclasses
import os
import pathlib

import build_contest
import first_use
import install_contest
import limits
import lock_file
import machine
import marks
import model
import place as places
import sizes
import stopwatch
import subject as subjects
import system_calls
import tools as tool_rooms
import upgrade_contest
import verify_contest
from results import Results
from stopwatch import Contestant

EXPERIMENTS = ("install", "upgrade", "sizes", "build", "memory", "verify", "import", "calls", "scaling")


@dataclasses.dataclass
class Settings:
    runs: int
    chosen: frozenset[str]
    disk: pathlib.Path
    tmpfs: pathlib.Path
    envbundle: pathlib.Path
    work: pathlib.Path  # bundles that the bench builds
    peers: list[str] | None = None
    solid: bool = False
    best: bool = False
    quick: bool = False


class Bench:
    """All experiments on one subject. Every place is emptied, whatever happens."""

    def __init__(self, settings: Settings, subject: subjects.Subject, tools: tool_rooms.Tools, results: Results):
        self.settings, self.subject, self.tools, self.results = settings, subject, tools, results
        self.name = subject.name
        self.sizes: sizes.TreeSizes | None = None
        self.image_path: pathlib.Path | None = None

    def wants(self, *names: str) -> bool:
        return bool(self.settings.chosen & set(names))

    def wants_peer(self, name: str) -> bool:
        return name not in self.tools.missing and (not self.settings.peers or name in self.settings.peers)

    def run(self) -> None:
        for in_memory, folder in ((False, self.settings.disk), (True, self.settings.tmpfs)):
            place = places.Place("tmpfs" if in_memory else "disk", folder, in_memory)
            try:
                if in_memory:
                    self.in_memory(place)
                else:
                    self.on_disk(place)
            finally:
                place.close()

    # --- tmpfs: what the cores cost ---

    def in_memory(self, place: places.Place) -> None:
        if place.kind != "tmpfs":
            raise subjects.Unusable(f"--tmpfs {place.folder}: this is {place.kind}, not tmpfs")
        sources = places.Sources(place, self.subject, self.tools, self.image)
        if self.wants("install"):
            self.probe(place)
            self.install(place, sources, marks.TMPFS)
        if self.wants("scaling"):
            self.scaling(place, sources)
        if self.wants("calls"):
            self.calls(place, sources)

    def image(self) -> pathlib.Path:
        if self.image_path is None:
            raise stopwatch.Failed("no image was made")
        return self.image_path

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

    def scaling(self, place: places.Place, sources: places.Sources) -> None:
        """One and two jobs, each on so many cores."""
        cpus = sorted(os.sched_getaffinity(0))
        contest = install_contest.InstallContest(place, self.subject, self.tools, sources)
        if self.subject.bundle_bytes + self.subject.tree_bytes > place.capacity():
            self.results.add(self.name, "scaling", marks.TMPFS, {}, {"--jobs 1": "does not fit", "--jobs 2": "does not fit"})
            return
        sources.put(frozenset({"bundle"}))

        def entrant(jobs: int) -> Contestant:
            def work():
                contest.wrapper = ["taskset", "-c", ",".join(map(str, cpus[:jobs]))]
                return contest.envinstall("--jobs", str(jobs))
            return Contestant(f"--jobs {jobs}", work, contest.clear, contest.clear, ours=True)

        counts = [jobs for jobs in (1, 2, 4, 8) if jobs <= len(cpus)]
        costs, _ = stopwatch.take_turns([entrant(jobs) for jobs in counts], self.settings.runs, f"{self.name}, scaling")
        self.results.add(self.name, "scaling", marks.TMPFS, costs)
        if len(counts) >= 2:
            one, two = (sorted(c.seconds for c in costs[f"--jobs {j}"])[len(costs[f"--jobs {j}"]) // 2] for j in (1, 2))
            self.results.models.append(model.of_bundle(self.subject.facts(), one, two))

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
            size = sum(sources.sizes[s] for s in offer[0]) + offer[1] * self.subject.tree_bytes
            if size > place.capacity() + sum(sources.sizes[s] for s in offer[0] if place.path(s).exists()):
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

    # --- disk ---

    def on_disk(self, place: places.Place) -> None:
        sources = places.Sources(place, self.subject, self.tools, self.image)
        if self.wants("install", "sizes", "build", "calls"):
            sources.put(frozenset({"tree"}))
            self.sizes = sizes.TreeSizes(place.path("tree"), self.tools.versions)
        if self.wants("install", "sizes", "calls") and self.wants_peer("unsquashfs"):
            self.image_path = self.sizes.image()
        if self.wants("install"):
            self.probe(place)
            self.install(place, sources, marks.WARM)
            if machine.may_drop_caches() and not self.settings.quick:
                self.install(place, sources, marks.COLD, cold=True)
            elif not self.settings.quick:
                why = f"{machine.DROP_CACHES} cannot be written to here"
                self.results.add(self.name, "install", marks.COLD, {}, {install_contest.OURS: why})
        sources.put(frozenset({"tree"} if self.sizes else ()))
        if self.wants("sizes", "build"):
            self.pack(place)
        sources.put(frozenset())
        if self.wants("memory"):
            self.memory(place, sources)
        if self.wants("verify", "import"):
            self.installed(place, sources)
        sources.put(frozenset())
        if self.wants("upgrade"):
            self.upgrade(place)

    def pack(self, place: places.Place) -> None:
        contest = build_contest.BuildContest(place, self.subject, self.settings.envbundle, self.settings.work,
                                             lock_file.cache_folder(), self.sizes)
        if self.wants("sizes"):
            self.pack_sizes(contest)
        if self.wants("build"):
            stopwatch.say(f"{self.name}: looking for the zstd level that gives the bundle's size")
            match = build_contest.match_level(self.sizes.at_level, self.subject.bundle_bytes)
            costs, absent = contest.contest(match, self.settings.runs)
            self.results.add(self.name, "build", marks.WARM, costs, absent,
                             notes={"tar | zstd -T0, same size": match.note})
            self.remember_build_memory(costs["envbundle build"])

    def pack_sizes(self, contest: build_contest.BuildContest) -> None:
        def keep(name: str, size: int | None, why: str, note: str = "") -> None:
            if size is None:
                self.results.add(self.name, "sizes", "", {}, {name: why})
            else:
                self.results.add_value(self.name, "sizes", "", name, "B", size, note)

        keep("bundle", self.subject.bundle_bytes, "")
        keep("artifacts", self.subject.lock.artifact_bytes, "", f"{len(self.subject.lock.artifacts)} files of the lock")
        keep("bundle --best", contest.best_size(self.settings.best), "it takes long: ask for it with --best")
        keep(sizes.SOLID, self.sizes.solid(self.settings.solid), "it takes long: ask for it with --solid",
             "of the tree's tar, one stream")
        image = self.image_path.stat().st_size if self.image_path else None
        keep("squashfs -comp zstd", image, "no image was made", "level 15, blocks of 128 KiB")
        keep("tree", self.subject.tree_bytes, "")

    def remember_build_memory(self, costs: list[stopwatch.Cost]) -> None:
        most = max(max(cost.peak_kib, cost.together_kib) for cost in costs)
        self.results.add_value(self.name, "memory", "", "envbundle build", "KiB", most,
                               "all its processes together, sampled 5 times a second, or the largest one's peak")

    def memory(self, place: places.Place, sources: places.Sources) -> None:
        sources.put(frozenset({"bundle"}))
        contest = install_contest.InstallContest(place, self.subject, self.tools, sources)
        try:
            cost = contest.envinstall("--jobs", "2")
        finally:
            contest.clear()
        self.results.add_value(self.name, "memory", "", "envinstall --jobs 2", "KiB", cost.peak_kib, "wait4's ru_maxrss")
        if not self.wants("build"):
            output = place.path("built")
            output.mkdir()
            try:
                command = subjects.build_command(
                    self.settings.envbundle, self.subject.lock.path, output / f"{self.name}.bundle.zst",
                    subjects.key_for(self.settings.envbundle, self.settings.work), lock_file.cache_folder(), "--force")
                self.remember_build_memory([stopwatch.run(command, family=True)])
            finally:
                place.remove("built")

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
