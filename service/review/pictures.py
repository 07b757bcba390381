"""Small drawings of the policy and learning pages, as SVG without script or style attributes.

What a drawing shows is also said in words or figures beside it; colour never says anything alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flask_babel import format_percent, lazy_gettext
from flask_babel import gettext as _
from markupsafe import Markup

from moderation.advice import Advice, Point
from moderation.calibration import Calibration
from moderation.drift import Spread
from moderation.policy import Policy
from moderation.policy_schema import ATTRIBUTES
from service.review.plots import nice
from service.review.words import figure

#: A verdict as what becomes of the comment.
BECAME = {
    "approve": lazy_gettext("approved"),
    "hold": lazy_gettext("held"),
    "reject": lazy_gettext("rejected"),
}
#: outcome -> class of colour and height of its bar: the stricter, the higher.
_LOOKS = {"approve": ("a", 4), "hold": ("h", 10), "reject": ("r", 18)}


@dataclass(frozen=True, slots=True)
class Threshold:
    """One attribute's lines, drawn and said."""

    attribute: str
    drawing: Markup
    hold: str
    reject: str


def thresholds(policy: Policy) -> list[Threshold]:
    """The lines of every attribute: published below, held between, rejected above."""
    return [_threshold(name, policy) for name in ATTRIBUTES]


def _threshold(name: str, policy: Policy) -> Threshold:
    line = policy.thresholds.get(name)
    hold = line.hold_at if line else math.inf
    reject = line.reject_at if line else math.inf
    ends = [0.0, min(hold, reject, 1.0), min(reject, 1.0), 1.0]
    parts = [_path("axis", "M0 19.5H300")]
    for (kind, high), begin, end in zip(_LOOKS.values(), ends[:-1], ends[1:], strict=True):
        if end > begin:
            parts.append(_rect(kind, begin * 300, 19 - high, (end - begin) * 300, high))
    drawing = Markup(
        '<svg class="plot zones" viewBox="0 0 300 20" preserveAspectRatio="none" aria-hidden="true">{}</svg>'
    ).format(Markup().join(parts))
    return Threshold(
        attribute=name,
        drawing=drawing,
        hold=figure(hold) if hold < reject and hold <= 1 else _("never"),
        reject=figure(reject) if reject <= 1 else _("never"),
    )


def outcomes(before: Mapping[str, int], after: Mapping[str, int]) -> Markup:
    """Two bars, one above the other: what became of the comments, and what would have."""
    parts = []
    for row, (label, counts) in enumerate(((_("then"), before), (_("with this policy"), after))):
        total = max(1, sum(counts.values()))
        x, base = 0.0, row * 44 + 36
        parts.append(_words(0, base - 24, label))
        for outcome, (kind, high) in _LOOKS.items():
            width = counts[outcome] / total * 480
            if width:
                parts.append(_rect(kind, x, base - high, max(0.8, width), high))
            x += width
    return _svg(parts, _("Share of approved, held and rejected, then and with this policy"), 480, 84)


def by_hour(before: Sequence[float], after: Sequence[float]) -> Markup:
    """Held comments by hour of the day: bars with this policy, a line for then."""
    top = nice(max((*before, *after, 0.001)))
    left, base, high, step = 34, 116, 100, 446 / 24
    parts = [_axes(left, 480, base, base - high, f"{top:g}")]
    path = ""
    for hour, (old, new) in enumerate(zip(before, after, strict=True)):
        x = left + hour * step
        if new:
            parts.append(_rect("h", x + 1, base - new / top * high, step - 2, new / top * high))
        path += f"{'L' if path else 'M'}{x:.1f} {base - old / top * high:.1f}h{step:.1f}"
        if hour % 6 == 0:
            parts.append(_words(x, base + 15, f"{hour:02d}:00"))
    parts.append(_path("line", path))
    return _svg(parts, _("Comments held by hour of the day; the line is what was held then"), 480, 136)


def trade_off(advice: Advice) -> Markup:
    """The way from lenient to strict: the queue to the right, what slips through upwards."""
    points = [point for point in advice.points if point.missed.value is not None]
    if not points:
        return Markup()
    ends = (advice.today, advice.proposed)
    # Drawn as far as the two places need it: the far ends would flatten what lies between them.
    right = nice(100 * 2.5 * max(0.01, *(point.per_hour for point in ends))) / 100
    most = max((point.missed.value or 0.0) for point in ends)
    top = min(1.0, nice(1000 * 2 * max(0.01, most)) / 1000)
    left, base, width, high = 52, 196, 404, 176

    def at(point: Point) -> tuple[float, float]:
        return left + point.per_hour / right * width, base - (point.missed.value or 0.0) / top * high

    path = ""
    for x, y in (at(point) for point in points):
        if x <= left + width and y >= base - high:
            path += f"{'L' if path else 'M'}{x:.1f} {y:.1f}"
    parts = [
        _axes(left, left + width, base, base - high, format_percent(top, "#,##0.#%")),
        _words(left + width, base + 16, f"{right:g}", "end"),
        _words(left, base + 34, _("comments an hour for people →")),
        _words(left, 13, _("↑ slips through")),
        _path("line", path),
    ]
    (old_x, old_y), (new_x, new_y) = at(advice.today), at(advice.proposed)
    is_near = abs(old_x - new_x) < 120 and abs(old_y - new_y) < 18
    # A disc and a square: told apart without their colours.
    parts += [
        _rect("q", old_x - 4.5, old_y - 4.5, 9, 9),
        _disc("a", new_x, new_y, 5.5),
        _named(old_x, old_y - 9, _("today"), left + width),
        _named(new_x, (min(old_y, new_y) - 26 if is_near else new_y - 9), _("proposed"), left + width),
    ]
    return _svg(parts, _("What slips through against the queue, from lenient to strict"), 480, 236)


def spread(one: Spread) -> Markup:
    """This week's scores as bars, the four weeks before as a line; heights by the square root of shares."""
    here, there = max(1, sum(one.now)), max(1, sum(one.before))
    bins, width, base, high = len(one.now), 210.0, 60, 54
    step = width / bins
    parts = [_path("axis", f"M0 {base}H{width:.0f}")]
    path = ""
    for place, (now, before) in enumerate(zip(one.now, one.before, strict=True)):
        x, tall = place * step, math.sqrt(now / here) * high
        if now:
            parts.append(_rect("q", x + 1, base - tall, step - 2, tall))
        path += f"{'L' if path else 'M'}{x:.1f} {base - math.sqrt(before / there) * high:.1f}h{step:.1f}"
    parts.append(_path("line", path))
    # The bins' edges, see moderation.drift.EDGES.
    for label, place, anchor in (
        ("0", 0, "start"),
        ("0.1", 4, "middle"),
        ("0.5", 8, "middle"),
        ("1", 14, "end"),
    ):
        parts.append(_words(place * step, base + 14, label, anchor))
    return _svg(parts, _("Scores of this week as bars, of the four weeks before as a line"), 210, 78)


def reliability(now: Calibration, before: Calibration) -> Markup:
    """Share rejected by score: discs this week, as large as their decisions, a line for the weeks before.

    The dashes are where scores that mean what they say would lie.
    """
    left, base, high = 44, 202, 180

    def at(score: float, share: float) -> str:
        return f"{left + score * high:.1f} {base - share * high:.1f}"

    parts = [
        _axes(left, left + high, base, base - high, format_percent(1)),
        _words(left - 6, base, format_percent(0), "end"),
        _words(left, base + 16, "0"),
        _words(left + high, base + 16, "1", "end"),
        _words(left, base + 34, _("score →")),
        _words(left, 11, _("↑ rejected by people")),
        _path("dashed", f"M{at(0, 0)}L{at(1, 1)}"),
    ]
    if before.error is not None:
        parts.append(_path("line", "M" + "L".join(at(score, share) for score, share, _many in before.bins)))
    most = max((many for _score, _share, many in now.bins), default=1)
    for score, share, many in now.bins if now.error is not None else ():
        x, y = (float(part) for part in at(score, share).split())
        parts.append(_disc("q", x, y, round(2.5 + 5 * math.sqrt(many / most), 1)))
    title = _("Share rejected by score: discs this week, the line in the four weeks before")
    return _svg(parts, title, 240, 242)


def over_versions(rows: Sequence[tuple[str, float | None, str]], *, title: str, low: float = 0.0) -> Markup:
    """One mark for each model, oldest first, joined by a line; the axis runs from ``low`` to 1.

    :param rows: (a short label, a value in [0, 1], what it is: ``champion``, ``challenger`` or other).
    """
    left, width, base, high = 44, 380, 116, 92
    step = width / max(1, len(rows))
    every = max(1, math.ceil(len(rows) / 6))
    path, marks = "", []
    for place, (label, value, status) in enumerate(rows):
        x, is_last = left + (place + 0.5) * step, place == len(rows) - 1
        if (len(rows) - 1 - place) % every == 0:
            marks.append(_words(x, base + 16, label, "middle"))
        if value is None:
            continue
        y = base - max(0.0, (value - low) / (1 - low)) * high
        path += f"{'L' if path else 'M'}{x:.1f} {y:.1f}"
        # The champion is a square, the others are discs.
        marks.append(_rect("a", x - 5, y - 5, 10, 10) if status == "champion" else _disc("q", x, y, 4))
        if is_last or status == "champion":
            marks.append(_words(x, y - 10, figure(value), "middle", is_strong=True))
    parts = [
        _axes(left, left + width, base, base - high, "1"),
        _words(left - 6, base, f"{low:g}", "end"),
        _path("line", path),
        *marks,
    ]
    return _svg(parts, title, 440, 138)


def _rect(kind: str, x: float, y: float, width: float, height: float) -> Markup:
    return Markup('<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>').format(
        kind, x, y, width, height
    )


def _disc(kind: str, x: float, y: float, radius: float) -> Markup:
    return Markup('<circle class="{}" cx="{:.1f}" cy="{:.1f}" r="{}"/>').format(kind, x, y, radius)


def _path(kind: str, drawn: str) -> Markup:
    return Markup('<path class="{}" d="{}"/>').format(kind, drawn)


def _words(x: float, y: float, words: str, anchor: str = "start", *, is_strong: bool = False) -> Markup:
    return Markup('<text{} x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>').format(
        Markup(' class="strong"') if is_strong else "", x, y, anchor, words
    )


def _named(x: float, y: float, words: str, right: float) -> Markup:
    """A point's name on the side where there is room."""
    if x > right * 0.7:
        return _words(x - 9, y, words, "end", is_strong=True)
    return _words(x + 9, y, words, is_strong=True)


def _axes(left: float, right: float, base: float, top: float, label: str) -> Markup:
    return _path("axis", f"M{left} {base}H{right}M{left} {top}H{right}") + _words(
        left - 6, top + 8, label, "end"
    )


def _svg(parts: Sequence[Markup], title: str, width: int, height: int) -> Markup:
    return Markup('<svg class="plot" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        width, height, title, Markup().join(parts)
    )
