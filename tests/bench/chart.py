"""Bars as SVG, without a library: one group for each subject and place, our program's bar in another colour, and
beside each bar its time and the ratio to ours."""

import html

import samples

WIDTH, LEFT, RIGHT = 960, 250, 190
BAR, GAP, HEADING = 18, 6, 34
OURS, PEER, TEXT, FAINT = "#0b6e4f", "#9aa5b1", "#1f2933", "#616e7c"
FONT = "font-family='DejaVu Sans, Helvetica, Arial, sans-serif'"


def text(x: float, y: float, content: str, size: int = 12, colour: str = TEXT, anchor: str = "start",
         weight: str = "normal") -> str:
    return (f"<text x='{x:.1f}' y='{y:.1f}' font-size='{size}' fill='{colour}' text-anchor='{anchor}' "
            f"font-weight='{weight}'>{html.escape(content)}</text>")


def group(top: float, title: str, bars: list[tuple[str, float, float, float, bool]]) -> tuple[list[str], float]:
    """`bars`: name, median, least, most (seconds), whether it is ours. Returns the elements and where they end."""
    out = [text(12, top + 20, title, 14, weight="bold")]
    longest = max(most for _, _, _, most, _ in bars)
    scale = (WIDTH - LEFT - RIGHT) / longest if longest > 0 else 0.0
    ours = next((median for _, median, _, _, mine in bars if mine), None)
    y = top + HEADING
    for name, median, least, most, mine in bars:
        middle = y + BAR / 2
        out.append(text(LEFT - 8, middle + 4, name, anchor="end", weight="bold" if mine else "normal"))
        out.append(f"<rect x='{LEFT}' y='{y:.1f}' width='{max(median * scale, 1):.1f}' height='{BAR}' rx='2' "
                   f"fill='{OURS if mine else PEER}'/>")
        if most > least:
            out.append(f"<path d='M{LEFT + least * scale:.1f} {middle:.1f}H{LEFT + most * scale:.1f}' "
                       f"stroke='{TEXT}' stroke-width='1.5'/>")
        label = samples.seconds_text(median)
        if ours and not mine:
            label += f"   {median / ours:.2f} ×"
        out.append(text(LEFT + most * scale + 8, middle + 4, label, colour=TEXT if mine else FAINT))
        y += BAR + GAP
    return out, y + GAP


def draw(title: str, groups: list[tuple[str, list[tuple[str, float, float, float, bool]]]]) -> str:
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


def of_results(results) -> str:
    """Of the installs, upgrades, verifications and imports."""
    groups = []
    mine = {"envinstall", "prefix", "upgrade", "envinstall verify --full", "envbundle build"}
    for subject in results.subjects:
        keys = dict.fromkeys((f.experiment, f.place) for f in results.figures
                             if f.subject == subject["name"] and f.unit == "s" and f.experiment != "scaling")
        for experiment, place in keys:
            seen: dict[str, tuple] = {}
            for figure in results.figures:
                if (figure.subject, figure.experiment, figure.place) != (subject["name"], experiment, place):
                    continue
                found = samples.summarise(figure.samples)
                seen.setdefault(figure.name, (figure.name, found.median, found.least, found.most, figure.name in mine))
            bars = sorted(seen.values(), key=lambda bar: (not bar[4], bar[1]))
            groups.append((f"{experiment}: {subject['name']}{', ' + place if place else ''}", bars))
    where = f"{results.machine.get('cores', '?')} × {results.machine.get('cpu', 'unknown CPU')}"
    return draw(f"envbundle, on {where}", groups)
