#!/usr/bin/env python3
"""Checks that every fault of the numbered list has a test of its own, and counts tests: `tests/house/fault_tests.py`.

A test is what ctest lists: a Catch2 TEST_CASE, or an add_test() of CMake for the tests in Python and shell. It is a
test for a fault when its name begins (after the room, `hostile/`) with the fault's number, or with several:

    TEST_CASE("F112 a link in the place of a folder")        TEST_CASE("F037_F038_key_outside_its_time")
    add_test(NAME hostile/F010_random_damage …)              TEST_CASE("F003 F004 …")

A number in a comment, in a section, or further on in a name does not count. Prints a line a finding and exits 1 when
a fault has no test, when there are fewer than MIN_TESTS tests, or when one of them is empty.
"""

import pathlib
import re
import sys

FAULTS = range(1, 135)  # F001–F134
MIN_TESTS = 700

# Faults whose code is not there yet: number -> what is missing. One that has a test is not allowed to stand here.
PENDING = {
}

CATCH = re.compile(r'\b(?:TEST_CASE|SCENARIO|TEST_CASE_METHOD|TEMPLATE_TEST_CASE)\(\s*(?:\w+,\s*)?"((?:[^"\\]|\\.)*)"')
CTEST = re.compile(r"\badd_test\(\s*NAME\s+(\S+)")
NUMBERS = re.compile(r"(?:[\w-]+/)?(F\d{3}(?:[ _](?:and_)?F\d{3})*)(?=[ _])")
# What may hold braces that are none: comments, raw strings, strings, characters.
LITERAL = re.compile(r'//[^\n]*|/\*.*?\*/|R"(\w*)\(.*?\)\1"|"(?:[^"\\\n]|\\.)*"|(?<!\w)\'(?:[^\'\\\n]|\\.)+\'',
                     re.DOTALL)


def faults_of(name: str) -> set:
    """The numbers that a test's name begins with."""
    found = NUMBERS.match(name)
    return {int(number) for number in re.findall(r"F(\d{3})", found[1])} if found else set()


def without_literals(text: str) -> str:
    """The text with comments and literals blanked out, so that places stay where they are."""
    return LITERAL.sub(lambda found: " " * len(found[0]), text)


def body_after(code: str, at: int) -> str:
    """What stands between the braces of the test case whose name ends at `at`; `code` is without literals."""
    begin = code.index("{", at)
    depth = 0
    for place in range(begin, len(code)):
        depth += {"{": 1, "}": -1}.get(code[place], 0)
        if depth == 0:
            return code[begin + 1:place]
    raise ValueError("a brace is missing")


def is_empty(body: str) -> bool:
    left = re.sub(r"\b(?:SUCCEED|INFO|WARN)\s*\([^;]*\)\s*;", "", body)
    return not left.strip()


def read_tests(root: pathlib.Path) -> tuple:
    """(name, file) of every test below `root`, and findings of tests that are empty."""
    tests, findings = [], []
    for path in sorted(root.rglob("*")):
        if path.suffix == ".cpp":
            text = path.read_text(encoding="utf-8")
            code = without_literals(text)
            for found in CATCH.finditer(text):
                tests.append((found[1], path))
                if is_empty(body_after(code, found.end())):
                    findings.append(f"{path.relative_to(root.parent)}: the test “{found[1]}” is empty")
        elif path.name == "CMakeLists.txt":
            tests += [(name, path) for name in CTEST.findall(path.read_text(encoding="utf-8"))]
    return tests, findings


def findings_of(tests: list) -> list:
    tested = set().union(*(faults_of(name) for name, _ in tests)) if tests else set()
    findings = [f"F{number:03} has no test" for number in FAULTS if number not in tested and number not in PENDING]
    findings += [f"F{number:03} has a test and stands in PENDING" for number in sorted(PENDING) if number in tested]
    findings += [f"F{number:03} is no number of the list" for number in sorted(tested - set(FAULTS))]
    if len(tests) < MIN_TESTS:
        findings.append(f"{len(tests)} tests, fewer than {MIN_TESTS}")
    return findings


def main() -> int:
    root = pathlib.Path(__file__).resolve().parents[1]
    tests, findings = read_tests(root)
    findings += findings_of(tests)
    for finding in findings:
        print(finding)
    for number, why in sorted(PENDING.items()):
        print(f"pending: F{number:03}: {why}")
    named = sum(1 for name, _ in tests if faults_of(name))
    print(f"faults: {len(tests)} tests, {named} of them named for a fault, {len(PENDING)} pending, {len(findings)} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
