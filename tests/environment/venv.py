#!/usr/bin/env python3
"""`envrun venv` on a real prefix: a user's own packages on top of it, after an upgrade, a move and a change of Python.

    tests/environment/venv.py --prefix PREFIX

Needs no network. Prints a line a check and at the end `N passed, N failed`.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import zipfile

RECORD = "eb_probe-1.0.dist-info"


def make_wheel(folder):
    """A package with a module and a console script."""
    path = folder / "eb_probe-1.0-py3-none-any.whl"
    files = {
        "eb_probe.py": "def main():\n    import sys, numpy\n    print('probe', sys.prefix, numpy.__name__)\n",
        f"{RECORD}/METADATA": "Metadata-Version: 2.1\nName: eb-probe\nVersion: 1.0\n",
        f"{RECORD}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{RECORD}/entry_points.txt": "[console_scripts]\neb-probe = eb_probe:main\n",
    }
    files[f"{RECORD}/RECORD"] = "".join(f"{name},,\n" for name in [*files, f"{RECORD}/RECORD"])
    with zipfile.ZipFile(path, "w") as wheel:
        for name, text in files.items():
            wheel.writestr(name, text)
    return path


class Test:
    def __init__(self, prefix, work):
        self.prefix, self.work = prefix, work
        self.passed = self.failed = 0

    def check(self, label, problem):
        """`problem`: "" when all is well."""
        self.failed += bool(problem)
        self.passed += not problem
        print(f"FAILED  {label}: {problem}" if problem else f"ok      {label}", flush=True)

    def run(self, *command, **variables):
        environment = {"PATH": "/usr/bin:/bin", "HOME": str(self.work), "PIP_NO_INDEX": "1", "LANG": "C.UTF-8"}
        environment |= variables
        done = subprocess.run([str(each) for each in command], env=environment, capture_output=True, text=True,
                              timeout=300, check=False, cwd=self.work)
        return done.returncode, done.stdout + done.stderr

    def expect(self, label, wanted, *command, code=0, **variables):
        got, text = self.run(*command, **variables)
        missing = [each for each in wanted if str(each) not in text]
        self.check(label, "" if got == code and not missing else f"exit {got}, without {missing}: {text[-900:]}")

    def venv(self, *arguments, prefix=None):
        return (prefix or self.prefix) / "bin/envrun", "venv", *arguments


PLACES = "import sys, torch; print(sys.prefix, sys.base_prefix, torch.__file__, *sys.path)"


def ordinary(test, folder):
    release = (test.prefix / "current").resolve()
    test.expect("a folder is made", ["made"], *test.venv(folder))
    test.expect("its python has torch from the release, by the release's own path",
                [f"{folder} {release} {release}/lib/python3"], folder / "bin/python", "-c", PLACES)
    got, text = test.run(folder / "bin/python", "-c", "import sys; print(*sys.path, sep='\\n')")
    through = [line for line in text.splitlines() if line.startswith(f"{test.prefix}/lib")]
    test.check("a running program does not look through PREFIX/current", str(through) if through or got else "")
    test.expect("nothing of torch is copied", ["0"], "sh", "-c", f"find {folder} -name 'torch*' | wc -l")
    test.expect("pip installs into it", ["Successfully installed eb-probe-1.0"], folder / "bin/pip", "install",
                make_wheel(test.work))
    test.check("the package is in the folder", "" if list(folder.glob("lib/python3*/site-packages/eb_probe.py"))
               else "it is not")
    written = [str(each) for each in release.rglob("eb_probe*")]
    test.check("the release is as it was", ", ".join(written))
    test.expect("pip list shows both", ["eb-probe", "torch "], folder / "bin/pip", "list")
    test.expect("pip list --local shows the user's own", ["eb-probe"], folder / "bin/pip", "list", "--local")
    test.expect("its console script runs", [f"probe {folder} numpy"], folder / "bin/eb-probe")
    test.expect("the activation script puts it first", [f"probe {folder}", f"{folder}/bin/pip", "(mine)"], "bash", "-c",
                f". {folder}/bin/activate; eb-probe; command -v pip; echo $VIRTUAL_ENV_PROMPT")
    test.expect("programs of the environment stay within reach", ["jupyter-lab"], "bash", "-c",
                f". {test.prefix}/share/envbundle/activate.sh; . {folder}/bin/activate; command -v jupyter-lab")
    test.expect("a package of the user's own goes before the release's", ["mine"], "sh", "-c",
                f"echo 'print(\"mine\")' > {folder}/lib/python3.11/site-packages/einops_probe.py; "
                f"{folder}/bin/python -c 'import einops_probe'")
    test.expect("again: nothing is lost", ["adapted"], *test.venv(folder))
    test.expect("its console script still runs", [f"probe {folder}"], folder / "bin/eb-probe")


def refusals(test, folder):
    other = test.work / "other"
    other.mkdir()
    (other / "thesis.tex").write_text("x")
    test.expect("a folder with something else is refused", ["left as it is", "hint:"], *test.venv(other), code=53)
    test.check("and is as it was", "" if [each.name for each in other.iterdir()] == ["thesis.tex"] else "it is not")
    file = test.work / "file"
    file.write_text("x")
    test.expect("a file is refused", ["left as it is"], *test.venv(file), code=53)
    test.expect("--repair of what is none is refused", ["no virtual environment"],
                *test.venv(other, "--repair"), code=2)
    test.expect("a folder inside the prefix is refused", ["inside the environment"],
                *test.venv(test.prefix / "mine"), code=2)
    test.expect("no folder is a usage error", ["command line is not understood"], *test.venv(), code=2)
    mark = folder / "envbundle-venv.json"
    record = json.loads(mark.read_text())
    mark.write_text(json.dumps(record | {"python": "3.9"}))
    test.expect("another Python is named, with the way out", ["made with Python 3.9", "--upgrade"],
                *test.venv(folder), code=12)
    old = folder / "lib/python3.9/site-packages/old_one-2.0.dist-info"
    old.mkdir(parents=True)
    test.expect("--upgrade names what to install again", ["pip install old_one", "adapted"],
                *test.venv(folder, "--upgrade"))


def moves(test, folder, beside):
    # Hard links: the same files under another path, as after a move.
    moved = beside / "moved"
    subprocess.run(["cp", "-al", test.prefix, moved], check=True, timeout=300)
    blank = test.work / "with blank"
    test.expect("a folder with a blank in its name, on a prefix that goes away", ["made"],
                *test.venv(blank, prefix=moved))
    test.expect("pip works in it", ["Successfully installed"], blank / "bin/pip", "install", make_wheel(test.work))
    # An upgrade: `current` leads to another release.
    release = (moved / "current").resolve()
    newer = release.with_name(release.name[:-1] + ("0" if release.name[-1] != "0" else "1"))
    release.rename(newer)
    (moved / "current").unlink()
    (moved / "current").symlink_to(f"releases/{newer.name}")
    test.expect("an upgrade is followed", [f"{newer}/lib/python3"], blank / "bin/python", "-c", PLACES)
    test.expect("console scripts as well", [f"probe {blank} numpy"], blank / "bin/eb-probe")
    again = beside / "again"
    moved.rename(again)
    # Whoever runs it by /bin/sh gets 127 as well.
    got, text = test.run("sh", "-c", f"'{blank}/bin/python' -c pass")
    test.check("after a move of the prefix its python is missing", "" if got == 127 else f"exit {got} {text}")
    test.expect("envrun venv says what to do", ["--repair"], *test.venv(blank, prefix=again), code=2)
    test.expect("--repair adapts it", ["adapted"], *test.venv(blank, "--repair", prefix=again))
    test.expect("it works again", [f"{again}/releases/"], blank / "bin/python", "-c", PLACES)
    elsewhere = test.work / "elsewhere"
    blank.rename(elsewhere)
    test.expect("a moved folder is noticed", ["--repair"], *test.venv(elsewhere, prefix=again), code=2)
    test.expect("--repair adapts it too", ["adapted"], *test.venv(elsewhere, "--repair", prefix=again))
    test.expect("with its console scripts", [f"probe {elsewhere} numpy"], elsewhere / "bin/eb-probe")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--prefix", required=True, type=pathlib.Path)
    prefix = parser.parse_args().prefix.resolve()
    with tempfile.TemporaryDirectory(prefix="eb-venv-") as name, \
            tempfile.TemporaryDirectory(prefix=".eb-moved-", dir=prefix.parent) as beside:
        work = pathlib.Path(os.path.realpath(name))
        test = Test(prefix, work)
        ordinary(test, work / "mine")
        refusals(test, work / "mine")
        moves(test, work / "mine", pathlib.Path(beside))
    print(f"{test.passed} passed, {test.failed} failed")
    return 1 if test.failed else 0


if __name__ == "__main__":
    sys.exit(main())
