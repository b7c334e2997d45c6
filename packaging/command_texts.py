#!/usr/bin/env python3
"""Completions and manual pages of envinstall and envbundle, made from their help texts.

    packaging/command_texts.py --envinstall PROGRAM --envbundle PROGRAM [--check]

Writes packaging/completions/ and packaging/man/; --check writes nothing, and fails when a file is not what the help
texts give: so no option is missing in them and none is too much. (envrun writes its own: `envrun completion SHELL`.)
"""

import argparse
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
DATE = "2026-11-24"  # of the texts, not of the day: the same help gives the same bytes
OPTION = re.compile(
    r"^  (?:(-\w), ?)?(--[\w-]+)(?:(?:\{\w+\}| (?!Excludes:|REQUIRED)(\S+)))?(?: (?:REQUIRED|Excludes:(?: --[\w-]+)+))*"
    r"(?: in \[[^]]*\](?:=\S+)?(?: Excludes:(?: --[\w-]+)+)?)?(?: +(.*))?$")


def help_of(program, *command):
    return subprocess.run([program, *command, "--help"], capture_output=True, text=True, timeout=30, check=True,
                          env={"LC_ALL": "C.UTF-8", "HOME": "/nonexistent"}).stdout


def options_of(text):
    """(short or "", long, value or "", text) each."""
    found, lines = [], text.splitlines()
    for number, line in enumerate(lines):
        match = OPTION.match(line)
        if not match:
            if line.startswith("  --") or re.match(r"  -\w, ?--", line):
                raise SystemExit(f"command_texts: this line of a help text is not understood: {line!r}")
            continue
        short, name, value, words = match.groups()
        more = number + 1
        while more < len(lines) and re.match(r" {20,}\S", lines[more]):
            words = f"{words or ''} {lines[more].strip()}"
            more += 1
        found.append((short or "", name, re.split("[:=]", value or "")[0], (words or "").strip()))
    return found


class Command:
    def __init__(self, program, name, summary):
        self.name, self.summary = name, summary
        self.help = help_of(program, *([name] if name else []))
        self.options = options_of(self.help)


def commands_of(program):
    top = Command(program, "", "")
    listed = re.search(r"(?ms)^(?:commands|Subcommands):\n(.*?)\n\n", top.help).group(1)
    found = re.findall(r"(?m)^  ([a-z]+)(?: [A-Z|]+)? {2,}(.*)$", listed)
    return top, [Command(program, name, summary) for name, summary in found]


def quoted(text):
    return "'" + text.replace("'", "'\\''") + "'"


def names(options):
    return " ".join(name for short, long, _, _ in options for name in (short, long) if name)


def with_value(top, commands, between):
    valued = [each for command in (top, *commands) for each in command.options if each[2]]
    return between.join(sorted({name for short, long, _, _ in valued for name in (short, long) if name}))


def bash(program, top, commands):
    cases = "".join(f"    {each.name}) words={quoted(names(each.options))} ;;\n" for each in commands)
    # Values and operands are files and folders, mostly; for the rest a file name is no harm.
    return f"""# bash completion of {program}; made by packaging/command_texts.py
_{program}() {{
  local cur=${{COMP_WORDS[COMP_CWORD]}} prev=${{COMP_WORDS[COMP_CWORD-1]}} sub=${{COMP_WORDS[1]}} words=
  COMPREPLY=()
  case $sub in
{cases}    *) words={quoted(names(top.options))}
       ((COMP_CWORD == 1)) && words+={quoted(" " + " ".join(each.name for each in commands))} ;;
  esac
  case $prev in {with_value(top, commands, "|")}) words= ;; esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}}
complete -o bashdefault -o default -F _{program} {program}
"""


def zsh_specs(options, indent):
    text = ""
    for short, long, value, words in options:
        words = re.sub(r"([\[\]:\\])", r"\\\1", words)
        for name in filter(None, (short, long)):
            spec = f"{name}{('=' if name == long else '+') if value else ''}[{words}]"
            if value:
                spec += f":{value.replace(':', '-')}:_files"
            text += f"{indent}{quoted(spec)} \\\n"
    return text


def zsh(program, top, commands):
    listed = "".join(f"        {quoted(each.name + ':' + each.summary)}\n" for each in commands)
    cases = "".join(f"        {each.name})\n          _arguments \\\n{zsh_specs(each.options, ' ' * 12)}"
                    "            '*:file:_files' && ret=0 ;;\n" for each in commands)
    return f"""#compdef {program}
# zsh completion of {program}; made by packaging/command_texts.py
_{program}() {{
  local curcontext=$curcontext state line ret=1
  typeset -A opt_args
  _arguments -C \\
{zsh_specs(top.options, "    ")}    '1: :->first' '*:: :->rest' && ret=0
  case $state in
    first)
      local -a commands=(
{listed}      )
      _describe command commands && ret=0
      _files && ret=0 ;;
    rest)
      case $line[1] in
{cases}        *)
          _arguments \\
{zsh_specs(top.options, " " * 12)}            '*:file:_files' && ret=0 ;;
      esac ;;
  esac
  return ret
}}
if [[ $funcstack[1] == _{program} ]]; then _{program} "$@"; else compdef _{program} {program}; fi
"""


def fish(program, top, commands):
    def specs(condition, options):
        text = ""
        for short, long, value, words in options:
            escaped = words.replace("\\", "\\\\").replace("'", "\\'")
            text += (f"complete -c {program} -n {condition}{' -s ' + short[1:] if short else ''} -l {long[2:]}"
                     f"{' -r' if value else ''} -d '{escaped}'\n")
        return text

    all_names = " ".join(each.name for each in commands)
    text = f"# fish completion of {program}; made by packaging/command_texts.py\n"
    text += specs(f"'not __fish_seen_subcommand_from {all_names}'", top.options)
    for each in commands:
        text += f"complete -c {program} -n __fish_is_first_arg -a {each.name} -d {quoted(each.summary)}\n"
        text += specs(f"'__fish_seen_subcommand_from {each.name}'", each.options)
    return text


def roff(text):
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + text if text[:1] in (".", "'") else text


def man(program, top, commands):
    """The help texts as they are, under a heading each: they are written for 100 columns."""
    def verbatim(text):
        lines = [roff(line.rstrip()) or "\\&" for line in text.strip("\n").splitlines()]
        return ".nf\n" + "\n".join(lines) + "\n.fi\n"

    summary = {"envinstall": "installs a signed bundle into a folder",
               "envbundle": "makes signed bundles of whole environments"}[program]
    text = f'.TH {program.upper()} 1 {DATE} envbundle\n.SH NAME\n{program} \\- {summary}\n.SH DESCRIPTION\n'
    text += verbatim(top.help) + ".SH COMMANDS\n"
    for each in commands:
        text += f".SS {each.name}\n" + verbatim(each.help)
    return text


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--envinstall", required=True, type=pathlib.Path)
    options.add_argument("--envbundle", required=True, type=pathlib.Path)
    options.add_argument("--check", action="store_true")
    args = options.parse_args()
    differing = []
    for program, path in (("envinstall", args.envinstall), ("envbundle", args.envbundle)):
        top, commands = commands_of(path.resolve())
        for name, text in ((f"completions/{program}.bash", bash(program, top, commands)),
                           (f"completions/_{program}", zsh(program, top, commands)),
                           (f"completions/{program}.fish", fish(program, top, commands)),
                           (f"man/{program}.1", man(program, top, commands))):
            file = HERE / name
            if not args.check:
                file.parent.mkdir(exist_ok=True)
                file.write_text(text)
            elif not file.exists() or file.read_text() != text:
                differing.append(name)
    for name in differing:
        print(f"packaging/{name} is not what the help texts give; packaging/command_texts.py writes it anew")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
