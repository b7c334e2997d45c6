"""Bars as SVG, without a library: one group for each subject and place, our program's bar in another colour, and
beside each bar its time and the ratio to ours."""

import dataclasses
import html

import samples

WIDTH, LEFT, RIGHT = 960, 250, 190
BAR, GAP, HEADING = 18, 6, 34
OURS, PEER, TEXT, FAINT = "#0b6e4f", "#9aa5b1", "#1f2933", "#616e7c"
ORDER = ("install", "upgrade", "verify", "import", "build")
MINE = {"envinstall", "prefix", "upgrade", "same again", "envinstall verify --full", "envbundle build"}
FONT = "font-family='DejaVu Sans, Helvetica, Arial, sans-serif'"


def text(x: float, y: float, content: str, size: int = 12, colour: str = TEXT, anchor: str = "start",
         weight: str = "normal") -> str:
    return (f"<text x='{x:.1f}' y='{y:.1f}' font-size='{size}' fill='{colour}' text-anchor='{anchor}' "
            f"font-weight='{weight}'>{html.escape(content)}</text>")


@dataclasses.dataclass(frozen=True)
class Bar:
    """Seconds; `ratio` is theirs by ours, None for ourselves and where there is nothing to compare with."""

    name: str
    median: float
    least: float
    most: float
    ours: bool = False
    ratio: float | None = None


def group(top: float, title: str, bars: list[Bar]) -> tuple[list[str], float]:
    """Returns the elements and where they end."""
    out = [text(12, top + 20, title, 14, weight="bold")]
    longest = max(bar.most for bar in bars)
    scale = (WIDTH - LEFT - RIGHT) / longest if longest > 0 else 0.0
    y = top + HEADING
    for bar in bars:
        middle = y + BAR / 2
        out.append(text(LEFT - 8, middle + 4, bar.name, anchor="end", weight="bold" if bar.ours else "normal"))
        out.append(f"<rect x='{LEFT}' y='{y:.1f}' width='{max(bar.median * scale, 1):.1f}' height='{BAR}' rx='2' "
                   f"fill='{OURS if bar.ours else PEER}'/>")
        if bar.most > bar.least:
            out.append(f"<path d='M{LEFT + bar.least * scale:.1f} {middle:.1f}H{LEFT + bar.most * scale:.1f}' "
                       f"stroke='{TEXT}' stroke-width='1.5'/>")
        label = samples.seconds_text(bar.median) + (f" · {bar.ratio:.2f} ×" if bar.ratio is not None else "")
        out.append(text(LEFT + bar.most * scale + 8, middle + 4, label, colour=TEXT if bar.ours else FAINT))
        y += BAR + GAP
    return out, y + GAP


def draw(title: str, groups: list[tuple[str, list[Bar]]]) -> str:
    """A whole SVG document. Groups without bars are left out."""
    body = [text(12, 28, title, 17, weight="bold"),
            text(12, 47, "Medians in seconds, less is better; the line is from the shortest to the longest run; "
                         "n × is the time by ours.", 11, FAINT)]
    top = 60.0
    for heading, bars in groups:
        if bars:
            elements, top = group(top, heading, bars)
            body += elements
    return (f"<svg xmlns='http://www.w3.org/2000/svg' width='{WIDTH}' height='{top + 8:.0f}' "
            f"viewBox='0 0 {WIDTH} {top + 8:.0f}' {FONT}>\n<rect width='100%' height='100%' fill='#ffffff'/>\n"
            + "\n".join(body) + "\n</svg>\n")


def bars_of(figures: list) -> list[Bar]:
    """Of one experiment in one place. A peer's ratio is to our figure of the same heat."""
    bars: dict[str, Bar] = {}
    for figure in figures:
        found = samples.summarise(figure.samples)
        ours = next((f for f in figures if f.name in MINE and f.heat == figure.heat), None)
        ratio = None
        if ours is not None and figure.name not in MINE and (below := samples.summarise(ours.samples).median) > 0:
            ratio = found.median / below
        bars.setdefault(figure.name, Bar(figure.name, found.median, found.least, found.most, figure.name in MINE, ratio))
    return sorted(bars.values(), key=lambda bar: (not bar.ours, bar.median))


def of_results(results) -> str:
    """Of all that was timed, the installs first."""
    groups = []
    for subject in results.subjects:
        timed = [f for f in results.figures if f.subject == subject["name"] and f.unit == "s" and f.experiment in ORDER]
        keys = sorted({(ORDER.index(f.experiment), f.place) for f in timed}, key=lambda key: (key[0], key[1] != "tmpfs"))
        for number, place in keys:
            here = [f for f in timed if (f.experiment, f.place) == (ORDER[number], place)]
            groups.append((f"{ORDER[number]}: {subject['name']}{', ' + place if place else ''}", bars_of(here)))
    where = f"{results.machine.get('cores', '?')} × {results.machine.get('cpu', 'unknown CPU')}"
    return draw(f"envbundle, on {where}", groups)
