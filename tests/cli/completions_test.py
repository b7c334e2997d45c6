#!/usr/bin/env python3
"""The completions and the manual pages of all programs, in the shells themselves and in mandoc.

    tests/cli/completions_test.py --envrun PROGRAM --texts FOLDER

FOLDER holds what the build wrote: envrun.bash, _envrun, envrun.fish, envrun.1; those of envinstall and envbundle
stand in packaging. Prints a line a check and at the end
`N passed, N failed`; a shell that is not there is skipped by name.
"""

import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from report import Report  # noqa: E402

PACKAGING = pathlib.Path(__file__).resolve().parents[2] / "packaging"

# A line that ends at the cursor, and what must be (or, with !, must not be) offered there.
CASES = [
    ("envrun ", "run shell jupyter kernelspec venv sshd torchrun ddp-check slurm-template metrics doctor completion man"),
    ("envrun --g", "--gpus !--memory"),
    ("envrun --gpus 2 ss", "sshd !shell"),
    ("envrun sshd --po", "--port !--listen"),
    ("envrun sshd --i", "--i-have-permission"),
    ("envrun sshd --mem", "--memory"),
    ("envrun completion ", "bash zsh fish"),
    ("envrun -- mkdi", "mkdir !sshd"),
    ("envrun run mkdi", "mkdir"),
    ("envrun sshd --authorized-keys /etc/passw", "/etc/passwd"),
    ("envinstall --pref", "--prefix !--parents"),
    ("envinstall ver", "verify"),
    ("envinstall verify --fu", "--full"),
    ("envbundle ", "lock build keygen"),
    ("envbundle build --off", "--offline"),
]

BASH = r"""
. "$1"; shift
complete -p "$1" >/dev/null || exit 3
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
"_$1"
printf '%s\n' "${COMPREPLY[@]}"
"""

ZSH = r"""
fpath=($1 $fpath)
zmodload zsh/zpty
zpty z "LC_ALL=C.UTF-8 TERM=xterm PS1=READY zsh -f -i"
await() { local text= all= i; for ((i = 0; i < 400; i++)) { if zpty -rt z text; then all+=$text
  [[ $all == *$1* ]] && break; else sleep 0.02; fi }; print -r -- $all; }
zpty -w z "PS1=; unsetopt zle_bracketed_paste; fpath=($1 \$fpath); autoload -U compinit; compinit -u -D; LISTMAX=0"
zpty -w z "setopt no_menu_complete no_auto_menu; stty columns 100 rows 200; print LOA''DED"
await LOADED >/dev/null
zpty -w -n z "$2"$'\t\t'
sleep 0.2
zpty -w -n z $'\C-a: \C-eEND'
await END
zpty -d z
"""


def offered(shell, texts, line):
    words = re.split(r" +", line)
    program = words[0]
    texts = texts if program == "envrun" else PACKAGING / "completions"
    if shell == "bash":
        argv = ["bash", "--norc", "-c", BASH, "bash", texts / f"{program}.bash", *words]
    elif shell == "fish":
        argv = ["fish", "-N", "-c", f"source '{texts}/{program}.fish'; complete -C '{line}'"]
    else:
        argv = ["zsh", "-f", "-c", ZSH, "zsh", texts, line]
    with tempfile.TemporaryDirectory() as home:
        done = subprocess.run([str(each) for each in argv], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=30, check=False,
                              env={"PATH": os.environ["PATH"], "HOME": home, "LC_ALL": "C.UTF-8", "TERM": "xterm"})
    if shell == "zsh":
        # The screen: the line itself, completed, and the list below it.
        text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\x08", " ", done.stdout)
        return re.split(r"\s+", text), done.stderr
    return [each.split("\t")[0] for each in done.stdout.splitlines()], done.stderr


def completion(report, shell, texts):
    for line, expected in CASES:
        words, errors = offered(shell, texts, line)
        problem = [each for each in expected.split() if (each.startswith("!") and each[1:] in words)
                   or (not each.startswith("!") and each not in words)]
        report.check(f"{shell}: {line!r}", f"{problem} in {words} {errors}" if problem or errors else "")


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--envrun", required=True, type=pathlib.Path)
    options.add_argument("--texts", required=True, type=pathlib.Path)
    args = options.parse_args()
    report = Report()
    texts = args.texts.resolve()
    for shell in ("bash", "fish", "zsh"):
        if shutil.which(shell):
            completion(report, shell, texts)
        else:
            print(f"skipped: {shell} is not installed")
    page = (texts / "envrun.1").read_text()
    helped = subprocess.run([args.envrun, "--help"], capture_output=True, text=True, timeout=20, check=True).stdout
    subcommands = re.findall(r"(?m)^  ([a-z][\w-]*) {2,}", helped.partition("Subcommands:")[2])
    for name in subcommands:
        helped += subprocess.run([args.envrun, name, "--help"], capture_output=True, text=True, timeout=20,
                                 check=False).stdout if name not in ("run", "torchrun", "metrics") else ""
    in_help = set(re.findall(r"(?m)^  (?:-\w,)?(--[a-z][\w-]*)", helped))
    in_page = set(re.findall(r"\\fB(--[a-z][\w-]*)\\fR", page.replace("\\-", "-")))
    report.check("every sub-command is in the manual page",
                 str([each for each in subcommands if f".SS {each}" not in page.replace("\\-", "-")] or "").strip("[]"))
    report.check("every option of the help is in the manual page", str(sorted(in_help - in_page) or ""))
    if shutil.which("mandoc"):
        for path in (texts / "envrun.1", *sorted((PACKAGING / "man").glob("*.1"))):
            lint = subprocess.run(["mandoc", "-T", "lint", path], capture_output=True, text=True, timeout=20,
                                  check=False)
            report.check(f"mandoc finds nothing in {path.name}", lint.stdout + lint.stderr)
    else:
        print("skipped: mandoc is not installed")
    print(f"{report.passed} passed, {report.failed} failed")
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
