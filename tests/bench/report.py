"""The results as Markdown: verdicts first, then every figure with its spread and what the machine allows."""

import limits as limit_rooms
import marks
import samples
from marks import MET, MISSED
from results import Figure, Results

OURS = {
    "install": "envinstall", "upgrade": "full install", "sizes": "bundle", "build": "envbundle build",
    "verify": "envinstall verify --full", "import": "prefix", "import calls": "prefix", "import page-ins": "prefix",
    "calls": "envinstall",
}
TITLES = {
    "install": "Install", "upgrade": "Upgrade and the same release again", "sizes": "Sizes", "build": "Build",
    "memory": "Peak memory", "verify": "Full verification", "import": "First use: import",
    "import calls": "First use: system calls of the import", "import page-ins": "First use: read from the disk, cold",
    "calls": "System calls of an install", "scaling": "Install with 1 and 2 jobs",
}
# Which probes make up the least that a step must do.
STEPS = {
    "envinstall": ("hash bundle", "decode", "create", "write"), "cp -r": ("create", "write"),
    "cp -r, all cores": ("create", "write"), "zstd -dc | tar -x": ("decode", "create", "write"),
    "full install": ("hash bundle", "decode", "create", "write"), "envinstall verify --full": ("hash tree",),
    "sha256sum, all cores": ("hash tree",),
}
COLD_STEPS = {"envinstall": ("read bundle",), "zstd -dc | tar -x": ("read bundle",)}


def value_text(value: float, unit: str) -> str:
    if unit == "s":
        return samples.seconds_text(value)
    if unit == "B":
        return samples.bytes_text(value)
    if unit == "KiB":
        return f"{value / 1024:.0f} MiB"
    return f"{value:,.0f}".replace(",", " ")


def least_possible(results: Results, figure: Figure) -> str:
    """The physical limit beside a figure, or nothing where no probe speaks of it."""
    if figure.experiment == "import" and figure.place == marks.COLD:
        return reading_time(results, figure)
    steps = STEPS.get(figure.name)
    if steps is None or figure.experiment not in ("install", "upgrade", "verify"):
        return ""
    where = "tmpfs" if figure.place == marks.TMPFS else "disk"
    if figure.place == marks.COLD:
        steps += COLD_STEPS.get(figure.name, ())
    known = {limit.name: limit.seconds for limit in results.limits
             if (limit.subject, limit.place) == (figure.subject, where)}
    bound = limit_rooms.bound(known, where == "tmpfs", steps)
    return "" if bound is None else samples.seconds_text(bound)


def reading_time(results: Results, figure: Figure) -> str:
    """Of what a cold import reads, at the rate at which the disk gives the bundle to one reader."""
    limit = results.limit(figure.subject, "disk", "read bundle")
    read = results.find(figure.subject, "import page-ins", figure.place, figure.name)
    bundle = next(s["bundle_bytes"] for s in results.subjects if s["name"] == figure.subject)
    return samples.seconds_text(read[0].samples[0] * limit.seconds / bundle) if limit and read else ""


def table(header: list[str], rows: list[list[str]]) -> list[str]:
    align = ["---"] + ["---:"] * (len(header) - 1)
    return ["| " + " | ".join(header) + " |", "| " + " | ".join(align) + " |",
            *("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows), ""]


def marks_part(verdicts: list[marks.Verdict]) -> list[str]:
    rows = []
    for verdict in verdicts:
        if verdict.value is None:
            measured = verdict.why
        elif verdict.mark.theirs is None:
            measured = value_text(verdict.value, "KiB")
        else:
            measured = f"{verdict.value:.3f} × ({verdict.least:.3f}–{verdict.most:.3f})"
        state = f"**{verdict.state}**" if verdict.state == MISSED else verdict.state
        rows.append([f"{verdict.mark.number} {verdict.mark.text}", verdict.subject, verdict.place, measured, state])
    counts = {state: sum(v.state == state for v in verdicts) for state in
              (MET, MISSED, marks.NOT_AVAILABLE, marks.NOT_MEASURED)}
    return ["## Marks", "", ", ".join(f"{count} {state}" for state, count in counts.items()) + ".", "",
            *table(["mark", "bundle", "place", "measured (range over pairs of runs)", "verdict"], rows)]


def figure_rows(results: Results, experiment: str, figures: list[Figure]) -> list[list[str]]:
    rows = []
    for figure in figures:
        ours = next((f for f in figures if f.name == OURS.get(experiment) and f.heat == figure.heat), None)
        found = samples.summarise(figure.samples)
        row = [figure.name + (f", heat {figure.heat + 1}" if figure.heat else ""), value_text(found.median, figure.unit)]
        if figure.unit == "s":
            row += [f"{value_text(found.least, 's')}–{value_text(found.most, 's')}", f"{found.spread * 100:.1f} %"]
        comparable = ours is not None and ours is not figure and ours.unit == figure.unit and found.median > 0
        row.append(f"{samples.summarise(ours.samples).median / found.median:.3f} ×" if comparable else "")
        if figure.unit == "s":
            row.append(f"{figure.cpu_seconds:.2f} s")
            row.append(least_possible(results, figure))
        row.append(figure.note)
        rows.append(row)
    return rows


def experiment_part(results: Results, subject: str, experiment: str, place: str) -> list[str]:
    figures = [f for f in results.figures if (f.subject, f.experiment, f.place) == (subject, experiment, place)]
    absences = [a for a in results.absences if (a.subject, a.experiment, a.place) == (subject, experiment, place)]
    if not figures and not absences:
        return []
    out = [f"### {TITLES.get(experiment, experiment)}{': ' + place if place else ''}", ""]
    if figures:
        header = ["", "median", "range", "MAD", "ours by theirs", "CPU", "machine's limit", "note"]
        if figures[0].unit != "s":
            header = ["", "value", "ours by theirs", "note"]
        out += table(header, figure_rows(results, experiment, figures))
    for absence in absences:
        out.append(f"- `{absence.name}`: not available: {absence.why}")
    return out + ([""] if absences else [])


def limits_part(results: Results, subject: str) -> list[str]:
    rows = [[f"{limit.name}, {limit.place}", samples.seconds_text(limit.seconds), limit.how]
            for limit in results.limits if limit.subject == subject]
    return ["### What the machine allows, all cores", "", *table(["", "seconds", "how it was probed"], rows)] if rows else []


def model_part(results: Results) -> list[str]:
    out = []
    for model in results.models:
        out += [f"### {model['subject']}", "",
                f"Measured on tmpfs: {model['measured']['1']:.2f} s with 1 job, {model['measured']['2']:.2f} s with 2; "
                f"so S = {model['serial']:.2f} s, P = {model['parallel']:.2f} s.", ""]
        if model["stages"]:
            total = sum(stage["seconds"] for stage in model["stages"])
            out += table(["stage, one core, probed on tmpfs", "seconds", "by unit"],
                         [[stage["stage"], f"{stage['seconds']:.2f}", f"{stage['per_unit']:.3f} {stage['unit']}"]
                          for stage in model["stages"]] + [["all of them", f"{total:.2f}", ""]])
        if model["check"]:
            check = model["check"]
            out += [f"The model held against this machine's disk: {check['predicted']:.2f} s said (bound by: "
                    f"{check['bound']}), {check['measured']:.2f} s measured.", ""]
        cores = sorted({row["cores"] for row in model["rows"]})
        rows = []
        for storage in model["storages"]:
            cells = [next(r for r in model["rows"] if (r["storage"], r["cores"]) == (storage["name"], c)) for c in cores]
            rows.append([storage["name"], *(f"{cell['seconds']:.1f} s, {cell['bound']}" for cell in cells)])
        out += table(["storage", *(f"{c} cores" for c in cores)], rows)
    if out:
        out = ["## Other machines, by the model of tests/bench/model.py", "", *out, "Assumed of the storage:", ""]
        assumed = {storage["name"]: storage for model in results.models for storage in model["storages"]}
        for storage in assumed.values():
            out.append(f"- {storage['name']}: read {storage['read'] / 1e9:.1f} GB/s, written {storage['write'] / 1e9:.1f} "
                       f"GB/s, {storage['trips']:.0f} round trips of {storage['latency'] * 1000:.1f} ms a file, at most "
                       f"{storage['rate']:,.0f} files/s: {storage['source']}.")
        out.append("")
    return out


def markdown(results: Results, verdicts: list[marks.Verdict]) -> str:
    machine = results.machine
    out = ["# Results", "", "Written by `tests/bench/run --markdown`; `tests/bench/README.md` says what each figure is.",
           "", f"{machine.get('cores')} × {machine.get('cpu')}, {machine.get('memory_bytes', 0) / 2**30:.0f} GiB, Linux "
           f"{machine.get('kernel')}. " + "; ".join(f"{k}: {v}" for k, v in results.conditions.items()) + ".", "",
           "Other programs: " + "; ".join(f"{name}: {version}" for name, version in results.tools.items()) + ".", ""]
    rows = [[s["name"], samples.bytes_text(s["bundle_bytes"]), samples.bytes_text(s["tree_bytes"]), str(s["files"]),
             str(s["frames"]), samples.bytes_text(s["artifact_bytes"])] for s in results.subjects]
    out += table(["bundle", "size", "tree", "files", "frames", "artifacts"], rows)
    out += marks_part(verdicts)
    for subject in results.subjects:
        name = subject["name"]
        out += [f"## {name}", "", *limits_part(results, name)]
        for experiment in TITLES:
            places = dict.fromkeys(item.place for item in [*results.figures, *results.absences]
                                   if (item.subject, item.experiment) == (name, experiment))
            for place in places:
                out += experiment_part(results, name, experiment, place)
    return "\n".join(out + model_part(results)).rstrip() + "\n"
