"""Figures of the moderation itself: how much, how fast, by whom, and how often people disagree."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Integer, and_, case, cast, func, select
from sqlalchemy.orm import Session, aliased
from ulid import ULID

from moderation.tables import Article, Comment, Decision, Delivery, Endpoint, Moderator, SecondReview

#: days shown -> hours in one step of the time axis.
PERIODS = {1: 1, 7: 6, 30: 24}
#: Rows read for a figure that a sample shows as well as the whole would.
SAMPLE = 3_000
#: From this many comments on, averages over time read every 16th, chosen by the random part of its id.
_WHOLE_UP_TO = 20_000
_TOP = 10
_SEVERE = 0.8


@dataclass(frozen=True, slots=True)
class Period:
    """A span of time that ends now, cut into equal steps.

    :param starts: the beginning of each step, in UTC.
    """

    since: datetime
    until: datetime
    step_hours: int
    starts: tuple[datetime, ...]

    @classmethod
    def of(cls, days: int, now: datetime) -> Period:
        step = PERIODS[days]
        last = now.replace(minute=0, second=0, microsecond=0)
        last -= timedelta(hours=last.hour % step)
        count = days * 24 // step
        starts = tuple(last - timedelta(hours=step * back) for back in range(count - 1, -1, -1))
        return cls(starts[0], now, step, starts)

    @property
    def first_id(self) -> str:
        """No row made in the period has a smaller id: ids begin with their time."""
        return str(ULID.from_datetime(self.since))[:10] + "0" * 16

    def place_of(self, hour: datetime) -> int | None:
        """The step that an hour falls into."""
        index = int((hour - self.since).total_seconds() // (3600 * self.step_hours))
        return index if 0 <= index < len(self.starts) else None


@dataclass(frozen=True, slots=True)
class Numbers:
    """Everything on the page of numbers; lists over time have one entry for each step of the period.

    :param outcomes: status -> first verdicts of the machine.
    :param wait_median: minutes from arrival to a person's decision; ``wait_slow`` for nine in ten.
    :param machine_share: share of comments decided without a person, in [0, 1]; None where nothing came.
    :param overturned: share of a person's decisions that reversed the machine's, in [0, 1].
    :param averages: attribute -> mean score.
    :param load: a moderator's name, decisions, and how many of those comments were severe.
    :param agreement: Cohen's kappa of blind second looks with their count; None below two answers.
    """

    period: Period
    outcomes: Mapping[str, Sequence[int]]
    machine_share: Sequence[float | None]
    overturned: Sequence[float | None]
    wait_median: Sequence[float | None]
    wait_slow: Sequence[float | None]
    averages: Mapping[str, Sequence[float | None]]
    articles: Sequence[tuple[str, int, int, int]] = ()
    domains: Sequence[tuple[str, int]] = ()
    load: Sequence[tuple[str, int, int]] = ()
    failing: Sequence[tuple[str, int, int]] = ()
    agreement: float | None = None
    second_looks: int = 0
    totals: Mapping[str, int] = field(default_factory=dict)


def numbers_of(session: Session, site_ids: Sequence[str], *, days: int, now: datetime) -> Numbers:
    """:param days: one of ``PERIODS``. Eight statements."""
    period = Period.of(days, now)
    outcomes, share, overturned, totals = _decided(session, site_ids, period)
    median, slow = _waits(session, site_ids, period)
    agreement, looks = _agreement(session, site_ids, now)
    return Numbers(
        period=period,
        outcomes=outcomes,
        machine_share=share,
        overturned=overturned,
        wait_median=median,
        wait_slow=slow,
        averages=_averages(session, site_ids, period, sum(map(sum, outcomes.values()))),
        articles=_articles(session, site_ids),
        domains=_domains(session, site_ids, period),
        load=_load(session, site_ids, period),
        failing=_failing(session, site_ids, period),
        agreement=agreement,
        second_looks=looks,
        totals=totals,
    )


def cohens_kappa(pairs: Mapping[tuple[str, str], int]) -> float | None:
    """Agreement of two raters beyond chance: 1 perfect, 0 as by chance.

    :param pairs: (first answer, second answer) -> how often.
    :return: None for fewer than two pairs; 1.0 when all answers, both times, are one and the same.

    Source: J. Cohen, Educational and Psychological Measurement 20 (1960) 37-46.
    """
    total = sum(pairs.values())
    if total < 2:
        return None
    agreed = sum(count for (first, second), count in pairs.items() if first == second) / total
    firsts: Counter[str] = Counter()
    seconds: Counter[str] = Counter()
    for (first, second), count in pairs.items():
        firsts[first] += count
        seconds[second] += count
    chance = sum(firsts[answer] * seconds[answer] for answer in firsts) / total**2
    return 1.0 if chance == 1.0 else (agreed - chance) / (1.0 - chance)


def _hour(session: Session, column: Any) -> Any:
    """The hour of a time, as a value that both databases group by."""
    if session.get_bind().dialect.name == "sqlite":
        return func.strftime("%Y-%m-%dT%H", column)
    return func.date_trunc("hour", column)


def _as_time(hour: str | datetime) -> datetime:
    if isinstance(hour, datetime):
        return hour.astimezone(UTC)
    return datetime.strptime(hour, "%Y-%m-%dT%H").replace(tzinfo=UTC)


def _decided(
    session: Session, site_ids: Sequence[str], period: Period
) -> tuple[Any, Any, Any, dict[str, int]]:
    hour = _hour(session, Decision.created_at)
    rows = session.execute(
        select(
            hour.label("hour"), Decision.by_kind, Decision.action, Decision.old_status, Decision.new_status,
            func.count().label("times"),
        )
        .where(Decision.site_id.in_(site_ids), Decision.id >= period.first_id)
        .group_by(hour, Decision.by_kind, Decision.action, Decision.old_status, Decision.new_status)
    )  # fmt: skip
    steps = len(period.starts)
    outcomes = {status: [0] * steps for status in ("approved", "held", "rejected")}
    people, reversed_ = [0] * steps, [0] * steps
    totals: dict[str, int] = defaultdict(int)
    for row in rows:
        place = period.place_of(_as_time(row.hour))
        if place is None:
            continue
        if row.by_kind == "policy" and row.new_status in outcomes:
            outcomes[row.new_status][place] += row.times
            totals["machine"] += row.times
        elif row.by_kind == "moderator" and row.action in ("approve", "reject"):
            people[place] += row.times
            totals["people"] += row.times
            if {row.old_status, row.new_status} == {"approved", "rejected"}:
                reversed_[place] += row.times
                totals["overturned"] += row.times
    share = [
        (approved + rejected) / (approved + held + rejected) if approved + held + rejected else None
        for approved, held, rejected in zip(*outcomes.values(), strict=True)
    ]
    decided_by_machine = [a + r for a, r in zip(outcomes["approved"], outcomes["rejected"], strict=True)]
    overturned = [
        back / (machine + back) if machine + back else None
        for back, machine in zip(reversed_, decided_by_machine, strict=True)
    ]
    totals["held"] = sum(outcomes["held"])
    return outcomes, share, overturned, dict(totals)


def _waits(session: Session, site_ids: Sequence[str], period: Period) -> tuple[list[Any], list[Any]]:
    rows = session.execute(
        select(Decision.created_at, Comment.received_at)
        .join(Comment, Comment.id == Decision.comment_id)
        .where(
            Decision.site_id.in_(site_ids),
            Decision.id >= period.first_id,
            Decision.by_kind == "moderator",
            Decision.old_status == "held",
        )
        .order_by(Decision.id.desc())
        .limit(SAMPLE)
    )
    minutes: list[list[float]] = [[] for _ in period.starts]
    for decided_at, received_at in rows:
        place = period.place_of(decided_at)
        if place is not None:
            minutes[place].append((decided_at - received_at).total_seconds() / 60)
    for values in minutes:
        values.sort()
    return [_quantile(values, 0.5) for values in minutes], [_quantile(values, 0.9) for values in minutes]


def _quantile(values: Sequence[float], share: float) -> float | None:
    return values[min(len(values) - 1, int(share * len(values)))] if values else None


def _averages(
    session: Session, site_ids: Sequence[str], period: Period, arrived: int
) -> dict[str, list[float | None]]:
    hour = _hour(session, Comment.received_at)
    names = ("spam", "toxicity")
    query = (
        select(
            hour.label("hour"),
            func.count().label("times"),
            *(func.sum(Comment.scores[name].as_float()).label(name) for name in names),
        )
        .where(Comment.site_id.in_(site_ids), Comment.id >= period.first_id, Comment.scores.is_not(None))
        .group_by(hour)
    )
    if arrived > _WHOLE_UP_TO:
        query = query.where(func.substr(Comment.id, 26, 1).in_(("0", "1")))
    sums = {name: [0.0] * len(period.starts) for name in names}
    counts = [0] * len(period.starts)
    for row in session.execute(query):
        place = period.place_of(_as_time(row.hour))
        if place is not None:
            counts[place] += row.times
            for name in names:
                sums[name][place] += getattr(row, name) or 0.0
    return {
        name: [total / count if count else None for total, count in zip(values, counts, strict=True)]
        for name, values in sums.items()
    }


def _articles(session: Session, site_ids: Sequence[str]) -> list[tuple[str, int, int, int]]:
    rows = session.execute(
        select(Article.title, Article.external_id, Article.comments, Article.rejected, Article.reports)
        .where(Article.site_id.in_(site_ids))
        .order_by(Article.comments.desc())
        .limit(_TOP)
    )
    return [(row.title or row.external_id, row.comments, row.rejected, row.reports) for row in rows]


def _domains(session: Session, site_ids: Sequence[str], period: Period) -> list[tuple[str, int]]:
    """Where links of held and rejected comments lead, from the latest of them."""
    facts = session.scalars(
        select(Comment.facts)
        .where(
            Comment.site_id.in_(site_ids),
            Comment.status.in_(("held", "rejected")),
            Comment.id >= period.first_id,
        )
        .order_by(Comment.id.desc())
        .limit(SAMPLE // 3)
    )
    seen: Counter[str] = Counter()
    for found in facts:
        links = (found or {}).get("links") or ()
        seen.update({str(link.get("domain") or link.get("host") or "") for link in links} - {""})
    return seen.most_common(_TOP)


def _load(session: Session, site_ids: Sequence[str], period: Period) -> list[tuple[str, int, int]]:
    who = aliased(Moderator)
    severe = case((and_(Comment.top_score >= _SEVERE, Comment.top_attribute != "spam"), 1), else_=0)
    rows = session.execute(
        select(who.name, func.count().label("times"), cast(func.sum(severe), Integer).label("severe"))
        .select_from(Decision)
        .join(who, who.id == Decision.by_id)
        .join(Comment, Comment.id == Decision.comment_id)
        .where(
            Decision.site_id.in_(site_ids),
            Decision.id >= period.first_id,
            Decision.by_kind == "moderator",
            Decision.action != "undo",
        )
        .group_by(who.id, who.name)
        .order_by(func.count().desc())
        .limit(3 * _TOP)
    )
    return [(row.name, row.times, row.severe or 0) for row in rows]


def _failing(session: Session, site_ids: Sequence[str], period: Period) -> list[tuple[str, int, int]]:
    """Endpoint address, deliveries being tried again, deliveries given up."""
    retried = case((and_(Delivery.status == "due", Delivery.attempts_made > 0), 1), else_=0)
    dead = case((Delivery.status == "dead", 1), else_=0)
    rows = session.execute(
        select(Endpoint.url, func.sum(retried).label("retried"), func.sum(dead).label("dead"))
        .join(Endpoint, Endpoint.id == Delivery.endpoint_id)
        .where(
            Delivery.site_id.in_(site_ids),
            Delivery.id >= period.first_id,
            Delivery.status.in_(("due", "dead")),
        )
        .group_by(Endpoint.url)
    )
    return [(row.url, int(row.retried), int(row.dead)) for row in rows if row.retried or row.dead]


def _agreement(session: Session, site_ids: Sequence[str], now: datetime) -> tuple[float | None, int]:
    rows = session.execute(
        select(SecondReview.first_answer, SecondReview.second_answer, func.count().label("times"))
        .where(SecondReview.site_id.in_(site_ids), SecondReview.answered_at >= now - timedelta(days=90))
        .group_by(SecondReview.first_answer, SecondReview.second_answer)
    )
    pairs = {(row.first_answer, row.second_answer): row.times for row in rows}
    return cohens_kappa(pairs), sum(pairs.values())
