"""Mark 7: `import torch` from the prefix against a venv that pip made of the same wheels on the same disk."""

import pathlib

import machine
import place as places
import stopwatch
import system_calls
import tools as tool_rooms
from stopwatch import Contestant, Cost

COLD_READ_BYTES = 2_000_000_000  # more than a cold import reads
OURS, VENV, BARE = "prefix", "venv", "venv without .pyc"


class FirstUse:
    def __init__(self, place: places.Place, subject, tools: tool_rooms.Tools, prefix: pathlib.Path):
        self.place, self.subject, self.tools = place, subject, tools
        names = {wheel["name"] for wheel in subject.lock.wheels}
        self.module = next((m for m in ("torch", "pandas", "numpy") if m in names), "email.mime.text")
        self.pythons = {OURS: prefix / "bin/python"}
        self.venv, self.bare = place.path("venv"), place.path("venv.bare")

    def prepare(self) -> dict[str, str]:
        """Makes both venvs. Returns who is absent, and why."""
        if "venv" in self.tools.missing:
            return {VENV: self.tools.missing["venv"], BARE: self.tools.missing["venv"]}
        wheels = self.place.path("wheels")
        try:
            python = tool_rooms.make_venv(self.tools.python, self.venv)
            stopwatch.say(f"{self.place.name}: pip makes a venv of {self.subject.name}")
            stopwatch.run(places.pip_install(python, wheels))
            # Hard links to the same files, without their bytecode: no more room, and the same place on the disk.
            stopwatch.run(["cp", "-al", self.venv, self.bare])
            stopwatch.shell('find "$1" -name __pycache__ -type d -prune -exec rm -rf {} +', self.bare)
        except stopwatch.Failed as failure:
            return {VENV: str(failure), BARE: str(failure)}
        self.pythons |= {VENV: python, BARE: self.bare / "bin/python"}
        return {}

    def command(self, who: str) -> list:
        # -B: the venv without bytecode stays so.
        return [self.pythons[who], *(["-B"] if who == BARE else []), "-c", f"import {self.module}"]

    def contestants(self, cold: bool) -> list[Contestant]:
        def entrant(who: str) -> Contestant:
            def prepare() -> None:
                if cold:
                    machine.drop_caches()
                else:
                    stopwatch.run(self.command(who))

            def work() -> Cost:
                return stopwatch.run(self.command(who))

            return Contestant(who, work, prepare, ours=who == OURS, memory=COLD_READ_BYTES if cold else 0)

        return [entrant(who) for who in self.pythons]

    def calls(self) -> dict[str, system_calls.Calls]:
        return {who: system_calls.count_calls(self.command(who), self.place.path("strace")) for who in self.pythons}

    def close(self) -> None:
        self.place.remove("venv", "venv.bare")
