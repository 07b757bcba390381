"""Hold old Perspective answers against ours before the switch."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from service.compat.comparison import Compared, Logged

BATCH = 64


@click.command()
@click.option(
    "--perspective-log",
    "log",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="JSON lines (or .csv) with texts and Perspective's scores.",
)
@click.option(
    "--threshold",
    "thresholds",
    multiple=True,
    type=click.FloatRange(0, 1),
    default=(0.5, 0.7, 0.8, 0.9),
    show_default=True,
    help="An old threshold to carry over; may be repeated.",
)
@click.option(
    "--plot", type=click.Path(dir_okay=False, path_type=Path), help="Draw into a .png or .svg file."
)
@click.option("--json", "as_json", is_flag=True, help="For scripts.")
def command(log: Path, thresholds: Sequence[float], plot: Path | None, as_json: bool) -> None:
    """Score the texts of a log of old Perspective answers and compare: rank correlation, agreement, and the
    threshold here that flags as many texts as the old one did.

    A line holds the text (text, comment or request) and the scores (attributeScores, response, or fields such
    as TOXICITY). Nothing is stored and nothing leaves this machine.
    """
    from service.compat import comparison

    logged: list[Logged] = []
    with log.open(encoding="utf-8", errors="replace", newline="") as file:
        for line in comparison.read(file, is_csv=log.suffix.lower() == ".csv"):
            if isinstance(line, comparison.Bad):
                click.echo(f"{log.name}, line {line.line}: {line.why}; left out.", err=True)
            else:
                logged.append(line)
    found = comparison.compared(
        zip([one.old for one in logged], _scored(logged), strict=True), sorted(set(thresholds))
    )
    if not found:
        click.echo(
            f"Error: {log.name} holds {len(logged)} texts with scores; at least {comparison.FEWEST} with the "
            "same attribute are needed.",
            err=True,
        )
        raise SystemExit(1)
    if plot is not None:
        _draw(found, plot)
    if as_json:
        shown = [{k: v for k, v in asdict(one).items() if k not in ("old", "new")} for one in found]
        click.echo(json.dumps({"texts": len(logged), "attributes": shown}, indent=1))
    else:
        _print(found)


def _scored(logged: Sequence[Logged]) -> list[dict[str, float]]:
    """Our answer to each text, on Perspective's scale."""
    from rich.console import Console
    from rich.progress import track

    from moderation.policy import DEFAULT
    from service.compat import attributes, scoring

    answers: list[dict[str, float]] = []
    console = Console(stderr=True)
    begins = range(0, len(logged), BATCH)
    for begin in track(begins, "Scoring …", console=console, disable=not console.is_terminal, transient=True):
        batch = logged[begin : begin + BATCH]
        texts = [scoring.text_of(one.text, language="en") for one in batch]
        scored = scoring.scores_of(texts, deep=True)
        wants_fast = any(attributes.FAST in one.old for one in batch)
        fast = scoring.scores_of(texts, deep=False) if wants_fast else scored
        answers += [
            {name: attributes.value_of(name, of, quick, DEFAULT) for name in one.old}
            for one, of, quick in zip(batch, scored, fast, strict=True)
        ]
    return answers


def _print(found: Sequence[Compared]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    from service.compat import comparison

    console = Console()
    for one in found:
        rank = "–" if one.rank_correlation is None else f"{one.rank_correlation:.3f}"
        console.print(
            f"\n[bold]{one.attribute}[/]: {one.texts} texts, rank correlation {rank}, "
            f"ours is {one.mean_difference:+.3f} on average"
        )
        table = Table(box=box.SIMPLE_HEAD)
        for title in (
            "old threshold",
            "flagged",
            "agree as it is",
            "same share here",
            "then agree",
            "in a policy",
        ):
            table.add_column(title, justify="right")
        for match in one.matches:
            table.add_row(
                f"{match.old:.2f}",
                f"{match.flagged:.1%}",
                f"{match.agreement:.1%}",
                _figure(match.here, "{:.3f}"),
                _figure(match.agreement_here, "{:.1%}"),
                _figure(match.ours, "{:.3f}"),
            )
        console.print(table)
    shown = found[0]
    console.print(f"{shown.attribute}: Perspective to the right, here upwards")
    for row in comparison.picture(shown):
        console.print(row, highlight=False, markup=False)


def _figure(value: float | None, form: str) -> str:
    return "–" if value is None else form.format(value)


def _draw(found: Sequence[Compared], plot: Path) -> None:
    try:
        import matplotlib
    except ModuleNotFoundError:
        raise click.UsageError(
            "--plot needs matplotlib: pip install 'below-the-line[train]'. The figures come without it too."
        ) from None
    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, len(found), figsize=(4.5 * len(found), 4.5), squeeze=False)
    for axis, one in zip(axes[0], found, strict=True):
        axis.plot([0, 1], [0, 1], color="0.7", linewidth=1)
        axis.scatter(one.old, one.new, s=9, alpha=0.35, linewidths=0)
        for match in one.matches:
            if match.here is not None:
                axis.plot([match.old, match.old, 0], [0, match.here, match.here], color="0.4", linewidth=0.7)
        axis.set(
            title=f"{one.attribute} (n = {one.texts})",
            xlabel="Perspective",
            ylabel="Below the Line",
            xlim=(0, 1),
            ylim=(0, 1),
        )
    figure.tight_layout()
    try:
        figure.savefig(plot)
    except (OSError, ValueError) as error:
        raise click.UsageError(f"--plot {plot}: {error}") from None
    finally:
        pyplot.close(figure)
