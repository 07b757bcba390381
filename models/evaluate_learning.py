"""What a newsroom's own decisions teach: corpora streamed in order, their labels being the moderator.

`make evaluate-learning DATA=…`: after 0, 200, 1,000 and 5,000 decisions, how long is the queue and how many
mistakes are made on the comments that come next, against the shipped model without learning. Corpora that
the shipped model never trained on are the honest test.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from models import ATTRIBUTES, measures
from models.scorer import Scored, Scorer, Text
from models.site_model import Example, SiteModel, TooFew, auc, baseline, train

#: corpus -> what its moderators looked at; none of them trained the shipped model.
STREAMS = {
    "ucc_globe_and_mail": "comments of a Canadian newspaper; rejected: hostile or antagonising",
    "impermium_insults": "news and blog comments; rejected: insults at a participant",
    "news_de_rp": "comments of a German newspaper; rejected by its moderators",
    "youtube_crypto_spam": "replies under finance videos; rejected: scams",
}
DECISIONS = (0, 200, 1_000, 5_000)
#: The next this many comments are what is measured.
NEXT = 1_500
OUT = Path(__file__).parent / "artifacts" / "learning.json"


def stream(folder: Path, name: str, most: int) -> tuple[list[str], list[int]]:
    """A corpus in a fixed, mixed order, with its labels as the moderator's decisions."""
    import pandas as pd

    rows = pd.read_parquet(folder / f"{name}.parquet")
    label = "spam" if "spam" in rows else "toxic"
    rows = rows[rows[label].notna()].sample(frac=1.0, random_state=11).head(most)
    return rows["text"].astype(str).tolist(), rows[label].astype(int).tolist()


def outcomes(
    scored: Sequence[Scored], texts: Sequence[str], lines: Any, model: SiteModel | None
) -> list[str]:
    """What the lines, and the newsroom's model where there is one, make of comments."""
    found = []
    for one, text in zip(scored, texts, strict=True):
        known = {name: one.scores[name] for name in ATTRIBUTES if one.language_supported or name == "spam"}
        outcome = measures.outcome(known, {name: lines[name] for name in known})
        if not one.language_supported and outcome == "approve":
            outcome = "hold"
        elif outcome != "reject" and model is not None:
            said = model.likely(text, one.fast, one.deep, one.facts)
            if outcome == "approve":
                outcome = "hold" if said.likely >= said.hold_above else "approve"
            elif said.approve_below is not None and said.likely < said.approve_below:
                outcome = "approve"
            elif said.reject_above is not None and said.likely >= said.reject_above:
                outcome = "reject"
        found.append(outcome)
    return found


def figures(outcome: Sequence[str], rejected: Sequence[int]) -> dict[str, float]:
    """Shares of all comments: waiting for a person, wrongly published, wrongly rejected."""
    made = np.array(outcome)
    bad = np.array(rejected) == 1
    return {
        "queue": float((made == "hold").mean()),
        "published_bad": float(((made == "approve") & bad).mean()),
        "rejected_good": float(((made == "reject") & ~bad).mean()),
    }


def measure(folder: Path, scorer: Scorer, name: str, *, short: bool, console: Console) -> dict[str, Any]:
    texts, rejected = stream(folder, name, (1_000 if short else 5_000) + NEXT)
    steps = range(0, len(texts), 64)
    scored: list[Scored] = []
    for at in track(steps, description=name, console=console):
        scored += scorer.score([Text(body=text) for text in texts[at : at + 64]])
    examples = [
        Example(text, one.fast, one.deep, one.facts, float(value))
        for text, one, value in zip(texts, scored, rejected, strict=True)
    ]
    cut = len(texts) - NEXT
    after, truth = slice(cut, len(texts)), rejected[cut:]
    rows = []
    for decisions in DECISIONS:
        if decisions > cut:
            continue
        model = None
        if decisions:
            try:
                model = train(examples[cut - decisions : cut], version="trial", base=scorer.version)
            except TooFew as few:
                console.print(f"{name}, {decisions} decisions: {few}")
                continue
        likely = [
            model.likely(one.body, one.fast, one.deep, one.facts).likely
            if model
            else baseline(one.fast, one.deep)
            for one in examples[after]
        ]
        made = outcomes(scored[after], texts[after], scorer.lines, model)
        rows.append({"decisions": decisions, "auc": auc(truth, likely), **figures(made, truth)})
    return {
        "about": STREAMS[name],
        "comments": len(texts),
        "rejected_share": float(np.mean(truth)),
        "rows": rows,
    }


@click.command()
@click.option(
    "--data", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Folder of data sets."
)
@click.option("--short", is_flag=True, help="At most 1,000 decisions.")
@click.option("--json", "as_json", is_flag=True)
def main(data: Path | None, short: bool, as_json: bool) -> None:
    """Replay corpora as a newsroom would see them."""
    if data is None:
        raise click.UsageError(
            "Name the folder with the data sets: make evaluate-learning DATA=… (docs/model.md)"
        )
    console = Console(stderr=True, quiet=as_json)
    scorer = Scorer.load()
    found = {
        name: measure(data, scorer, name, short=short, console=console)
        for name in STREAMS
        if (data / f"{name}.parquet").exists()
    }
    if not found:
        raise click.ClickException(f"{data} holds none of {', '.join(STREAMS)}.")
    report = {"model": scorer.version, "streams": found}
    OUT.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    if as_json:
        click.echo(json.dumps(report, indent=1))
        return
    for name, one in found.items():
        table = Table(title=f"{name}: {one['about']}", title_justify="left")
        for column in ("decisions", "ranking (AUC)", "waits for a person", "bad published", "good rejected"):
            table.add_column(column, justify="right")
        for row in one["rows"]:
            shares = (f"{row[key]:.1%}" for key in ("queue", "published_bad", "rejected_good"))
            table.add_row(f"{row['decisions']:,}", f"{row['auc'] or 0:.3f}", *shares)
        Console().print(table)
    sys.exit(0)


if __name__ == "__main__":
    main()
