#!/usr/bin/env python3
"""Golden output of the programs, as real processes: exact messages, exact exit codes.

    tests/cli/golden.py --envbundle PROGRAM --envinstall PROGRAM --envrun PROGRAM [--accept] [CASE ...]

Each case of cases.py runs in a fresh folder; what it printed, stream by stream, with its exit code, is compared with
golden/CASE.txt. What differs between runs (folders, times, IDs, keys, versions of the machine) is replaced by <WORDS>
first. --accept writes the files anew: the change then shows in the diff.
"""

import argparse
import difflib
import os
import pathlib
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
TIMEOUT_SECONDS = 120


class Run:
    """One finished process."""

    def __init__(self, argv, code, stdout, stderr):
        self.argv, self.code, self.stdout, self.stderr = argv, code, stdout, stderr


class Shop:
    """What a case works with: a scratch folder, the two programs, and a record of what they printed."""

    def __init__(self, scratch: pathlib.Path, programs: dict, shared: pathlib.Path):
        self.scratch, self.programs, self.shared = scratch, programs, shared
        self.record = []
        self.replacements = []
        self.environment = {
            "PATH": os.environ["PATH"], "HOME": str(scratch / "home"), "LC_ALL": "C.UTF-8", "TZ": "UTC",
            "ENVBUNDLE_CACHE": str(scratch / "cache"), "COLUMNS": "100",
        }
        for name in ("ASAN_OPTIONS", "TSAN_OPTIONS", "UBSAN_OPTIONS"):
            if name in os.environ:
                self.environment[name] = os.environ[name]
        (scratch / "home").mkdir()

    def path(self, name: str) -> pathlib.Path:
        return self.scratch / name

    def run(self, program: str, *arguments, cwd=None, stdin=None, keep=True, interrupt_after=None, environment=None,
            sort=False):
        """Runs PROGRAM (a name in `programs` or a path) to its end, without a terminal. `sort`: its lines come in the
        order of release IDs, which change with the project."""
        argv = [str(self.programs.get(program, program)), *map(str, arguments)]
        process = subprocess.Popen(
            argv, cwd=cwd or self.scratch, env=self.environment | (environment or {}),
            stdin=stdin if stdin is not None else subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        if interrupt_after is not None:
            interrupt_after(process)
            process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=TIMEOUT_SECONDS)
        result = Run([program, *map(str, arguments)], process.returncode, stdout.decode(), stderr.decode())
        if sort:
            result.stdout = "".join(sorted(result.stdout.splitlines(True)))
        if keep:
            self.record.append(result)
        return result

    def run_on_terminal(self, program: str, *arguments):
        """The same with stdin, stdout and stderr on one pseudo-terminal of 100 columns."""
        argv = [str(self.programs.get(program, program)), *map(str, arguments)]
        master, slave = pty.openpty()
        import fcntl, struct, termios

        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
        process = subprocess.Popen(
            argv, cwd=self.scratch, env=self.environment | {"TERM": "xterm"}, stdin=slave, stdout=slave, stderr=slave,
            start_new_session=True,
        )
        os.close(slave)
        output = b""
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while time.monotonic() < deadline:
            readable, _, _ = select.select([master], [], [], 0.2)
            if readable:
                try:
                    data = os.read(master, 65536)
                except OSError:  # EIO: the other end is closed
                    break
                if not data:
                    break
                output += data
            elif process.poll() is not None:
                break
        os.close(master)
        result = Run([program, *map(str, arguments)], process.wait(timeout=5), screen(output.decode()), "")
        self.record.append(result)
        return result

    def hide(self, text: str, word: str):
        self.replacements.append((text, word))

    def text(self) -> str:
        parts = []
        for run in self.record:
            parts.append(f"$ {' '.join(run.argv)}\n")
            if run.stdout:
                parts.append("".join(f"{line}\n" for line in run.stdout.splitlines()))
            if run.stderr:
                parts.append("".join(f"! {line}\n" for line in run.stderr.splitlines()))
            parts.append(f"exit {run.code}\n\n")
        return self.normalise("".join(parts))

    def normalise(self, text: str) -> str:
        for program, path in self.programs.items():
            text = text.replace(str(path), program)
        for old, word in self.replacements:
            text = text.replace(old, word)
        text = text.replace(str(self.scratch), "<DIR>").replace(str(self.shared), "<SHARED>")
        for pattern, word in (
            (r"SHA256:[A-Za-z0-9+/]{43}", "SHA256:<FINGERPRINT>"),
            (r"\b[0-9a-f]{64}\b", "<SHA256>"),
            (r"-[0-9a-f]{16}\b", "-<ID>"),
            (r"\b\d+(\.\d+)? ?(ns|ms|s|min)\b", "<TIME>"),
            (r"\b\d+(\.\d+)? ?[kKMGT]i?B/s", "<RATE>"),
            (r"\b\d\d:\d\d(:\d\d)?\b", "<CLOCK>"),
            (r"\b\d{4}-\d\d-\d\dT[\d:]+Z?", "<DATE>"),
            (r'"seconds":[0-9.e-]+', '"seconds":<NUMBER>'),
            # What the machine has of NVIDIA's, of libc, and around the process.
            (r'"version":"[^"]*","flavour":"[^"]*"', '"version":<MACHINE>'),
            (r'"gpus":\[.*?"visible_devices":(null|"[^"]*")', '"gpus":<MACHINE>'),
            (r"(?m)^(  host        ).*", r"\1<MACHINE>"),
            (r"(?m)^(  driver      )(?!not needed).*", r"\1<MACHINE>"),
            (r'"host":"[^"]*","kernel":"[^"]*"', '"host":<MACHINE>'),
            (r'"driver":"[^"]*"', '"driver":<MACHINE>'),
            # Sizes follow the zstd library, space and durability the machine's disk.
            (r'_bytes":\d+', '_bytes":<NUMBER>'),
            (r"\b\d[\d.,]* (bytes|[kMGT]?B)\b", "<SIZE>"),
            (r"\b\d+ available", "<NUMBER> available"),
            (r"(expected <SIZE>, got) \d+", r"\1 <NUMBER>"),
            # Which files lie in a frame with a changed one follows the sizes of our programs.
            (r'"reused_files":[1-9]\d*', '"reused_files":<NUMBER>'),
            # Of the coverage build alone: a user without rights may not count.
            (r"(?m)^! LLVM Profile Error: .*\n", ""),
            # What every release gets of ours grows with the project.
            (r"\b\d+ (files?|folders?|needed)\b", r"<NUMBER> \1"),
            (r"\b\d+ (frame|job)s?\b", r"<NUMBER> \1s"),
            (r"(?m)^(  RELEASE +VERSION) +(SIZE)", r"\1  \2"),
            (r"(?m)^(files +)\d+", r"\1<NUMBER>"),
            (r'"(files|directories|removed_files|entries|bytes)":\d+', r'"\1":<NUMBER>'),
            (r"(on disk|in memory|every file synced) \([^)]*\)(: (survives a power loss|gone after a reboot))?", "<DURABILITY>"),
        ):
            text = re.sub(pattern, word, text)
        return text


def screen(output: str) -> str:
    """What a terminal shows in the end: carriage returns and erase-line applied, colours dropped."""
    lines, line = [], ""
    column = 0
    i = 0
    while i < len(output):
        match = re.compile(r"\x1b\[([0-9;?]*)([A-Za-z])").match(output, i)
        if match:
            if match.group(2) == "K":
                line = "" if match.group(1) == "2" else line[:column]
            i = match.end()
            continue
        c = output[i]
        i += 1
        if c == "\r":
            column = 0
        elif c == "\n":
            lines.append(line.rstrip())
            line, column = "", 0
        else:
            line = line[:column].ljust(column) + c + line[column + 1:]
            column += 1
    if line.strip():
        lines.append(line.rstrip())
    return "".join(f"{each}\n" for each in lines)


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--envbundle", required=True, type=pathlib.Path)
    options.add_argument("--envinstall", required=True, type=pathlib.Path)
    options.add_argument("--envrun", required=True, type=pathlib.Path)
    options.add_argument("--accept", action="store_true")
    options.add_argument("cases", nargs="*")
    args = options.parse_args()
    import cases

    # What runs in the background of a script has SIGINT ignored, and its children would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    programs = {"envbundle": args.envbundle.resolve(), "envinstall": args.envinstall.resolve(),
                "envrun": args.envrun.resolve()}
    chosen = args.cases or list(cases.CASES)
    passed = failed = 0
    shared = pathlib.Path(tempfile.mkdtemp(prefix="golden-shared-"))
    try:
        cases.prepare(Shop(shared, programs, shared))
        for name in chosen:
            scratch = pathlib.Path(tempfile.mkdtemp(prefix="golden-"))
            try:
                shop = Shop(scratch, programs, shared)
                cases.CASES[name](shop)
                text = shop.text()
            finally:
                subprocess.run(["chmod", "-R", "u+rwX", str(scratch)], check=False)
                shutil.rmtree(scratch, ignore_errors=True)
            golden = HERE / "golden" / f"{name}.txt"
            if args.accept:
                golden.write_text(text)
            wanted = golden.read_text() if golden.exists() else ""
            if text == wanted:
                passed += 1
            else:
                failed += 1
                print(f"--- {name}: differs from {golden.name}")
                sys.stdout.writelines(
                    difflib.unified_diff(wanted.splitlines(True), text.splitlines(True), "golden", "now")
                )
        stale = {p.stem for p in (HERE / "golden").glob("*.txt")} - set(cases.CASES)
        if not args.cases and stale:
            failed += 1
            print(f"golden files without a case: {sorted(stale)}")
    finally:
        shutil.rmtree(shared, ignore_errors=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
