"""Plots as SVG, drawn on the server: hairline axes, direct labels, no script, readable in print.

Each plot says in its title what it shows, so that a screen reader has the point of it; the table
behind it is the CSV beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from flask_babel import format_datetime, format_decimal
from flask_babel import gettext as _
from markupsafe import Markup

_WIDTH, _HEIGHT = 480, 180
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 112, 10, 22
_PLOT_WIDTH, _PLOT_HEIGHT = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM


def stacked(
    starts: Sequence[datetime],
    series: Mapping[str, tuple[str, Sequence[int]]],
    *,
    title: str,
    step_hours: int,
) -> Markup:
    """Stacked bars over time.

    :param series: label -> (class of colour, one count for each step), the lowest first.
    """
    totals = [sum(values) for values in zip(*(counts for _, counts in series.values()), strict=True)]
    top = nice(max(totals, default=0))
    width = _PLOT_WIDTH / max(1, len(starts))
    parts = [_frame(starts, top, step_hours, str)]
    floor = [0] * len(starts)
    ends = []
    for label, (kind, counts) in series.items():
        for index, count in enumerate(counts):
            if count:
                high = count / top * _PLOT_HEIGHT
                y = _TOP + _PLOT_HEIGHT - (floor[index] + count) / top * _PLOT_HEIGHT
                x = _LEFT + index * width
                parts.append(
                    Markup('<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>').format(
                        kind, x + 0.5, y, max(1.0, width - 1), high
                    )
                )
        floor = [low + count for low, count in zip(floor, counts, strict=True)]
        ends.append((label, kind, format_decimal(sum(counts))))
    # Labels stand beside the bars from the top down, as the layers lie.
    for place, (label, kind, total) in enumerate(reversed(ends)):
        y = _TOP + 12 + place * 30
        parts.append(
            Markup(
                '<rect class="{}" x="{}" y="{}" width="8" height="8"/>'
                '<text x="{}" y="{}">{}</text><text x="{}" y="{}">{}</text>'
            ).format(kind, _WIDTH - 104, y - 8, _WIDTH - 92, y, label, _WIDTH - 92, y + 13, total)
        )
    return _svg(parts, title)


def lines(
    starts: Sequence[datetime],
    series: Mapping[str, tuple[str, Sequence[float | None]]],
    *,
    title: str,
    step_hours: int,
    top: float | None = None,
    figure: Callable[[float], str] = str,
) -> Markup:
    """Lines over time, each labelled at its end; a gap stays a gap.

    :param top: the end of the axis; worked out when None.
    """
    known = [value for _, values in series.values() for value in values if value is not None]
    top = top or nice(max(known, default=0))
    width = _PLOT_WIDTH / max(1, len(starts))
    parts = [_frame(starts, top, step_hours, figure)]
    if not known:
        parts.append(_nothing())
    taken: list[float] = []
    for label, (kind, values) in series.items():
        path, pen_is_down = "", False
        last: tuple[float, float] | None = None
        for index, value in enumerate(values):
            if value is None:
                pen_is_down = False
                continue
            x, y = _LEFT + (index + 0.5) * width, _TOP + _PLOT_HEIGHT * (1 - min(1.0, value / top))
            # A point alone is a short dash: a dot of a line's width would not be seen.
            path += f"{'L' if pen_is_down else 'M'}{x - (0 if pen_is_down else 2):.1f} {y:.1f}" + (
                "" if pen_is_down else "h4"
            )
            pen_is_down, last = True, (x, y)
        if last is None:
            continue
        y = last[1]
        while any(abs(y - other) < 13 for other in taken):
            y += 13 if y < _TOP + _PLOT_HEIGHT / 2 else -13
        taken.append(y)
        parts.append(
            Markup('<path class="{}" d="{}"/><text x="{}" y="{:.1f}">{}</text>').format(
                kind, path, _LEFT + _PLOT_WIDTH + 4, y + 4, label
            )
        )
    return _svg(parts, title)


def bars(rows: Sequence[tuple[str, int]], *, title: str) -> Markup:
    """Horizontal bars with their names and figures, the longest first."""
    top = max(1, *(count for _, count in rows), 1)
    height = max(1, len(rows)) * 26 + 4
    parts = []
    for index, (label, count) in enumerate(rows):
        y = index * 26
        shown = label if len(label) <= 44 else label[:43] + "…"
        parts.append(
            Markup(
                '<text x="0" y="{}">{}</text><rect class="q" x="0" y="{}" width="{:.1f}" height="5"/>'
                '<text class="end" x="{}" y="{}" text-anchor="end">{}</text>'
            ).format(y + 12, shown, y + 16, max(1.0, count / top * _WIDTH), _WIDTH, y + 12, count)
        )
    return _svg(parts or [_nothing()], title, height=max(height, 40))


def nice(value: float) -> float:
    """The end of an axis: 1, 2 or 5 times a power of ten, not below the value."""
    step = 1.0
    while step * 10 < value:
        step *= 10
    return next((factor * step for factor in (1, 2, 5, 10) if factor * step >= value), 1.0)


def _frame(starts: Sequence[datetime], top: float, step_hours: int, figure: Callable[[float], str]) -> Markup:
    base = _TOP + _PLOT_HEIGHT
    shape = "HH:mm" if step_hours == 1 else "d MMM"
    width = _PLOT_WIDTH / max(1, len(starts))
    parts = [
        Markup('<path class="axis" d="M{0} {1}H{2}M{0} {3}H{2}"/>').format(
            _LEFT, base, _LEFT + _PLOT_WIDTH, _TOP
        ),
        Markup('<text x="{}" y="{}" text-anchor="end">0</text>').format(_LEFT - 6, base),
        Markup('<text x="{}" y="{}" text-anchor="end">{}</text>').format(
            _LEFT - 6, _TOP + 8, figure(int(top) if top >= 1 and figure is str else top)
        ),
    ]
    for place in range(4):
        index = min(len(starts) - 1, place * len(starts) // 4)
        parts.append(
            Markup('<text x="{:.1f}" y="{}">{}</text>').format(
                _LEFT + index * width, base + 16, format_datetime(starts[index], shape)
            )
        )
    return Markup().join(parts)


def _nothing() -> Markup:
    return Markup('<text x="{}" y="30">{}</text>').format(_LEFT + 8, _("Nothing in this time."))


def _svg(parts: Sequence[Markup], title: str, *, height: int = _HEIGHT) -> Markup:
    return Markup('<svg class="plot" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        _WIDTH, height, title, Markup().join(parts)
    )
