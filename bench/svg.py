"""Plots as SVG: lines over an axis of numbers, or dots over names; values are logarithmic."""

import math
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 920, 400
# The legend stands in the right margin.
LEFT, RIGHT, TOP, BOTTOM = 80, 240, 50, 50
MAX_DOTS = 40
MAX_LABELS = 12
# Distinct also to people who do not see all colours; the legend names them.
COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#555555"]


def plot(title, x_title, y_title, series, linear=False):
    """The text of an SVG file; `series` is {name: [(x, median, least, greatest)]}."""
    xs = list(dict.fromkeys(x for points in series.values() for x, *_ in points))
    numeric = all(isinstance(x, (int, float)) for x in xs)
    if numeric:
        xs.sort()
    heights = [value for points in series.values() for _, *values in points for value in values]
    scale = Scale([value for value in heights if value > 0] or [1])
    place = dict(zip(xs, _positions(xs, numeric, linear)))
    parts = [_head(title, x_title, y_title)]
    labelled = xs[:: 1 + len(xs) // MAX_LABELS]
    parts += [_text(place[x], HEIGHT - BOTTOM + 18, _label(x), "middle") for x in labelled]
    for tick in scale.ticks():
        y = scale.y(tick)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}"/>')
        parts.append(_text(LEFT - 8, y + 4, _label(tick), "end"))
    for number, (name, points) in enumerate(series.items()):
        colour = COLOURS[number % len(COLOURS)]
        shift = (number - (len(series) - 1) / 2) * (14 if not numeric else 0)
        drawn = [(round(place[x] + shift, 1), *(scale.y(value) for value in values))
                 for x, *values in points]
        parts.append(_series(drawn, colour, numeric))
        y = TOP + 8 + 16 * number
        x = WIDTH - RIGHT + 12
        parts.append(f'<rect x="{x}" y="{y}" width="12" height="4" fill="{colour}"/>')
        parts.append(_text(x + 18, y + 6, name, "start"))
    return "\n".join(parts) + "\n</svg>\n"


class Scale:
    """A logarithmic axis of values from the power of ten below the least to above the greatest."""

    def __init__(self, values):
        self._low = math.floor(math.log10(min(values)))
        self._high = max(math.ceil(math.log10(max(values))), self._low + 1)

    def ticks(self):
        return [10.0 ** power for power in range(self._low, self._high + 1)]

    def y(self, value):
        """The pixel of a value; what has no logarithm lies on the axis."""
        share = 0.0
        if value > 0:
            share = (math.log10(value) - self._low) / (self._high - self._low)
        return round(HEIGHT - BOTTOM - min(1, max(0, share)) * (HEIGHT - TOP - BOTTOM), 1)


def _positions(xs, numeric, linear):
    width = WIDTH - LEFT - RIGHT - 60
    if not numeric or len(xs) == 1 or min(xs) <= 0:
        step = width / max(1, len(xs) - 1)
        return [LEFT + 30 + step * number for number in range(len(xs))]
    along = [x if linear else math.log10(x) for x in xs]
    low, high = along[0], along[-1]
    return [round(LEFT + 30 + width * (x - low) / (high - low), 1) for x in along]


def _series(drawn, colour, joined):
    """Medians as dots, least to greatest as whiskers, joined where x is a number."""
    parts = []
    if joined and len(drawn) > 1:
        path = " ".join(f"{x},{median}" for x, median, _, _ in drawn)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}"/>')
    for x, median, low, high in drawn:
        parts.append(f'<line x1="{x}" x2="{x}" y1="{low}" y2="{high}" stroke="{colour}"/>')
        if len(drawn) <= MAX_DOTS:
            parts.append(f'<circle cx="{x}" cy="{median}" r="3.5" fill="{colour}"/>')
    return "\n".join(parts)


def _head(title, x_title, y_title):
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}"'
        ' font-family="sans-serif" font-size="12">',
        "<style>.grid{stroke:#ddd}</style>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        f'<text x="{WIDTH / 2}" y="24" font-size="16" text-anchor="middle">{escape(title)}</text>',
        _text(WIDTH / 2, HEIGHT - 10, x_title, "middle"),
        _text(LEFT, TOP - 8, y_title, "middle"),
    ])


def _text(x, y, text, anchor):
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}">{escape(str(text))}</text>'


def _label(value):
    if isinstance(value, str):
        return value
    if value >= 1_000_000:
        return f"{value / 1_000_000:g}M"
    return f"{value / 1000:g}k" if value >= 1000 else f"{value:g}"
