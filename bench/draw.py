"""scripts/bench draw: an SVG of how the medians of one bench went over several results, oldest first.

One panel for each kind of figure, from zero, and in it one line for each row of the table, so that whatever shares an
axis has one unit.
"""
import html
import math

from figures import by_name, read_result, short

WIDTH, PLOT_LEFT, PLOT_RIGHT = 960, 76, 560  # the names of the lines stand to the right of the plot
PLOT_HEIGHT, PANEL_GAP, LINE_HEIGHT, TOP = 190, 84, 15, 44
COLOURS = ["#0b6e99", "#d1495b", "#3a7d44", "#e08e1d", "#6a4c93", "#7a5c3e", "#1a936f", "#9b2226", "#4a5568", "#b5179e"]
DASHES = ["", "6 3", "2 3"]  # tell lines apart when the colours begin again


def ceiling(value):
    """The next of 1, 2, 5 times a power of ten."""
    if value <= 0:
        return 1.0
    power = 10 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 5, 10) if value <= step * power * 1.000001)


def panels_of(documents, only):
    """{group: {name: value at each result, None where it has none}} of what has `only` in its name or group."""
    values = [by_name(document) for document in documents]
    out = {}
    for key in dict.fromkeys(key for of in values for key in of):
        group, name = key
        if only.lower() in f"{name}: {group}".lower():
            out.setdefault(group, {})[name] = [of.get(key) for of in values]
    return out


def text(x, y, what, more=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" {more}>{html.escape(what)}</text>'


def apart(wanted, least):
    """Places as near to those wanted as leaves `least` between them; `wanted` is in order."""
    out = []
    for place in wanted:
        out.append(max(place, out[-1] + least) if out else place)
    return out


def points_of(values, x_of, y_of):
    """The unbroken parts of a line."""
    parts, now = [], []
    for index, value in enumerate(values):
        if value is None:
            parts, now = parts + [now], []
        else:
            now.append((x_of(index), y_of(value)))
    return [part for part in parts + [now] if part]


def panel(group, lines, labels, top):
    """The elements of one panel, and where the next one begins."""
    highest = ceiling(max(value for values in lines.values() for value in values if value is not None))
    bottom = top + PLOT_HEIGHT
    steps = max(1, len(labels) - 1)

    def x_of(index):
        return PLOT_LEFT + 8 + (PLOT_RIGHT - PLOT_LEFT - 16) * (index / steps if len(labels) > 1 else 0.5)

    def y_of(value):
        return bottom - PLOT_HEIGHT * value / highest

    out = [text(PLOT_LEFT, top - 10, group, 'font-weight="bold"')]
    for quarter in range(5):
        y = y_of(highest * quarter / 4)
        out.append(f'<line x1="{PLOT_LEFT}" y1="{y:.1f}" x2="{PLOT_RIGHT}" y2="{y:.1f}" stroke="#ddd"/>')
        out.append(text(PLOT_LEFT - 6, y + 4, short(highest * quarter / 4), 'text-anchor="end" fill="#555"'))
    for index, label in enumerate(labels):
        out.append(text(x_of(index), bottom + 16 + 13 * (index % 2), label, 'text-anchor="middle" fill="#555"'))

    drawn = []
    for number, (name, values) in enumerate(lines.items()):
        colour, dash = COLOURS[number % len(COLOURS)], DASHES[number // len(COLOURS) % len(DASHES)]
        for part in points_of(values, x_of, y_of):
            joined = " ".join(f"{x:.1f},{y:.1f}" for x, y in part)
            out.append(f'<polyline points="{joined}" fill="none" stroke="{colour}" stroke-width="1.8" stroke-dasharray="{dash}"/>')
            out += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.6" fill="{colour}"/>' for x, y in part]
        last = [value for value in values if value is not None][-1]
        drawn.append((y_of(last), f"{name}: {short(last)}", colour))
    drawn.sort()
    height = LINE_HEIGHT * len(drawn)
    first = max(top, min(drawn[0][0], bottom - height))  # many names may begin above their lines, never above the panel
    places = apart([max(first, min(y, bottom)) for y, _, _ in drawn], LINE_HEIGHT)
    over = max(0.0, places[-1] - max(bottom, top + height))
    for place, (y, name, colour) in zip(places, drawn):
        place = max(top, place - over)
        out.append(f'<line x1="{PLOT_RIGHT}" y1="{y:.1f}" x2="{PLOT_RIGHT + 14}" y2="{place:.1f}" stroke="{colour}" stroke-width="0.8"/>')
        out.append(text(PLOT_RIGHT + 18, place + 4, name, f'fill="{colour}"'))
    return out, max(bottom, top + height) + PANEL_GAP


def svg(documents, only=""):
    panels = panels_of(documents, only)
    if not panels:
        raise SystemExit(f'no figure has "{only}" in its name')
    labels = [document.get("commit", "?") for document in documents]
    elements, top = [], TOP + 34
    for group, lines in panels.items():
        made, top = panel(group, lines, labels, top)
        elements += made
    first = documents[0]
    machine = first.get("machine", {})
    shares = [document["others_share"] for document in documents if document.get("others_share") is not None]
    load = f", others used up to {max(shares):.0%} of the CPU" if shares else ""
    title = f"{first['bench']}: medians on {machine.get('cores', '?')} cores ({machine.get('cpu', '?')}){load}"
    height = top - PANEL_GAP + 44
    head = (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" width="{WIDTH}" height="{height:.0f}" '
            'font-family="sans-serif" font-size="12">\n<rect width="100%" height="100%" fill="white"/>')
    return "\n".join([head, text(16, 26, title, 'font-size="14"'), *elements, "</svg>"]) + "\n"


def draw(paths, only, to, folder):
    """Writes to `to`, or where that is null to NAME.svg in `folder`."""
    documents = sorted((read_result(path) for path in paths), key=lambda document: document.get("at", ""))
    benches = sorted({document["bench"] for document in documents})
    if len(benches) != 1:
        raise SystemExit(f"the files are of several benches ({', '.join(benches)}): only results of one are drawn together")
    to = to or folder / f"{benches[0]}.svg"
    to.parent.mkdir(parents=True, exist_ok=True)
    to.write_text(svg(documents, only))
    print(to)
