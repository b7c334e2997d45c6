"""Everything that was measured, as it stands in the JSON file; marks, table and chart are made from this alone."""

import dataclasses
import json
import pathlib

import stopwatch

SCHEMA = 1


@dataclasses.dataclass
class Figure:
    """One contestant's samples. Only figures of the same subject, experiment, place and heat are comparable."""

    subject: str
    experiment: str
    place: str
    name: str
    unit: str  # s, B, KiB, calls
    samples: list[float]
    heat: int = 0
    note: str = ""
    peak_kib: int = 0
    cpu_seconds: float = 0.0

    @property
    def contest(self) -> tuple[str, str, str]:
        return self.subject, self.experiment, self.place


@dataclasses.dataclass
class Absence:
    """A contestant that there is no figure of, and why."""

    subject: str
    experiment: str
    place: str
    name: str
    why: str


@dataclasses.dataclass
class Limit:
    """What the machine itself allows: no program could be quicker that does this work."""

    subject: str
    place: str
    name: str
    seconds: float
    how: str


@dataclasses.dataclass
class Results:
    machine: dict = dataclasses.field(default_factory=dict)
    tools: dict = dataclasses.field(default_factory=dict)
    conditions: dict = dataclasses.field(default_factory=dict)
    subjects: list[dict] = dataclasses.field(default_factory=list)
    figures: list[Figure] = dataclasses.field(default_factory=list)
    absences: list[Absence] = dataclasses.field(default_factory=list)
    limits: list[Limit] = dataclasses.field(default_factory=list)
    models: list[dict] = dataclasses.field(default_factory=list)

    def add(self, subject: str, experiment: str, place: str, costs: dict[str, list[stopwatch.Cost]],
            absent: dict[str, str] | None = None, heat: int = 0, notes: dict[str, str] | None = None) -> None:
        for name, runs in costs.items():
            self.figures.append(Figure(
                subject, experiment, place, name, "s", [cost.seconds for cost in runs], heat,
                (notes or {}).get(name, ""), max(cost.peak_kib for cost in runs),
                sorted(cost.cpu_seconds for cost in runs)[len(runs) // 2]))
        for name, why in (absent or {}).items():
            self.absences.append(Absence(subject, experiment, place, name, why))

    def add_value(self, subject: str, experiment: str, place: str, name: str, unit: str, value: float,
                  note: str = "") -> None:
        self.figures.append(Figure(subject, experiment, place, name, unit, [float(value)], note=note))

    def find(self, subject: str, experiment: str, place: str, name: str) -> list[Figure]:
        wanted = (subject, experiment, place, name)
        return [f for f in self.figures if (f.subject, f.experiment, f.place, f.name) == wanted]

    def why_absent(self, subject: str, experiment: str, place: str, name: str) -> str | None:
        wanted = (subject, experiment, place, name)
        for a in self.absences:
            if (a.subject, a.experiment, a.place, a.name) == wanted:
                return a.why
        return None

    def limit(self, subject: str, place: str, name: str) -> Limit | None:
        for limit in self.limits:
            if (limit.subject, limit.place, limit.name) == (subject, place, name):
                return limit
        return None

    def save(self, path: pathlib.Path) -> None:
        path.write_text(json.dumps({"schema": SCHEMA, **dataclasses.asdict(self)}, indent=1) + "\n")

    @staticmethod
    def load(path: pathlib.Path) -> "Results":
        """Raises ValueError for a file of another schema."""
        content = json.loads(path.read_text())
        if content.pop("schema", None) != SCHEMA:
            raise ValueError(f"{path}: not a result file of this program (schema {SCHEMA})")
        results = Results(**content)
        results.figures = [Figure(**figure) for figure in content["figures"]]
        results.absences = [Absence(**absence) for absence in content["absences"]]
        results.limits = [Limit(**limit) for limit in content["limits"]]
        return results

    @staticmethod
    def load_all(paths: list[pathlib.Path]) -> "Results":
        """Several runs as one: each experiment in a place is of one run, or figures would stand beside each other that
        were not measured in turns. Raises ValueError where it is of two, or where machine or bundle are not the same."""
        whole = Results.load(paths[0])
        for path in paths[1:]:
            part = Results.load(path)
            if part.machine != whole.machine or part.tools != whole.tools:
                raise ValueError(f"{path}: not of the machine and the tools of {paths[0]}")
            known = {subject["name"]: subject for subject in whole.subjects}
            for subject in part.subjects:
                if known.setdefault(subject["name"], subject) != subject:
                    raise ValueError(f"{path}: {subject['name']} is another bundle than in {paths[0]}")
            whole.subjects = list(known.values())
            twice = {f.contest for f in part.figures} & {f.contest for f in whole.figures}
            if twice:
                raise ValueError(f"{path}: measured before: {'; '.join(' '.join(contest) for contest in sorted(twice))}")
            whole.figures += part.figures
            whole.absences += part.absences
            whole.limits += [limit for limit in part.limits if not whole.limit(limit.subject, limit.place, limit.name)]
            whole.models += part.models
            for key, value in part.conditions.items():
                if value not in whole.conditions.setdefault(key, value).split("; "):
                    whole.conditions[key] += f"; {value}"
        return whole
