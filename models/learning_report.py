"""The figures of models.evaluate_learning as docs: docs/learning.json, a plot for each stream, the tables."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

DOCS = Path(__file__).parent.parent / "docs"
COLUMNS = (
    "decisions",
    "AUC",
    "gained",
    "decides",
    "queue",
    "bad published",
    "good rejected",
    "queue at same errors",
)
_BLOCK = re.compile(r"(<!-- figures: begin[^>]*-->\n).*?(<!-- figures: end -->)", re.DOTALL)
_WIDTH, _PANEL, _LEFT, _TOP, _HIGH = 720, 240, 8, 56, 110
#: name in a row -> title of its panel.
_PANELS = (("auc", "Ranking (AUC)"), ("queue", "Wait for a person"), ("errors", "Wrong decisions"))
# Both colour schemes, and nothing but system fonts: the drawing stands alone in a page.
_STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1c1b19; }
.quiet { fill: #6b675f; } .strong { font-weight: 600; }
.axis { stroke: #dedad1; } .shipped { stroke: #6b675f; stroke-dasharray: 4 3; fill: none; }
.own { stroke: #2457c5; stroke-width: 2; fill: none; } .dot { fill: #2457c5; }
@media (prefers-color-scheme: dark) {
text { fill: #e8e6e1; } .quiet { fill: #a09b91; } .axis { stroke: #2f3338; } .shipped { stroke: #a09b91; }
.own { stroke: #8fb4ff; } .dot { fill: #8fb4ff; } }
"""


def cells(row: Mapping[str, Any]) -> list[str]:
    """One row of a stream in words and figures."""
    gain = row.get("gain")
    decides = "shipped" if row["decides"] == "shipped" else f"own, of {int(row['decides']):,}"
    if row.get("refused_by"):
        decides += f" (gate: {', '.join(row['refused_by'])})"
    elif row.get("says"):
        decides += " (too few of a kind)"
    return [
        f"{row['decisions']:,}",
        f"{row['auc']:.3f}" if row.get("auc") is not None else "–",
        f"{gain[0]:+.3f} ({gain[1]:+.3f} … {gain[2]:+.3f})" if gain else "–",
        decides,
        *(f"{row[key]:.1%}" for key in ("queue", "published_bad", "rejected_good")),
        f"{row['queue_at_shipped_errors']:.1%}" if "queue_at_shipped_errors" in row else "–",
    ]


def tables(report: Mapping[str, Any]) -> str:
    """What stands between the marks of docs/learning.md."""
    parts = [f"Measured with model {report['model']}.\n"]
    for name, one in report["streams"].items():
        parts.append(f"### {one['about']}\n")
        parts.append(
            f"`{name}`: {one['comments']:,} comments; the last {one['measured']:,} are measured, of which "
            f"the newsroom rejected {one['rejected_share']:.1%}.\n"
        )
        parts.append(f"![{_said(one)}](images/learning-{name}.svg)\n")
        parts.append(_table(COLUMNS, [cells(row) for row in one["rows"]]))
    poison = report["poison"]
    if poison:
        parts.append("### A stolen key\n")
        before, after = poison["outcome"], poison["outcome_poisoned"]
        parts.append(
            f"After {poison['decisions']:,} decisions (`{poison['stream']}`) a key calls {poison['flood']:,} "
            f"comments that moderators reject good ones. Ranking {poison['auc']:.3f} → "
            f"{poison['auc_poisoned']:.3f}; `likely_to_reject` moves by {poison['moved']:.3f} on average; "
            f"bad published {before['published_bad']:.1%} → {after['published_bad']:.1%}, queue "
            f"{before['queue']:.1%} → {after['queue']:.1%}.\n"
        )
    parts.append("### Goals\n")
    rows = [
        [
            goal["goal"],
            f"≥ {goal['at_least']:+.2f}",
            f"{goal['value']:+.3f}",
            "yes" if goal["reached"] else "**no**",
        ]
        for goal in report["goals"]
    ]
    parts.append(_table(("goal", "bound", "measured", "reached"), rows))
    return "\n".join(parts)


def page(text: str, report: Mapping[str, Any]) -> str:
    """docs/learning.md with the report's tables between its marks."""
    return _BLOCK.sub(lambda found: f"{found[1]}\n{tables(report)}\n{found[2]}", text)


def write(report: Mapping[str, Any], docs: Path = DOCS) -> None:
    """Write the figures, the plots and the page."""
    (docs / "learning.json").write_text(json.dumps(report, indent=1) + "\n", "utf-8")
    for name, one in report["streams"].items():
        (docs / "images" / f"learning-{name}.svg").write_text(plot(one), "utf-8")
    place = docs / "learning.md"
    place.write_text(page(place.read_text("utf-8"), report), "utf-8")


def plot(stream: Mapping[str, Any]) -> str:
    """Three small panels over the decisions: ranking, queue, mistakes; the dashes are the shipped model."""
    parts = [f'<text class="strong" x="{_LEFT}" y="18">{escape(stream["about"])}</text>']
    for place, (key, title) in enumerate(_PANELS):
        parts += _panel(place * _PANEL + _LEFT, key, title, stream["rows"])
    high = _TOP + _HIGH + 52
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {high}" role="img">'
        f"<title>{escape(_said(stream))}</title><style>{_STYLE}</style>{''.join(parts)}</svg>\n"
    )


def _panel(left: int, key: str, title: str, rows: Sequence[Mapping[str, Any]]) -> list[str]:
    values = [row.get(key) for row in rows]
    known = [value for value in values if value is not None]
    low, top = (0.5, 1.0) if key == "auc" else (0.0, max(0.05, max(known) * 1.25))
    base, width = _TOP + _HIGH, _PANEL - 40
    step = width / max(1, len(rows) - 1)

    def at(value: float) -> float:
        return base - (max(low, min(top, value)) - low) / (top - low) * _HIGH

    def said(value: float) -> str:
        return f"{value:.2f}" if key == "auc" else f"{value:.0%}" if value >= 0.2 else f"{value:.1%}"

    first = at(values[0] or low)
    parts = [
        f'<text class="quiet" x="{left}" y="{_TOP - 16}">{title}</text>',
        f'<path class="axis" d="M{left} {base}h{width}"/>',
        f'<path class="shipped" d="M{left} {first:.1f}h{width}"/>',
    ]
    drawn, marks = "", []
    for place, (row, value) in enumerate(zip(rows, values, strict=True)):
        x = left + place * step
        anchor = "start" if place == 0 else "end" if place == len(rows) - 1 else "middle"
        count = "none" if not row["decisions"] else f"{row['decisions']:,}"
        marks.append(f'<text class="quiet" x="{x:.1f}" y="{base + 18}" text-anchor="{anchor}">{count}</text>')
        if value is None:
            continue
        y = at(value)
        drawn += f"{'L' if drawn else 'M'}{x:.1f} {y:.1f}"
        marks.append(f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="3.5"/>')
        # On the side where the line does not go, and above the axis.
        following = next((one for one in values[place + 1 :] if one is not None), value)
        is_below = following > value if place == 0 else y > first
        over = y + 19 if is_below and y + 22 < base else y - 9
        strong = ' class="strong"' if place == len(rows) - 1 else ""
        marks.append(f'<text{strong} x="{x:.1f}" y="{over:.1f}" text-anchor="{anchor}">{said(value)}</text>')
    parts += [f'<path class="own" d="{drawn}"/>', *marks]
    if left == _LEFT:
        parts.append(
            f'<text class="quiet" x="{left}" y="{base + 38}">decisions · dashed: shipped model alone</text>'
        )
    return parts


def _said(stream: Mapping[str, Any]) -> str:
    """The plot in one sentence."""
    first, last = stream["rows"][0], stream["rows"][-1]
    return (
        f"{stream['about']}: after {last['decisions']:,} decisions {last['queue']:.0%} wait for a person "
        f"(without learning {first['queue']:.0%}), {last['errors']:.1%} are decided wrongly "
        f"({first['errors']:.1%})"
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)]) + "\n"
