#!/usr/bin/env python3
"""Tests of how coverage is counted: exports as llvm-cov writes them, and one that clang and llvm-cov make here."""

import importlib.machinery
import importlib.util
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import branches  # noqa: E402
import gates  # noqa: E402

# The script has no suffix.
LOADER = importlib.machinery.SourceFileLoader("coverage_run", str(HERE / "run"))
SPECIFICATION = importlib.util.spec_from_loader("coverage_run", LOADER)
run = importlib.util.module_from_spec(SPECIFICATION)
LOADER.exec_module(run)

SOURCE = """\
#define IS_BIG(x) ((x) > 5)
template <typename T>
int size(T value) { return value > 3 ? 1 : 2; }
int forever(int n) {
  while (true) {
    if (n > 4) break;
    ++n;
  }
  if constexpr (sizeof(int) == 4) return n;
}
int never(int n) { return n; }
int lonely(int n) {
  if (n == 7) return 0;  // coverage: seven is the machine's own
  return IS_BIG(n) ? 3 : 4;
}
int main() { return size(1) + size(9L) + forever(1) + lonely(1) + (lonely(9) > 0 ? 0 : never(2)); }
"""


def function(branch_rows, count=1, file="/root/installer/a.cpp", regions=(), filenames=()):
    """One function of an export, from line 1 to 20."""
    return {"name": "f", "count": count, "filenames": [file, *filenames], "branches": branch_rows,
            "regions": [[1, 1, 20, 1, count, 0, 0, 0], *regions]}


def export(*functions, files=()):
    return {"data": [{"functions": list(functions), "files": list(files)}]}


class SourcesOf(branches.Sources):
    """The source of every file is one text."""

    def __init__(self, text):
        super().__init__(pathlib.Path("/root"), pathlib.Path("/root/build/coverage"))
        self.one = text.splitlines()

    def lines(self, name):
        return self.one


def read(text, *functions, files=()):
    return branches.read_branches(export(*functions, files=files), SourcesOf(text), "installer/")


class Counting(unittest.TestCase):
    def test_a_condition_is_two_branches_and_each_outcome_that_was_never_taken_is_named(self):
        file = read("if (a) b();", function([[1, 5, 1, 6, 3, 0, 0, 0, 4]]))["installer/a.cpp"]
        self.assertEqual((file.branches(), file.branches_missed()), (2, 1))
        self.assertEqual(file.missed(), [(1, "never false: a")])

    def test_instantiations_and_copies_in_several_programs_add_up(self):
        file = read("if (a) b();", function([[1, 5, 1, 6, 3, 0, 0, 0, 4]]),
                    function([[1, 5, 1, 6, 0, 1, 0, 0, 4]]))["installer/a.cpp"]
        self.assertEqual((file.branches(), file.missed()), (2, []))

    def test_what_the_compiler_decides_is_no_branch(self):
        file = read("while (true) {}\nif constexpr (b) c();\nswitch (d) {", function([[1, 8, 1, 12, 0, 0, 0, 0, 4],
                                                                                     [2, 15, 2, 16, 0, 0, 0, 0, 4],
                                                                                     [3, 9, 3, 10, 0, 7, 0, 0, 4]]))
        self.assertEqual(file["installer/a.cpp"].branches(), 0)

    def test_a_condition_in_a_macro_counts_at_every_use(self):
        uses = [[2, 5, 2, 11, 1, 0, 1, 1], [3, 5, 3, 11, 1, 0, 2, 1]]
        file = read("#define M x\nif (M(1,2)) b();\nif (M(3,4)) b();",
                    function([[1, 11, 1, 12, 1, 1, 1, 0, 4], [1, 11, 1, 12, 1, 0, 2, 0, 4]], regions=uses,
                             filenames=["/usr/include/m.h"] * 2))["installer/a.cpp"]
        self.assertEqual((file.branches(), file.missed()), (4, [(3, "never false: M(3,4)")]))

    def test_a_function_that_nobody_calls_is_named(self):
        file = read("x", function([], count=0))["installer/a.cpp"]
        self.assertEqual((file.branches(), file.missed()), (0, [(1, "function never entered")]))

    def test_a_function_called_in_another_program_is_not_named(self):
        self.assertEqual(read("x", function([], count=0), function([], count=2))["installer/a.cpp"].missed(), [])

    def test_files_elsewhere_do_not_count(self):
        self.assertEqual(read("if (a) b();", function([[1, 5, 1, 6, 3, 0, 0, 0, 4]], file="/root/tests/a.cpp")), {})

    def test_a_marker_exempts_its_condition_and_is_told_with_its_reason(self):
        file = read("if (a) b();  // coverage: no kernel does that", function([[1, 5, 1, 6, 0, 3, 0, 0, 4]]))
        file = file["installer/a.cpp"]
        self.assertEqual((file.branches(), file.missed()), (1, []))
        self.assertEqual(file.exempted(), [(1, "a", "no kernel does that")])

    def test_a_marker_without_a_reason_exempts_nothing(self):
        file = read("if (a) b();  // coverage: ", function([[1, 5, 1, 6, 0, 3, 0, 0, 4]]))["installer/a.cpp"]
        self.assertEqual(file.missed(), [(1, "never true: a")])

    def test_names_may_be_absolute_or_as_the_compiler_ran_in_the_build_folder(self):
        for file in ("build/coverage/installer/a.cpp", "/root/build/coverage/installer/a.cpp", "installer/a.cpp"):
            self.assertEqual(list(read("x", function([], file=file))), ["installer/a.cpp"])

    def test_columns_are_bytes(self):
        file = read("f(\"ü\"); if (a) b();", function([[1, 14, 1, 15, 1, 0, 0, 0, 4]]))["installer/a.cpp"]
        self.assertEqual(file.missed(), [(1, "never false: a")])


class Judging(unittest.TestCase):
    def files(self, missed):
        """Every gated file with one condition, `missed` of which was never false."""
        out = {}
        for name in (name for names in gates.GATED.values() for name in names):
            file = out[name] = branches.File()
            condition = file.conditions[1] = branches.Condition(1, 1, "a")
            condition.taken = {True: 1, False: 0 if name == missed else 1}
        return out

    def test_everything_covered_is_no_finding(self):
        self.assertEqual(run.judge(self.files(None)), [])

    def test_one_branch_of_a_gated_file_is_a_finding(self):
        name = "installer/install/publish.cpp"
        self.assertEqual([finding.split(" (")[0] for finding in run.judge(self.files(name))], [f"{name}: 1 missed"])

    def test_a_gated_file_that_no_program_holds_is_a_finding(self):
        files = self.files(None)
        del files["installer/format/trust.cpp"]
        self.assertIn("nothing of it is in the programs", run.judge(files)[0])

    def test_a_file_outside_the_gates_counts_for_the_whole(self):
        files = self.files(None)
        file = files["installer/cli/main.cpp"] = branches.File()
        for line in range(20):
            file.conditions[line] = branches.Condition(line, 1, "a")
        self.assertIn("% of the branches; 90.0 % are asked for", run.judge(files)[0])

    def test_more_markers_than_a_handful_are_a_finding(self):
        files = self.files(None)
        file = files["installer/cli/main.cpp"] = branches.File()
        for line in range(gates.MAX_EXEMPTED + 1):
            condition = file.conditions[line] = branches.Condition(line, 1, "a")
            condition.taken[True], condition.reason = 1, "it cannot"
        self.assertIn("conditions are exempted", run.judge(files)[0])

    def test_every_gated_file_exists(self):
        names = [name for names in gates.GATED.values() for name in names]
        self.assertEqual([name for name in names if not (run.ROOT / name).is_file()], [])
        self.assertEqual(len(names), len(set(names)))


@unittest.skipUnless(shutil.which("clang++") and shutil.which("llvm-cov"), "needs clang and llvm")
class WithTheTools(unittest.TestCase):
    def test_what_clang_and_llvm_cov_say_of_a_program_is_read(self):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder).resolve()
            (root / "installer").mkdir()
            (root / "installer/a.cpp").write_text(SOURCE)
            profile = root / "a.profraw"
            subprocess.run(["clang++", "-std=c++20", "-O0", "-fcoverage-mapping", f"-fprofile-instr-generate={profile}",
                            root / "installer/a.cpp", "-o", root / "a"], check=True)
            subprocess.run([root / "a"], check=False)
            subprocess.run(["llvm-profdata", "merge", "-o", root / "a.profdata", profile], check=True)
            exported = subprocess.run(["llvm-cov", "export", f"--instr-profile={root}/a.profdata", root / "a"], check=True,
                                      stdout=subprocess.PIPE).stdout
            file = branches.read_branches(json.loads(exported), branches.Sources(root, root), "installer/")["installer/a.cpp"]
        self.assertEqual(file.missed(), [(11, "function never entered"), (16, "never false: lonely(9) > 0")])
        self.assertEqual(file.exempted(), [(13, "n == 7", "seven is the machine's own")])
        # value > 3, n > 4, n == 7 (one outcome), IS_BIG(n), lonely(9) > 0
        self.assertEqual(file.branches(), 9)
        self.assertEqual((file.lines > 10, file.lines_covered == file.lines - 1), (True, True))


if __name__ == "__main__":
    unittest.main()
