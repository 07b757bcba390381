"""`make bench`: measure, print a table, keep a history. Exit 1 when a row misses its target."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from tests.bench import corpus, cost, desk, growth, history, lists, scoring, work  # noqa: F401  they fill ROWS
from tests.bench.rows import ROWS, Bench, Figure, machine
from tests.processes import ROOT


@click.command()
@click.option(
    "--data", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Folder of data sets."
)
@click.option("--row", "names", multiple=True, type=click.Choice(sorted(ROWS)), help="These rows only.")
@click.option("--short", is_flag=True, help="Fewer and shorter rounds; fails only below half of a target.")
@click.option("--json", "as_json", is_flag=True)
@click.option(
    "--keep", is_flag=True, help="Add the figures to docs/benchmarks.jsonl and draw docs/benchmarks.md anew."
)
def main(data: Path | None, names: tuple[str, ...], short: bool, as_json: bool, keep: bool) -> None:
    """Measure every row beside its reference."""
    console = Console(stderr=True, quiet=as_json)
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="btl-bench-") as folder:
        bench = Bench(short, Path(folder), corpus.texts(data), say=console.print)
        for name in names or sorted(ROWS):
            console.print(f"{name} …")
            figures += ROWS[name](bench)
    run = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True).stdout.strip(),
        "short": short,
        "texts": "real" if data else "demo",
        "machine": machine(),
        "figures": [asdict(figure) | {"met": figure.is_met} for figure in figures],
    }  # fmt: skip
    if keep:
        history.keep(run)
    if as_json:
        click.echo(json.dumps(run, indent=1))
    else:
        Console(width=150).print(_table(figures))
    failed = [figure for figure in figures if not (figure.is_half_met if short else figure.is_met)]
    sys.exit(1 if failed else 0)


def _table(figures: list[Figure]) -> Table:
    table = Table(title="Benchmarks", title_justify="left")
    for name in ("figure", "ours", "reference", "ratio (spread)", "target", ""):
        table.add_column(name, justify="right" if name in ("ours", "ratio (spread)", "target") else "left")
    for one in figures:
        sign = "≥" if one.at_least else "≤"
        spread = f" ({one.spread[0]:.2f}–{one.spread[1]:.2f})" if any(one.spread) else ""
        table.add_row(
            one.name
            + (f"\n  {one.note}" if one.note else "")
            + (f"\n  {one.failures} refused or lost" if one.failures else ""),
            f"{one.value:,.4g} {one.unit}",
            f"{one.reference:,.4g} {one.unit}: {one.reference_name}",
            f"{one.ratio:.3g}{spread}",
            f"{sign} {one.target:g}",
            "met" if one.is_met else "short",
        )
    return table


if __name__ == "__main__":
    main()
