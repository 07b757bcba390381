"""What a newsroom's own decisions teach: corpora streamed in order, their labels being the moderator.

`make evaluate-learning DATA=…`: after 0, 200, 1,000 and 5,000 decisions, how long is the queue and how many
mistakes are made on comments that come later, against the shipped model without learning. A model decides
once it passed the gate, as at a site. None of the corpora trained the shipped model. Without DATA it runs on
sentences that are shipped. Exits 1 when a goal is missed.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
import numpy as np
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from models import ATTRIBUTES, gate, learning_report, measures, templates
from models.anchors import anchors
from models.scorer import Scored, Scorer, Text
from models.site_measures import auc, gain_interval
from models.site_model import Example, SiteModel, TooFew, baseline, train

#: corpus -> what its moderators looked at.
STREAMS = {
    "impermium_insults": "Insults in social commentary; rejected: insults at a participant",
    "youtube_crypto_spam": "Replies under finance videos; rejected: scams",
    "ucc_globe_and_mail": "Comments of the Globe and Mail; rejected: one in 23, for hostility",
    "news_de_rp": "Comments of a German newspaper; rejected by its moderators",
}
SAMPLE = "sample"
DECISIONS = (0, 200, 1_000, 5_000)
#: The last this many comments are what is measured, or a third of a smaller corpus.
NEXT = 1_500
#: A key that floods weighs at most this share of the moderators (moderation.learning.KEY_SHARE).
KEY_SHARE = 0.2
FLOOD = 2_000
BATCH = 64


@dataclass(frozen=True, slots=True)
class Stream:
    """Comments in the order in which a newsroom decided them.

    :param rejected: its decisions, 0 or 1.
    """

    name: str
    about: str
    scored: list[Scored]
    examples: list[Example]
    rejected: list[int]

    @property
    def cut(self) -> int:
        """Decisions before this place may teach; what comes from it on is measured."""
        return len(self.rejected) - min(NEXT, len(self.rejected) // 3)


def read(folder: Path, name: str, most: int) -> tuple[list[str], list[int]]:
    """A corpus in a fixed, mixed order, with its labels as the moderator's decisions."""
    import pandas as pd

    rows = pd.read_parquet(folder / f"{name}.parquet")
    label = "spam" if "spam" in rows else "toxic"
    rows = rows[rows[label].notna()].sample(frac=1.0, random_state=11).head(most)
    return rows["text"].astype(str).tolist(), (rows[label] >= 0.5).astype(int).tolist()


def sample() -> tuple[list[str], list[int]]:
    """Shipped sentences, and a newsroom that also rejects whatever begins with an apology."""
    written = [(text, max(labels.values())) for _, text, labels in templates.sentences(120)]
    random.Random(11).shuffle(written)  # noqa: S311 - an order, not a secret
    return [text for text, _ in written], [
        int(bad >= 0.5 or text.startswith("Sorry")) for text, bad in written
    ]


def streamed(
    name: str, about: str, texts: list[str], rejected: list[int], scorer: Scorer, progress: Progress
) -> Stream:
    scored: list[Scored] = []
    task = progress.add_task(f"{name}: scoring", total=len(texts))
    for at in range(0, len(texts), BATCH):
        scored += scorer.score([Text(body=text) for text in texts[at : at + BATCH]])
        progress.update(task, completed=len(scored))
    progress.remove_task(task)
    examples = [
        Example(text, one.fast, one.deep, one.facts, float(value))
        for text, one, value in zip(texts, scored, rejected, strict=True)
    ]
    return Stream(name, about, scored, examples, rejected)


def outcomes(
    scored: Sequence[Scored], texts: Sequence[str], lines: Any, model: SiteModel | None
) -> list[str]:
    """What the lines, and the newsroom's model where there is one, make of comments (moderation.policy)."""
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
    """Shares of all comments: waiting for a person, wrongly published, wrongly rejected, both."""
    made = np.array(outcome)
    bad = np.array(rejected) == 1
    published, refused = float(((made == "approve") & bad).mean()), float(((made == "reject") & ~bad).mean())
    return {
        "queue": round(float((made == "hold").mean()), 4),
        "published_bad": round(published, 4),
        "rejected_good": round(refused, 4),
        "errors": round(published + refused, 4),
    }


def queue_at(likely: Sequence[float], rejected: Sequence[int], at: dict[str, float]) -> float:
    """The shortest queue by which a ranking makes no more mistakes than ``at``, of either kind.

    With the best two lines for these very comments: what the ranking could do, the same for every model.
    """
    order = np.argsort(likely, kind="stable")
    bad = np.array(rejected)[order] == 1
    many = len(bad)
    approved = int((np.cumsum(bad) <= at["published_bad"] * many + 1e-9).sum())
    refused = int((np.cumsum(~bad[::-1]) <= at["rejected_good"] * many + 1e-9).sum())
    return round(max(0, many - approved - refused) / many, 4)


class Replay:
    """One stream from the first decision to the last."""

    def __init__(
        self, stream: Stream, scorer: Scorer, reminded: Sequence[Example], progress: Progress
    ) -> None:
        self.stream, self.scorer, self.reminded, self.progress = stream, scorer, reminded, progress
        self.after = stream.examples[stream.cut :]
        self.truth = stream.rejected[stream.cut :]
        self.alone = [baseline(one.fast, one.deep) for one in self.after]

    def run(self) -> dict[str, Any]:
        stream = self.stream
        shipped = self._outcome(None)
        first = {"decisions": 0, "decides": "shipped", "auc": _round(auc(self.truth, self.alone)), **shipped}
        rows: list[dict[str, Any]] = [first | {"queue_at_shipped_errors": self._queue(self.alone, shipped)}]
        champion: SiteModel | None = None
        taught = 0
        steps = [count for count in DECISIONS if 0 < count <= stream.cut]
        task = self.progress.add_task(f"{stream.name}: learning", total=len(steps))
        for count in steps:
            row: dict[str, Any] = {"decisions": count}
            try:
                model = self.train(count)
            except TooFew as few:
                row |= {"decides": rows[-1]["decides"], "says": str(few), **self._outcome(champion)}
            else:
                lines = gate.measure(
                    model,
                    stream.examples[:count],
                    scorer=self.scorer,
                    before=champion,
                    seen_before=taught,
                )
                if all(line["passed"] for line in lines.values()):
                    champion, taught = model, count
                row |= self._measured(model, shipped) | {
                    "decides": str(taught) if champion else "shipped",
                    "refused_by": [name for name, line in lines.items() if not line["passed"]],
                    "gate": lines,
                    **self._outcome(champion),
                }
            rows.append(row)
            self.progress.advance(task)
        self.progress.remove_task(task)
        return {
            "about": stream.about,
            "comments": len(stream.rejected),
            "measured": len(self.truth),
            "rejected_share": round(float(np.mean(self.truth)), 4),
            "rows": rows,
        }

    def train(self, count: int, flood: Sequence[Example] = ()) -> SiteModel:
        taught = [*flood, *self.stream.examples[:count]]
        return train(taught, version="trial", base=self.scorer.version, anchors=self.reminded)

    def poisoned(self, count: int) -> dict[str, Any]:
        """A stolen key calls 2,000 comments that moderators reject good ones."""
        stream = self.stream
        bad = [one for one in stream.examples[: stream.cut] if one.value][:FLOOD]
        weight = KEY_SHARE * count / len(bad)
        flood = [replace(one, value=0.0, weight=weight, by_people=False) for one in bad]
        clean, turned = self.train(count), self.train(count, flood)
        ours, theirs = self._likely(clean), self._likely(turned)
        return {
            "stream": stream.name,
            "decisions": count,
            "flood": len(flood),
            "auc": _round(auc(self.truth, ours)),
            "auc_poisoned": _round(auc(self.truth, theirs)),
            "moved": round(float(np.mean(np.abs(np.array(ours) - np.array(theirs)))), 4),
            "outcome": self._outcome(clean),
            "outcome_poisoned": self._outcome(turned),
        }

    def _measured(self, model: SiteModel, shipped: dict[str, float]) -> dict[str, Any]:
        likely = self._likely(model)
        gain, low, high = gain_interval(self.truth, likely, self.alone)
        return {
            "auc": _round(auc(self.truth, likely)),
            "gain": [round(gain, 4), round(low, 4), round(high, 4)],
            "queue_at_shipped_errors": self._queue(likely, shipped),
            "calibration_error": measures.calibration_error(np.array(self.truth), np.array(likely), bins=10),
            "label_noise": model.metrics["label_noise"],
            "approve_below": model.approve_below,
            "reject_above": model.reject_above,
        }

    def _likely(self, model: SiteModel) -> list[float]:
        return [model.likely(one.body, one.fast, one.deep, one.facts).likely for one in self.after]

    def _outcome(self, model: SiteModel | None) -> dict[str, float]:
        scored, texts = self.stream.scored[self.stream.cut :], [one.body for one in self.after]
        return figures(outcomes(scored, texts, self.scorer.lines, model), self.truth)

    def _queue(self, likely: Sequence[float], shipped: dict[str, float]) -> float:
        return queue_at(likely, self.truth, shipped)


def goals(report: dict[str, Any]) -> list[dict[str, Any]]:
    """What is promised, each with its measured value: the report's rows that can be missed."""
    found: list[dict[str, Any]] = []

    def goal(says: str, value: float | None, least: float) -> None:
        found.append({"goal": says, "value": value, "at_least": least, "reached": (value or 0) >= least})

    for name, one in report["streams"].items():
        first, *later = one["rows"]
        worst = max((row["errors"] for row in later), default=first["errors"])
        goal(
            f"{name}: what passed the gate makes at most 1 in 100 more mistakes",
            round(first["errors"] - worst, 4),
            -0.01,
        )
        named = {row["decisions"]: row for row in later if "gain" in row}
        for count, least in _PROMISED.get(name, {}).items():
            if count in named:
                gained = named[count]["gain"][1] / (1 - first["auc"])
                says = f"{name}: gained after {count:,} of what the shipped ranking lacks, low end"
                goal(says, round(gained, 3), least)
        if name in _SHORTER and later:
            saved = 1 - later[-1]["queue"] / first["queue"]
            goal(f"{name}: queue shorter by a fifth after {later[-1]['decisions']:,}", round(saved, 4), 0.2)
        if name in _SAFER and later:
            kept = 1 - later[-1]["published_bad"] / first["published_bad"]
            says = f"{name}: half as much bad published after {later[-1]['decisions']:,}"
            goal(says, round(kept, 4), 0.5)
    poison = report.get("poison")
    if poison:
        lost = poison["auc_poisoned"] - poison["auc"]
        more = poison["outcome"]["published_bad"] - poison["outcome_poisoned"]["published_bad"]
        goal("a key that floods false ham: ranking lost", round(lost, 4), -0.03)
        goal("a key that floods false ham: more bad published", round(more, 4), -0.01)
        if poison["decisions"] >= 1_000:  # few decisions move a model whatever they say
            goal("a key that floods false ham: scores moved on average", -poison["moved"], -0.08)
    return found


#: stream -> decisions -> how much of the way from the shipped model's AUC to 1 is gone at least, by the low
#: end of the 95 % interval.
_PROMISED = {
    "impermium_insults": {200: 0.1, 1_000: 0.2, 5_000: 0.3},
    "youtube_crypto_spam": {200: 0.2, 1_000: 0.4},
    "news_de_rp": {1_000: 0.1, 5_000: 0.2},
    SAMPLE: {200: 0.1},
}
_SHORTER = ("impermium_insults",)
_SAFER = ("youtube_crypto_spam",)


def replayed(data: Path | None, scorer: Scorer, *, most: int, progress: Progress) -> dict[str, Any]:
    """Every stream that the folder holds; the shipped sentences without one."""
    reminded = anchors(scorer)
    streams: dict[str, Any] = {}
    poison = None
    names = [SAMPLE] if data is None else [name for name in STREAMS if (data / f"{name}.parquet").exists()]
    for name in names:
        texts, rejected = sample() if data is None else read(data, name, most + NEXT)
        about = STREAMS.get(name, "Shipped sentences; rejected: abuse, and whatever begins with an apology")
        stream = streamed(name, about, texts, rejected, scorer, progress)
        replay = Replay(stream, scorer, reminded, progress)
        streams[name] = replay.run()
        if poison is None:
            poison = replay.poisoned(min(1_000, stream.cut))
    report = {"model": scorer.version, "decisions": most, "streams": streams, "poison": poison}
    return report | {"goals": goals(report)}


@click.command()
@click.option(
    "--data", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Folder of data sets."
)
@click.option("--short", is_flag=True, help="At most 1,000 decisions; writes nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print every figure as JSON.")
def main(data: Path | None, short: bool, as_json: bool) -> None:
    """Replay corpora as a newsroom would see them.

    With --data it writes docs/learning.json, the plots beside it and the tables of docs/learning.md.
    """
    console = Console(stderr=True, quiet=as_json)
    with Progress(console=console) as progress:
        report = replayed(data, Scorer.load(), most=1_000 if short else DECISIONS[-1], progress=progress)
    if not report["streams"]:
        raise click.ClickException(f"{data} holds none of {', '.join(STREAMS)}.")
    if data is not None and not short:
        learning_report.write(report)
    if as_json:
        click.echo(json.dumps(report, indent=1))
    else:
        _show(report)
    sys.exit(0 if all(goal["reached"] for goal in report["goals"]) else 1)


def _show(report: dict[str, Any]) -> None:
    out = Console()
    for name, one in report["streams"].items():
        table = Table(title=f"{name}: {one['about']}", title_justify="left")
        for column in learning_report.COLUMNS:
            table.add_column(column, justify="right")
        for row in one["rows"]:
            table.add_row(*learning_report.cells(row))
        out.print(table)
    for goal in report["goals"]:
        mark = "reached" if goal["reached"] else "MISSED "
        out.print(f"{mark}  {goal['goal']}: {goal['value']:+.3f} (at least {goal['at_least']:+.2f})")


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


if __name__ == "__main__":
    main()
