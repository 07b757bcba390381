"""The life of a spam campaign: how many of 500 variants reach readers, how many decisions people need.

    python -m tests.moderation.campaign [--variants 500] [--json]

Two campaigns come in among ordinary comments, each variant respun (synonyms, names, links, amounts, letter tricks)
and sent under its own name, address and e-mail: an advertisement for trading advice, and a copied petition that is
no spam by its words. Everything is real but the people: the model, the database, the judging. People look
at the queue every 25 comments; with one decision they act on a whole cluster, as at the desk. Of what
reached readers, one in five is reported.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from importlib import resources
from pathlib import Path
from typing import Any

import yaml
from cryptography.fernet import Fernet
from sqlalchemy import select

from models.scorer import Scorer, Text
from moderation import judging, lifecycle, migrations
from moderation.store import Database, comment_of, open_database
from moderation.tables import Comment, Site
from moderation.vault import Vault, vault_of

BATCH = 25
REPORTED = 0.2
ADVERT = (
    "{Honestly|To be honest|I must say} I was {skeptical|doubtful|afraid} at first, but {Mrs Jane|Mr Paul|Madam Olga} "
    "helped me {recover|win back|get back} my {lost|stolen} {crypto|bitcoin|coins} and now I {make|earn|take home} "
    "{five|six|nine} thousand {dollars|euros} {every week|weekly|each week}. {Contact|Write to|Message} her on "
    "{telegram|whatsapp} {@{tag}|at https://t{n}.example/{tag}} {today|right now|before it is too late}{!|.|!!}"
)
PETITION = (
    "{The mayor|Our mayor|The council} wants to close the {old|historic} swimming pool on the hill {without asking|and "
    "asked none of} the people who {swim|learn to swim} there every {morning|day}. We are {four|five|six} thousand who "
    "{say no|disagree}, and we will {come|march} to the town hall on {Friday|Saturday} at noon. {Bring|Take} your "
    "{children|friends} and {a towel|towels}, {wear blue|dress in blue}, and {share|pass on} this text under every article"
)


@dataclass
class Figures:
    """What became of one campaign, and of the ordinary comments meanwhile."""

    variants: int = 0
    reached_readers: int = 0
    still_public: int = 0
    rejected_by_machine: int = 0
    held: int = 0
    decisions: int = 0
    reports: int = 0
    clusters: int = 0
    reached_by_quarter: list[int] = field(default_factory=lambda: [0] * 4)
    ordinary: int = 0
    ordinary_rejected: int = 0
    ordinary_held: int = 0


def spun(template: str, chance: random.Random) -> str:
    """One variant of a template: ``{a|b}`` chooses, ``{tag}`` and ``{n}`` are new each time."""
    tag = "".join(chance.choices("abcdefghijkmnopqrstuvwxyz", k=8))
    text = template.replace("{tag}", tag).replace("{n}", str(chance.randrange(1000)))
    while "{" in text:
        begin = text.rindex("{")
        end = text.index("}", begin)
        text = text[:begin] + chance.choice(text[begin + 1 : end].split("|")) + text[end + 1 :]
    if chance.random() < 0.3:
        # a letter trick in a few places
        tricks = str.maketrans(
            {"o": "о", "a": "а", "e": "е"} if chance.random() < 0.5 else {"i": "1", "o": "0"}
        )
        words = text.split(" ")
        for place in chance.sample(range(len(words)), 4):
            words[place] = words[place] if "://" in words[place] else words[place].translate(tricks)
        text = " ".join(words)
    return text


def run(template: str, *, variants: int = 500, seed: int = 1, scorer: Scorer | None = None) -> Figures:
    """Send the campaign through a fresh house and count."""
    chance, scorer = random.Random(seed), scorer or Scorer.load()
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'btl.sqlite3'}"
        migrations.upgrade(url)
        database = open_database(url)
        try:
            return _run(database, template, variants, chance, scorer)
        finally:
            database.engine.dispose()


def _run(database: Database, template: str, variants: int, chance: random.Random, scorer: Scorer) -> Figures:
    vault = vault_of((Fernet.generate_key().decode(),), b"a campaign's own hash key")
    now = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
    with database.writing() as session:
        site = Site(name="News", slug="news", created_at=now, options={})
        session.add(site)
        session.flush()
        site_id = site.id
    figures = Figures(variants=variants)
    spam: dict[str, int] = {}
    public: set[str] = set()
    left = _sent(template, variants, chance)
    while batch := [one for _, one in zip(range(BATCH), left, strict=False)]:
        now += timedelta(minutes=7)
        judged = _judge(database, vault, scorer, site_id, batch, now)
        for (number, _), judgement in zip(batch, judged, strict=True):
            if number is None:
                figures.ordinary += 1
                figures.ordinary_held += judgement.outcome == "hold"
                figures.ordinary_rejected += judgement.outcome == "reject"
                continue
            spam[judgement.comment.id] = number
            figures.held += judgement.outcome == "hold"
            figures.rejected_by_machine += judgement.outcome == "reject"
            if judgement.outcome == "approve":
                public.add(judgement.comment.id)
                figures.reached_readers += 1
                figures.reached_by_quarter[min(3, number * 4 // variants)] += 1
        _people(database, site_id, figures, spam, public, chance, now)
    figures.still_public = len(public)
    with database.reading() as session:
        found = session.scalars(select(Comment.cluster).where(Comment.id.in_(spam)))
        figures.clusters = len({cluster for cluster in found if cluster})
    return figures


def _sent(template: str, variants: int, chance: random.Random) -> Iterator[tuple[int | None, dict[str, Any]]]:
    """The campaign's variants among as many ordinary comments; None numbers the ordinary ones."""
    with resources.files("service").joinpath("demo_comments.yaml").open(encoding="utf-8") as stream:
        ordinary = [
            c["body"] for c in yaml.safe_load(stream) if c["meant"] == "approve" and c["language"] == "en"
        ]
    order = [*range(variants), *[None] * min(variants, len(ordinary))]
    sent = list(order)
    chance.shuffle(sent)
    numbers = iter(range(variants))
    bodies = iter(ordinary)
    for i, number in enumerate(sent):
        who = {
            "name": f"Reader {i}",
            "email": f"reader{i}@mail{i % 7}.example",
            "ip": f"198.51.100.{i % 250}",
        }
        article = {"id": f"article-{chance.randrange(12)}"}
        if number is None:
            yield None, {"body": next(bodies), "article": article, **who}
        else:
            yield next(numbers), {"body": spun(template, chance), "article": article, **who}


def _judge(
    database: Database, vault: Vault, scorer: Scorer, site_id: str, batch: list[Any], now: datetime
) -> list[lifecycle.Judgement]:
    with database.writing() as session:
        comments = [
            lifecycle.receive(session, site_id=site_id, vault=vault, now=now + timedelta(seconds=i), **fields)
            for i, (_, fields) in enumerate(batch)
        ]
    with database.reading() as session:
        ready = judging.prepare(session, comments, vault=vault, now=now)
        texts = [Text(body=one.comment.body, name=one.comment.name, language="en") for one in ready]
        scored = scorer.score(texts, lines=ready[0].policy.lines)
        context = judging.recall(session, ready, scored, now=now)
    judgements = judging.judge_all(ready, scored, context, now=now)
    with database.writing() as session:
        lifecycle.settle(session, judgements, now=now)
        judging.remember(session, context, judgements)
    return judgements


def _people(
    database: Database, site_id: str, figures: Figures, spam: dict[str, int], public: set[str],
    chance: random.Random, now: datetime,
) -> None:  # fmt: skip
    """Readers report, and people empty the queue of the campaign: one decision for each cluster."""
    reported = [one for one in sorted(public) if chance.random() < REPORTED]
    figures.reports += len(reported)
    with database.writing() as session:
        held = select(Comment.id, Comment.cluster).where(Comment.site_id == site_id, Comment.status == "held")
        queue = [(id_, cluster) for id_, cluster in session.execute(held) if id_ in spam]
        alike = {one: session.scalar(select(Comment.cluster).where(Comment.id == one)) for one in reported}
        groups = Counter(cluster or id_ for id_, cluster in queue)
        groups.update(alike[one] or one for one in reported)
        figures.decisions += len(groups)
        # at the desk a cluster's copies that are already public go with it
        clusters = set(groups)
        rows = session.execute(
            select(Comment.id, Comment.cluster).where(
                Comment.site_id == site_id, Comment.status.in_(("held", "approved")), Comment.id.in_(spam)
            )
        )
        for id_, cluster in rows.all():
            if (cluster or id_) in clusters or id_ in clusters:
                comment = comment_of(session, site_id, id_, lock=True)
                lifecycle.decide(session, comment, action="reject", by_kind="moderator", by_id="m", now=now)
                public.discard(id_)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--variants", type=int, default=500)
    parser.add_argument("--json", action="store_true")
    wanted = parser.parse_args()
    scorer = Scorer.load()
    found = {
        name: asdict(run(template, variants=wanted.variants, scorer=scorer))
        for name, template in (("advertisement", ADVERT), ("petition", PETITION))
    }
    if wanted.json:
        print(json.dumps(found))
        return
    for name, figures in found.items():
        print(name)
        for what, value in figures.items():
            print(f"  {what.replace('_', ' ')}: {value}")


if __name__ == "__main__":
    main()
