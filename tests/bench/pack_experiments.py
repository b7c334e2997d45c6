"""The experiments with the packer: how large its bundle is, how long it takes, how much memory."""

import pathlib

import build_contest
import lock_file
import marks
import place as places
import sizes
import stopwatch
import subject as subjects
from experiments import Experiments


class PackExperiments(Experiments):
    def run(self, place: places.Place, tree_sizes: sizes.TreeSizes, image: pathlib.Path | None) -> None:
        contest = build_contest.BuildContest(place, self.subject, self.settings.envbundle, self.settings.work,
                                             lock_file.cache_folder(), tree_sizes)
        if self.wants("sizes"):
            self.compare_sizes(contest, tree_sizes, image)
        if self.wants("build"):
            stopwatch.say(f"{self.name}: looking for the zstd level that gives the bundle's size")
            match = build_contest.match_level(tree_sizes.at_level, self.subject.bundle_bytes)
            costs, absent = contest.contest(match, self.settings.runs)
            self.results.add(self.name, "build", marks.WARM, costs, absent,
                             notes={"tar | zstd -T0, same size": match.note})
            self.remember_memory(costs["envbundle build"])

    def compare_sizes(self, contest: build_contest.BuildContest, tree_sizes: sizes.TreeSizes,
                      image: pathlib.Path | None) -> None:
        def keep(name: str, size: int | None, why: str, note: str = "") -> None:
            if size is None:
                self.results.add(self.name, "sizes", "", {}, {name: why})
            else:
                self.results.add_value(self.name, "sizes", "", name, "B", size, note)

        keep("bundle", self.subject.bundle_bytes, "")
        keep("artifacts", self.subject.lock.artifact_bytes, "", f"{len(self.subject.lock.artifacts)} files of the lock")
        keep("bundle --best", contest.best_size(self.settings.best), "it takes long: ask for it with --best")
        keep(sizes.SOLID, tree_sizes.solid(self.settings.solid), "it takes long: ask for it with --solid",
             "of the tree's tar, one stream")
        keep("squashfs -comp zstd", image.stat().st_size if image else None, "no image was made",
             "level 15, blocks of 128 KiB")
        keep("tree", self.subject.tree_bytes, "")

    def memory(self, place: places.Place) -> None:
        """Of one build, where builds are not timed."""
        output = place.path("built")
        output.mkdir()
        try:
            command = subjects.build_command(
                self.settings.envbundle, self.subject.lock.path, output / f"{self.name}.bundle.zst",
                subjects.key_for(self.settings.envbundle, self.settings.work), lock_file.cache_folder(), "--force")
            self.remember_memory([stopwatch.run(command, family=True)])
        finally:
            place.remove("built")

    def remember_memory(self, costs: list[stopwatch.Cost]) -> None:
        most = max(max(cost.peak_kib, cost.together_kib) for cost in costs)
        self.results.add_value(self.name, "memory", "", "envbundle build", "KiB", most,
                               "all its processes together, sampled 5 times a second, or the largest one's peak")
