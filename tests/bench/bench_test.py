#!/usr/bin/env python3
"""Tests of what the benchmark decides without a machine: statistics, verdicts, heats, model, chart, changed wheels."""

import copy
import csv
import hashlib
import io
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import xml.etree.ElementTree as ElementTree
import zipfile
from unittest import mock

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import build_contest  # noqa: E402
import chart  # noqa: E402
import heats  # noqa: E402
import install_contest  # noqa: E402
import limits  # noqa: E402
import lock_file  # noqa: E402
import marks  # noqa: E402
import model  # noqa: E402
import report  # noqa: E402
import samples  # noqa: E402
import stopwatch  # noqa: E402
import system_calls  # noqa: E402
from results import Results  # noqa: E402

SUBJECT = {"name": "b", "role": "real", "id": "0", "bundle_bytes": 3e9, "tree_bytes": 7e9, "files": 40000,
           "directories": 1, "frames": 9, "artifact_bytes": 4e9, "wheels": 1, "wheel_bytes": 4e9, "tool": ""}


def results_of(ours: float, theirs: float) -> Results:
    """One install on tmpfs against cp -r, three runs of each."""
    results = Results(subjects=[dict(SUBJECT)], machine={"cores": 2, "cpu": "a CPU"})
    costs = {"envinstall": [stopwatch.Cost(ours)] * 3, "cp -r": [stopwatch.Cost(theirs)] * 3}
    results.add("b", "install", marks.TMPFS, costs)
    return results


def state_of(verdicts, number: str, place: str) -> str:
    return next(v.state for v in verdicts if v.mark.number == number and v.place == place)


class Statistics(unittest.TestCase):
    def test_one_outlier_moves_the_range_but_neither_median_nor_mad(self):
        found = samples.summarise([1.0, 1.1, 0.9, 1.0, 9.0])
        self.assertEqual((found.median, found.least, found.most), (1.0, 0.9, 9.0))
        self.assertAlmostEqual(found.mad, 0.1)

    def test_ratio_is_of_the_medians_and_its_range_of_the_pairs(self):
        found = samples.ratio([2.0, 4.0, 3.0], [4.0, 4.0, 2.0])
        self.assertAlmostEqual(found.value, 0.75)
        self.assertAlmostEqual(found.least, 0.5)
        self.assertAlmostEqual(found.most, 1.5)

    def test_nothing_is_said_of_nothing(self):
        with self.assertRaises(ValueError):
            samples.summarise([])
        with self.assertRaises(ValueError):
            samples.ratio([1.0], [0.0])

    def test_units(self):
        self.assertEqual(samples.seconds_text(0.0123), "12 ms")
        self.assertEqual(samples.seconds_text(12.345), "12.35 s")
        self.assertEqual(samples.bytes_text(3.237e9), "3.2 GB")


class Verdicts(unittest.TestCase):
    def test_exactly_on_the_mark_is_met_and_above_is_missed(self):
        self.assertEqual(state_of(marks.judge(results_of(2.0, 2.0)), "1a", marks.TMPFS), marks.MET)
        self.assertEqual(state_of(marks.judge(results_of(2.01, 2.0)), "1a", marks.TMPFS), marks.MISSED)

    def test_absent_peer_is_not_available_and_never_met(self):
        results = results_of(1.0, 2.0)
        results.add("b", "install", marks.TMPFS, {}, {"pip install": "no Python"})
        verdicts = marks.judge(results)
        self.assertEqual(state_of(verdicts, "1e", marks.TMPFS), marks.NOT_AVAILABLE)
        self.assertEqual(state_of(verdicts, "1d", marks.TMPFS), marks.NOT_MEASURED)
        self.assertEqual(marks.exit_code(verdicts), 0)

    def test_ratio_is_taken_within_one_heat(self):
        results = results_of(1.0, 2.0)
        later = {"envinstall": [stopwatch.Cost(8.0)], "pip install": [stopwatch.Cost(10.0)]}
        results.add("b", "install", marks.TMPFS, later, heat=1)
        verdict = next(v for v in marks.judge(results) if v.mark.number == "1e" and v.place == marks.TMPFS)
        self.assertAlmostEqual(verdict.value, 0.8)

    def test_memory_is_judged_by_itself(self):
        results = results_of(1.0, 2.0)
        results.add_value("b", "memory", "", "envinstall --jobs 2", "KiB", 256 * 1024)
        self.assertEqual(state_of(marks.judge(results), "5a", ""), marks.MET)
        results.add_value("b", "memory", "", "envinstall --jobs 2", "KiB", 256 * 1024 + 1)
        self.assertEqual(state_of(marks.judge(results), "5a", ""), marks.MISSED)

    def test_marks_of_the_real_bundle_do_not_judge_the_small_files(self):
        results = results_of(1.0, 2.0)
        results.subjects[0]["role"] = marks.SMALL
        self.assertNotIn("3a", [v.mark.number for v in marks.judge(results)])


class Command(unittest.TestCase):
    def run_on(self, results: Results, *options: str):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "results.json"
            results.save(path)
            return subprocess.run([sys.executable, HERE / "run", "--read", path, *options], capture_output=True,
                                  text=True, timeout=60)

    def test_missed_mark_is_listed_and_exits_1(self):
        done = self.run_on(results_of(3.0, 2.0))
        self.assertEqual(done.returncode, 1)
        self.assertIn("missed: 1a install ≤ 1.0 × cp -r: b, tmpfs: 1.500 ×", done.stderr)
        self.assertIn("| **missed** |", done.stdout)

    def test_met_marks_exit_0(self):
        done = self.run_on(results_of(1.0, 2.0))
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_file_of_something_else_exits_3(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "x.json"
            path.write_text("{}")
            done = subprocess.run([sys.executable, HERE / "run", "--read", path], capture_output=True, timeout=60)
        self.assertEqual(done.returncode, 3)

    def test_unknown_peer_is_a_usage_error(self):
        done = self.run_on(results_of(1.0, 2.0), "--peers", "cp")
        self.assertEqual(done.returncode, 2)
        self.assertIn("there are: cp -r;", done.stderr)

    def test_neither_measure_nor_read_is_a_usage_error(self):
        done = subprocess.run([sys.executable, HERE / "run"], capture_output=True, timeout=60)
        self.assertEqual(done.returncode, 2)


class Heats(unittest.TestCase):
    SIZES = {"bundle": 3, "tree": 7, "wheels": 4, "cache": 7}
    OURS = heats.Entry("ours", frozenset({"bundle"}), 7)

    def test_all_together_where_they_fit(self):
        others = [heats.Entry("cp", frozenset({"tree"}), 7), heats.Entry("pip", frozenset({"wheels"}), 7)]
        plan, refused = heats.plan_heats(self.OURS, others, self.SIZES, 21)
        self.assertEqual([heat.names for heat in plan], [["ours", "cp", "pip"]])
        self.assertEqual(refused, {})

    def test_split_where_they_do_not_and_ours_is_in_each(self):
        others = [heats.Entry("cp", frozenset({"tree"}), 7), heats.Entry("pip", frozenset({"wheels"}), 7)]
        plan, _ = heats.plan_heats(self.OURS, others, self.SIZES, 20)
        self.assertEqual([heat.names for heat in plan], [["ours", "cp"], ["ours", "pip"]])
        self.assertTrue(all(heat.bytes <= 20 for heat in plan))

    def test_too_large_alone_is_refused_with_what_it_would_take(self):
        others = [heats.Entry("uv", frozenset({"wheels", "cache"}), 7)]
        plan, refused = heats.plan_heats(self.OURS, others, self.SIZES, 20)
        self.assertEqual([heat.names for heat in plan], [["ours"]])
        self.assertEqual(refused, {"uv": 21})

    def test_nobody_runs_where_we_do_not_fit(self):
        plan, refused = heats.plan_heats(self.OURS, [], self.SIZES, 9)
        self.assertEqual((plan, refused), ([], {"ours": 10}))


class Turns(unittest.TestCase):
    def test_alternate_and_a_failure_takes_only_itself_out(self):
        order = []

        def worker(name, fails=False):
            def work():
                order.append(name)
                if fails:
                    raise stopwatch.Failed("broken")
                return stopwatch.Cost(1.0)
            return stopwatch.Contestant(name, work)

        costs, failures = stopwatch.take_turns([worker("a"), worker("x", True), worker("b")], 2, "test")
        self.assertEqual(order, ["a", "x", "b", "a", "b"])
        self.assertEqual({name: len(runs) for name, runs in costs.items()}, {"a": 2, "b": 2})
        self.assertEqual(failures, {"x": "broken"})

    def test_one_whose_result_is_wrong_does_not_count(self):
        def wrong():
            raise stopwatch.Failed("left 3 files, not 5")
        hasty = stopwatch.Contestant("hasty", lambda: stopwatch.Cost(0.1), check=wrong)
        self.assertEqual(stopwatch.take_turns([hasty], 2, "test"), ({}, {"hasty": "left 3 files, not 5"}))

    def test_our_own_failure_is_an_error(self):
        def work():
            raise stopwatch.Failed("broken")
        with self.assertRaises(stopwatch.Failed):
            stopwatch.take_turns([stopwatch.Contestant("envinstall", work, ours=True)], 1, "test")

    def test_each_run_finds_its_memory_awake(self):
        order = []

        def work():
            order.append("run")
            return stopwatch.Cost(1.0)

        one = stopwatch.Contestant("a", work, lambda: order.append("prepared"), memory=7)
        with mock.patch.object(stopwatch, "wake_memory", order.append):
            stopwatch.take_turns([one], 2, "test")
        self.assertEqual(order, ["prepared", 7, "run"] * 2)
        stopwatch.wake_memory(1 << 20)

    def test_no_part_of_a_pipeline_outlives_an_interruption(self):
        mark = f"1{os.getpid()}.25"  # seconds that nobody else sleeps

        def interrupt(*_):
            raise InterruptedError

        before = signal.signal(signal.SIGALRM, interrupt)
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        try:
            with self.assertRaises(InterruptedError):
                stopwatch.output_of(stopwatch.shell_command(f"sleep {mark} | cat"))
        finally:
            signal.signal(signal.SIGALRM, before)
        for _ in range(100):
            left = subprocess.run(["pgrep", "-f", f"^sleep {mark}"], capture_output=True, text=True, check=False).stdout
            if not left:
                break
            time.sleep(0.05)
        self.assertEqual(left, "")

    def test_a_pipeline_fails_with_its_first_part(self):
        with self.assertRaises(stopwatch.Failed):
            stopwatch.shell("false | cat")

    def test_memory_of_a_family_is_added_up(self):
        hog = f"{sys.executable} -c 'import time; x = b\"1\" * 60_000_000; time.sleep(1.2)'"
        cost = stopwatch.shell(f"{hog} & {hog}; wait", family=True)
        self.assertGreater(cost.together_kib, 110_000)
        self.assertGreater(cost.together_kib, cost.peak_kib)


class Levels(unittest.TestCase):
    @staticmethod
    def size_at(level: int) -> int:
        return 2000 - 50 * level

    def test_first_level_not_larger_than_the_bundle_with_the_share_of_the_way(self):
        match = build_contest.match_level(self.size_at, 1680)
        self.assertEqual((match.level, match.below), (7, 6))
        self.assertAlmostEqual(match.share, 0.4)
        self.assertEqual(build_contest.between([10.0], [20.0], match.share), [14.0])

    def test_even_level_that_the_coarse_steps_pass_over(self):
        self.assertEqual(build_contest.match_level(self.size_at, self.size_at(8)).level, 8)

    def test_no_level_is_small_enough(self):
        match = build_contest.match_level(self.size_at, 10)
        self.assertEqual((match.level, match.below), (19, None))
        self.assertIn("larger than the bundle", match.note)

    def test_the_first_level_is_small_enough(self):
        self.assertEqual(build_contest.match_level(self.size_at, 5000).level, 1)


class Model(unittest.TestCase):
    WORK = model.Work(serial=1.0, parallel=8.0, bundle_bytes=3e9, tree_bytes=7e9, files=40000)
    MEMORY = model.STORAGES[0]

    def test_fit_gives_back_what_it_was_made_from(self):
        serial, parallel = model.fit(9.0, 5.0)
        self.assertEqual((serial, parallel), (1.0, 8.0))
        self.assertAlmostEqual(model.predict(self.WORK, self.MEMORY, 2).seconds, 5.0)

    def test_neither_part_is_negative(self):
        self.assertEqual(model.fit(2.0, 3.0), (2.0, 0.0))
        self.assertEqual(model.fit(3.0, 1.0), (0.0, 3.0))

    def test_more_cores_are_never_slower_and_each_storage_ends_bound_by_itself(self):
        for storage in model.STORAGES:
            times = [model.predict(self.WORK, storage, cores).seconds for cores in model.CORES]
            self.assertEqual(times, sorted(times, reverse=True))
        self.assertEqual(model.predict(self.WORK, model.STORAGES[1], 64).bound, "writing")
        self.assertEqual(model.predict(self.WORK, model.STORAGES[2], 2).bound, "round trips")

    def test_bound_is_cores_in_memory(self):
        self.assertEqual(model.predict(self.WORK, self.MEMORY, 2).bound, "cores")
        self.assertEqual(model.predict(self.WORK, self.MEMORY, 64).bound, "what does not run in parallel")

    def test_own_disk_is_held_against_the_measured_install(self):
        found = model.of_bundle(SUBJECT, 9.0, 5.0, 2, {"decode": 2.0}, {"write": 7.0, "read bundle": 3.0}, 8.5)
        self.assertAlmostEqual(found["check"]["predicted"], 8.0)
        self.assertEqual(found["check"]["bound"], "writing")
        self.assertEqual(found["stages"][0]["seconds"], 4.0)

    def test_limits_add_up_in_memory_and_overlap_on_a_disk(self):
        known = {"decode": 2.0, "write": 3.0}
        self.assertEqual(limits.bound(known, True, ("decode", "write")), 5.0)
        self.assertEqual(limits.bound(known, False, ("decode", "write")), 3.0)
        self.assertIsNone(limits.bound(known, True, ("decode", "create")))


class Drawing(unittest.TestCase):
    def test_is_well_formed_with_a_bar_each_and_the_ratio_to_ours(self):
        results = results_of(1.0, 2.5)
        results.figures[1].name = "cp <r> & more"
        root = ElementTree.fromstring(chart.of_results(results))
        space = "{http://www.w3.org/2000/svg}"
        widths = [float(r.get("width")) for r in root.iter(space + "rect") if r.get("x")]
        self.assertAlmostEqual(widths[1] / widths[0], 2.5, places=2)
        texts = [t.text for t in root.iter(space + "text")]
        self.assertIn("cp <r> & more", texts)
        self.assertIn("2.50 s · 2.50 ×", texts)

    def test_markdown_names_the_limit_beside_our_figure(self):
        results = results_of(6.0, 7.0)
        from results import Limit
        for name in ("hash bundle", "decode", "create", "write"):
            results.limits.append(Limit("b", "tmpfs", name, 1.25, "probe"))
        text = report.markdown(results, marks.judge(results))
        self.assertIn("| envinstall | 6.00 s | 6.00 s–6.00 s | 0.0 % |  | 0.00 s | 5.00 s |", text)


class Reading(unittest.TestCase):
    def test_strace_table_with_and_without_errors(self):
        calls = system_calls.parse_strace(
            "% time     seconds  usecs/call     calls    errors syscall\n"
            "------ ----------- ----------- --------- --------- ----------------\n"
            " 60.00    0.000994          32        31           brk\n"
            " 40.00    0.000500           1       200        84 newfstatat\n"
            "------ ----------- ----------- --------- --------- ----------------\n"
            "100.00    0.001494           6       231        84 total\n")
        self.assertEqual((calls.total, calls.looking), (231, 200))

    def test_tree_is_split_into_parts_that_hold_everything_once(self):
        with tempfile.TemporaryDirectory() as folder:
            tree = pathlib.Path(folder)
            for name, size in (("a/x", 10), ("a/y", 90), ("b/z", 5), ("c", 1)):
                (tree / name).parent.mkdir(exist_ok=True)
                (tree / name).write_bytes(b"0" * size)
            folders, parts = install_contest.split(tree, 50)
        self.assertEqual(folders, ["a"])
        self.assertEqual(sorted(sum(parts, [])), ["a/x", "a/y", "b", "c"])
        self.assertEqual(parts[0], ["a/y"])


class ChangedWheel(unittest.TestCase):
    def test_another_version_with_a_true_record_and_a_lock_that_names_it(self):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            content = io.BytesIO()
            with zipfile.ZipFile(content, "w") as archive:
                archive.writestr("pkg/__init__.py", "x = 1\n" * 10)
                archive.writestr("pkg-1.0.dist-info/METADATA", "Name: pkg\nVersion: 1.0\n\ntext\n")
                archive.writestr("pkg-1.0.dist-info/RECORD", "pkg-1.0.dist-info/RECORD,,\n")
            wheel = content.getvalue()
            digest = hashlib.sha256(wheel).hexdigest()
            cache = root / "cache/sha256" / digest[:2]
            cache.mkdir(parents=True)
            (cache / digest).write_bytes(wheel)
            path = root / "a.lock"
            path.write_text('name = "a"\n[target]\npython = "3.11"\n\n[[artifact]]\nkind = "wheel"\nname = "pkg"\n'
                            f'version = "1.0"\nfile = "pkg-1.0-py3-none-any.whl"\nsize = {len(wheel)}\n'
                            f'sha256 = "{digest}"\n')
            lock = lock_file.Lock(path)
            newer = lock_file.with_newer_package(lock, lock_file.smallest_package(lock), root / "cache", root / "own",
                                                 root / "b.lock")
            (made,) = newer.wheels
            self.assertEqual((made["version"], made["file"]), ("1.0.post999", "pkg-1.0.post999-py3-none-any.whl"))
            stored = newer.wheel_path(made, root / "own").read_bytes()
            self.assertEqual((len(stored), hashlib.sha256(stored).hexdigest()), (made["size"], made["sha256"]))
            with zipfile.ZipFile(io.BytesIO(stored)) as archive:
                rows = list(csv.reader(io.StringIO(archive.read("pkg-1.0.post999.dist-info/RECORD").decode())))
                self.assertEqual({row[0] for row in rows}, set(archive.namelist()))
                self.assertIn(b"Version: 1.0.post999\n", archive.read("pkg-1.0.post999.dist-info/METADATA"))
            same = lock_file.rewrite_wheel(lock.wheel_path(lock.wheels[0], root / "cache"), lock.wheels[0], "1.0.post999")
            self.assertEqual(same, stored)

    def test_lock_without_large_wheels_keeps_the_rest(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "a.lock"
            blocks = "".join(f'[[artifact]]\nkind = "wheel"\nname = "{n}"\nsize = 1\n\n' for n in ("torch", "numpy"))
            path.write_text('name = "a"\n\n[target]\npython = "3.11"\n\n[gpu]\ncuda = "12.8"\n\n' + blocks)
            found = lock_file.without_wheels(lock_file.Lock(path), path.with_name("b.lock"), "b", lambda n: n == "torch")
            self.assertEqual([w["name"] for w in found.wheels], ["numpy"])
            self.assertEqual(found.content["name"], "b")
            self.assertNotIn("gpu", found.content)


class Saved(unittest.TestCase):
    def test_everything_comes_back(self):
        results = results_of(1.0, 2.0)
        results.add("b", "install", marks.TMPFS, {}, {"conda-pack": "no conda"})
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "r.json"
            results.save(path)
            self.assertEqual(Results.load(path), copy.deepcopy(results))

    def load_parts(self, *parts: Results) -> Results:
        with tempfile.TemporaryDirectory() as folder:
            paths = [pathlib.Path(folder) / f"{number}.json" for number in range(len(parts))]
            for part, path in zip(parts, paths):
                part.save(path)
            return Results.load_all(paths)

    def test_parts_of_other_experiments_become_one(self):
        first, second = results_of(1.0, 2.0), Results(subjects=[dict(SUBJECT)], machine={"cores": 2, "cpu": "a CPU"})
        first.conditions, second.conditions = {"date": "1", "runs": "3"}, {"date": "2", "runs": "3"}
        second.add("b", "install", marks.WARM, {"envinstall": [stopwatch.Cost(9.0)]})
        whole = self.load_parts(first, second)
        self.assertEqual(whole.figures, first.figures + second.figures)
        self.assertEqual(whole.subjects, first.subjects)
        self.assertEqual(whole.conditions, {"date": "1; 2", "runs": "3"})

    def test_parts_are_never_of_one_experiment_another_bundle_or_another_machine(self):
        for change, why in ((lambda part: None, "measured before: b install tmpfs"),
                            (lambda part: part.subjects[0].update(id="1"), "b is another bundle"),
                            (lambda part: part.machine.update(cores=3), "not of the machine")):
            other = results_of(1.0, 2.0)
            change(other)
            with self.assertRaisesRegex(ValueError, why):
                self.load_parts(results_of(1.0, 2.0), other)


if __name__ == "__main__":
    unittest.main()
