"""Try a policy on what was already judged: what it would have approved, held and rejected.

From stored scores and signals, so that a million comments take minutes. Signals are as they were found
then: other limits or lists show only when the comments are scored anew.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from moderation.policy import Policy, judge, outcome_of
from moderation.policy_schema import LIKELY
from moderation.share import Share
from moderation.tables import Comment, Decision
from moderation.verdict import Author, Circumstances, Learned, Scores, Signal

#: Comments read and judged between two words about progress.
CHUNK = 2_000
OUTCOMES = ("approve", "hold", "reject")
EXAMPLES = 5
EXCERPT = 240
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Case:
    """One comment to be judged again.

    :param before: the machine's verdict then; ``""`` where there was none.
    :param person: ``approve`` or ``reject`` where a person decided; else ``""``.
    """

    id: str
    scores: Scores
    signals: Sequence[Signal]
    circumstances: Circumstances
    before: str = ""
    person: str = ""
    excerpt: str = ""


@dataclass(frozen=True, slots=True)
class Example:
    """A comment whose verdict would differ."""

    id: str
    before: str
    after: str
    person: str
    excerpt: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Agreement:
    """How often people said the same, over the comments that people decided.

    People decide mostly what was held or reported: these are no random comments.

    :param caught: of what people rejected, the share that the policy does not approve (recall).
    :param right: of what the policy does not approve, the share that people rejected (precision).
    :param rejected_right: of what the policy rejects without a person, the share that people rejected.
    """

    decided: int
    caught: Share
    right: Share
    rejected_right: Share


@dataclass(frozen=True, slots=True)
class Queue:
    """What would wait for people.

    :param per_hour: held comments an hour, over the whole time.
    :param busiest_hour: most in any one hour.
    :param by_hour: held comments an hour for each hour of the day, by the site's clock; 24 numbers.
    """

    held: int
    hours: float
    per_hour: float
    busiest_hour: int
    by_hour: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Backtest:
    """What a policy would have done.

    :param moved: ``"approve>hold"`` -> how many, for every pair.
    """

    comments: int
    since: datetime | None
    until: datetime | None
    before: dict[str, int]
    after: dict[str, int]
    moved: dict[str, int]
    examples: list[Example]
    agreement: Agreement
    agreement_before: Agreement
    queue: Queue
    queue_before: Queue

    def as_json(self) -> dict[str, Any]:
        """JSON-able."""
        document = asdict(self)
        for name in ("since", "until"):
            document[name] = document[name].isoformat() if document[name] else None
        return document


@dataclass(slots=True)
class _Tally:
    """Counts on one side: the policy tried, or what happened."""

    timezone: Any
    outcomes: Counter[str] = field(default_factory=Counter)
    people: Counter[tuple[str, str]] = field(default_factory=Counter)
    held_at: Counter[int] = field(default_factory=Counter)

    def add(self, outcome: str, case: Case, hour: int | None) -> None:
        self.outcomes[outcome] += 1
        if case.person:
            self.people[outcome, case.person] += 1
        if outcome == "hold" and hour is not None:
            self.held_at[hour] += 1

    def agreement(self) -> Agreement:
        bad = {outcome: self.people[outcome, "reject"] for outcome in OUTCOMES}
        good = {outcome: self.people[outcome, "approve"] for outcome in OUTCOMES}
        stopped = bad["hold"] + bad["reject"]
        return Agreement(
            decided=sum(self.people.values()),
            caught=Share.of(stopped, sum(bad.values())),
            right=Share.of(stopped, stopped + good["hold"] + good["reject"]),
            rejected_right=Share.of(bad["reject"], bad["reject"] + good["reject"]),
        )

    def queue(self, hours: float) -> Queue:
        by_hour = [0] * 24
        for hour, count in self.held_at.items():
            by_hour[datetime.fromtimestamp(hour * 3600, self.timezone).hour] += count
        days = max(hours / 24, 1 / 24)
        held = self.outcomes["hold"]
        return Queue(
            held=held,
            hours=hours,
            per_hour=held / hours if hours else float(held),
            busiest_hour=max(self.held_at.values(), default=0),
            by_hour=tuple(round(count / max(days, 1), 2) for count in by_hour),
        )


def run(
    cases: Iterable[Case], policy: Policy, *, total: int = 0, progress: Progress | None = None, seed: int = 1
) -> Backtest:
    """Judge every case by a policy and compare.

    :param total: how many there are, for progress; 0 when it is not known.
    :param progress: called with (done, total) every few thousand.
    :raises ValueError: for a stored score outside [0, 1].
    """
    after, before = _Tally(policy.timezone), _Tally(policy.timezone)
    moved: Counter[str] = Counter()
    picked: dict[str, list[Case]] = {}
    chance = random.Random(seed)  # noqa: S311 - a fair choice of examples, no secret
    first: float | None = None
    last: float | None = None
    done = 0
    for case in cases:
        outcome = outcome_of(case.scores, policy, case.signals, case.circumstances)
        hour = None
        if case.circumstances.now is not None:
            at = case.circumstances.now.timestamp()
            hour = int(at // 3600)
            first = at if first is None or at < first else first
            last = at if last is None or at > last else last
        after.add(outcome, case, hour)
        if case.before:
            before.add(case.before, case, hour)
            if case.before != outcome:
                change = f"{case.before}>{outcome}"
                moved[change] += 1
                _pick(picked.setdefault(change, []), moved[change], case, chance)
        done += 1
        if progress is not None and done % CHUNK == 0:
            progress(done, total)
    if progress is not None:
        progress(done, total or done)
    hours = max((last - first) / 3600, 1.0) if first is not None and last is not None else 0.0
    return Backtest(
        comments=done,
        since=datetime.fromtimestamp(first, policy.timezone) if first is not None else None,
        until=datetime.fromtimestamp(last, policy.timezone) if last is not None else None,
        before={outcome: before.outcomes[outcome] for outcome in OUTCOMES},
        after={outcome: after.outcomes[outcome] for outcome in OUTCOMES},
        moved=dict(sorted(moved.items())),
        examples=[_example(case, policy) for change in sorted(picked) for case in picked[change]],
        agreement=after.agreement(),
        agreement_before=before.agreement(),
        queue=after.queue(hours),
        queue_before=before.queue(hours),
    )


def _pick(kept: list[Case], seen: int, one: Case, chance: random.Random) -> None:
    """Keep a fair handful of a stream (reservoir sampling, Vitter 1985)."""
    if len(kept) < EXAMPLES:
        kept.append(one)
    elif (place := chance.randrange(seen)) < EXAMPLES:
        kept[place] = one


def _example(case: Case, policy: Policy) -> Example:
    verdict = judge(case.scores, policy, case.signals, case.circumstances)
    fired = tuple(reason.text for reason in verdict.reasons if reason.verdict == verdict.outcome)
    return Example(case.id, case.before, verdict.outcome, case.person, case.excerpt, fired)


def stored(session: Session, site_id: str, *, since: datetime) -> tuple[int, Iterator[Case]]:
    """Comments judged since a time, and how many there are; streamed, in no order.

    :return: (count, cases). The cases must be read while the session is open.
    """
    asked = (Comment.site_id == site_id, Comment.received_at >= since, Comment.scores.is_not(None))
    count = session.scalar(select(func.count()).select_from(Comment).where(*asked)) or 0
    return count, _stored(session, asked, people_said(session, site_id, since=since))


def _stored(session: Session, asked: Sequence[Any], said: Mapping[str, str]) -> Iterator[Case]:
    rows = session.execute(
        select(
            *(Comment.id, Comment.scores, Comment.signals, Comment.facts["around"], Comment.verdict),
            *(Comment.section, Comment.article_id, Comment.article_published_at),
            *(Comment.submitted_at, Comment.language),
        ).where(*asked),
        execution_options={"yield_per": CHUNK},
    )
    for id_, scores, signals, around, verdict, section, article, published, submitted, language in rows:
        around = around or {}
        yield Case(
            id=id_,
            scores={name: score for name, score in scores.items() if name != LIKELY},
            signals=[
                Signal(one["name"], one.get("evidence", {}), one.get("weight", 0.0)) for one in signals or ()
            ],
            circumstances=Circumstances(
                now=submitted,
                section=section,
                article=article,
                article_published_at=published,
                language=language,
                language_supported=around.get("language_supported", True),
                author=Author(**around["author"]) if "author" in around else Author(),
                seconds_since_last=around.get("seconds_since_last"),
                article_reports=around.get("article_reports", 0),
                article_rejections=around.get("article_rejections", 0),
                learned=Learned(**around["learned"]) if "learned" in around else None,
            ),
            before=verdict or "",
            person=said.get(id_, ""),
        )


def around_of(circumstances: Circumstances) -> dict[str, Any]:
    """What a comment's facts keep of its circumstances, so that it can be judged again as it was."""
    author, nobody = circumstances.author, Author()
    kept: dict[str, Any] = {
        "author": {
            name: value
            for name in Author.__slots__
            if (value := getattr(author, name)) != getattr(nobody, name)
        }
    }
    if not circumstances.language_supported:
        kept["language_supported"] = False
    for name in ("seconds_since_last", "article_reports", "article_rejections"):
        if value := getattr(circumstances, name):
            kept[name] = value
    if circumstances.learned is not None:
        kept["learned"] = asdict(circumstances.learned)
    return kept


def people_said(session: Session, site_id: str, *, since: datetime) -> dict[str, str]:
    """comment -> ``approve`` or ``reject``: the last word of a person about it."""
    rows = session.execute(
        select(Decision.comment_id, Decision.new_status)
        .where(
            Decision.site_id == site_id,
            Decision.by_kind.in_(("moderator", "site")),
            Decision.new_status.in_(("approved", "rejected")),
            Decision.created_at >= since,
        )
        .order_by(Decision.id),
        execution_options={"yield_per": CHUNK},
    )
    words = {"approved": "approve", "rejected": "reject"}
    return {comment: words[status] for comment, status in rows}


def with_excerpts(session: Session, found: Backtest) -> Backtest:
    """The same with the beginning of each example's text."""
    ids = [example.id for example in found.examples]
    rows = session.execute(select(Comment.id, Comment.body).where(Comment.id.in_(ids)))
    bodies = {row.id: row.body for row in rows}
    examples = [
        Example(e.id, e.before, e.after, e.person, e.excerpt or bodies.get(e.id, "")[:EXCERPT], e.reasons)
        for e in found.examples
    ]
    return Backtest(**{**{name: getattr(found, name) for name in found.__slots__}, "examples": examples})


def days_ago(now: datetime, days: int) -> datetime:
    """The beginning of the last so many days."""
    return now - timedelta(days=days)
