"""What was measured when, on which machine and commit: kept as JSON lines, shown on a page of the docs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.processes import ROOT

KEPT = ROOT / "docs" / "benchmarks.jsonl"
PAGE = ROOT / "docs" / "benchmarks.md"
PLOT = ROOT / "docs" / "images" / "benchmarks.svg"
HEAD = """# Benchmarks

`make bench` measures every row beside a reference in the same run, because machines differ by more than any program does; `make bench
ROW="accept settle"` some of them, `SHORT=1` quickly, `DATA=…` with real comments instead of those of `btl demo`. `KEEP=1` adds a run to
`benchmarks.jsonl` and writes this page. A row with a refused or lost request is not met, whatever its figure.

A ratio is ours to the reference; *short* means that it misses its target. What a row is limited by: [Scaling](scaling.md).
"""


def keep(run: dict[str, Any]) -> None:
    """Add a run, and draw the page and its plot from all that are kept."""
    with KEPT.open("a", encoding="utf-8") as out:
        out.write(json.dumps(run, ensure_ascii=False) + "\n")
    runs = [json.loads(line) for line in KEPT.read_text(encoding="utf-8").splitlines() if line]
    PAGE.write_text(page_of(runs), encoding="utf-8")
    draw(runs, PLOT)


def page_of(runs: list[dict[str, Any]]) -> str:
    """The newest figure of each row with its machine and commit, then every run."""
    newest: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {}
    for run in runs:
        newest |= {figure["name"]: (figure, run) for figure in run["figures"]}
    lines = [
        HEAD,
        "## Newest figures",
        "",
        "| row | ours | reference | ratio (spread) | target | | measured |",
    ]
    lines.append("|---|---|---|---|---|---|---|")
    for figure, run in newest.values():
        low, high = figure["spread"]
        spread = f" ({low:.2f}–{high:.2f})" if low or high else ""
        note = f"<br>{figure['note']}" if figure["note"] else ""
        failures = f"<br>{figure['failures']} refused or lost" if figure.get("failures") else ""
        sign = "≥" if figure["at_least"] else "≤"
        lines.append(
            f"| {figure['name']}{note}{failures} | {_number(figure['value'])} {figure['unit']} "
            f"| {_number(figure['reference'])} {figure['unit']}: {figure['reference_name']} | {figure['ratio']:.3g}{spread} "
            f"| {sign} {figure['target']:g} | {'met' if figure['met'] else 'short'} | {run['at'][:10]}, `{run['commit']}` |"
        )
    lines += [
        "",
        "## How near to the target, run by run",
        "",
        "![Ratio to target of each row, run by run](images/benchmarks.svg)",
        "",
    ]
    lines += [
        "A point to the right of the line is met. The runs, the oldest first:",
        "",
        "| run | commit | machine | load before | rows |",
        "|---|---|---|---|---|",
    ]
    for number, run in enumerate(runs, 1):
        machine = run["machine"]
        short = (", short form" if run["short"] else "") + f", {run['texts']} comments"
        lines.append(
            f"| {number}: {run['at'][:16].replace('T', ' ')} | `{run['commit']}` | {machine['cores']} × {machine['cpu']} "
            f"| {machine['load']:.1f} | {len(run['figures'])}{short} |"
        )
    return "\n".join(lines) + "\n"


def draw(runs: list[dict[str, Any]], path: Path) -> None:
    """One line for each row: how many times its target it reached, the newest run coloured."""
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "below-the-line"
    from matplotlib import pyplot

    series: dict[str, list[tuple[int, float]]] = {}
    for number, run in enumerate(runs, 1):
        for figure in run["figures"]:
            series.setdefault(figure["name"], []).append((number, _reached(figure)))
    figure, axes = pyplot.subplots(figsize=(9, 0.26 * len(series) + 1))
    for place, (name, points) in enumerate(sorted(series.items(), reverse=True)):
        for number, reached in points[:-1]:
            axes.plot(reached, place, "o", color="0.6", markersize=3, alpha=0.3 + 0.5 * number / len(runs))
        newest = points[-1][1]
        axes.plot(newest, place, "o", color="tab:green" if newest >= 1 else "tab:red", markersize=6)
    axes.axvline(1.0, color="black", linewidth=1)
    axes.set(xscale="log", xlabel="times the target: to the right of the line it is met; grey: earlier runs")
    axes.set_yticks(range(len(series)), sorted(series, reverse=True))
    axes.set_ylim(-0.7, len(series) - 0.3)
    axes.grid(axis="both", linewidth=0.3)
    figure.savefig(path, metadata={"Date": None}, bbox_inches="tight")
    pyplot.close(figure)


def _reached(figure: dict[str, Any]) -> float:
    ratio, target = max(figure["ratio"], 1e-6), figure["target"]
    return float(ratio / target if figure["at_least"] else target / ratio)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
