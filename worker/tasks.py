"""Score what waits, and sweep up what was forgotten: look at rows, move them one step."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from models.scorer import Scored, Text
from models.site_model import SiteModel
from moderation import breaker, claims, jobs, judging, lifecycle, opinion, store
from moderation.judging import Context, Ready
from moderation.logs import log_of
from moderation.verdict import Learned
from worker import metrics, parts
from worker.celery import app, nudge

log = log_of(__name__)

#: The scorer works in batches of 64, which fit the processor's cache. A claim takes two: the statements
#: around it cost the same for more comments (a quarter more a second than with 64 when measured), while on
#: SQLite the writing of verdicts still holds up nobody for long.
BATCH = 128
#: A task works this long and then lets the next nudge go on, well within the time limit.
BUDGET_SECONDS = 10
#: After a batch that was not full, what comes within this time goes together: the dozen statements around a
#: batch cost as much as judging ten comments. The first comment after a quiet time never waits.
GATHER_SECONDS = 0.03
#: In a backlog every so many rounds begin with what was tried before: it must not wait for the end.
TRIED_EVERY = 4


@app.task(name=jobs.SCORE)
def score() -> None:
    """Judge everything that waits, a batch at a time."""
    started, rounds = time.monotonic(), 0
    while time.monotonic() - started < BUDGET_SECONDS:
        rounds += 1
        claimed = score_once(tried_first=rounds % TRIED_EVERY == 0)
        if not claimed:
            break
        if claimed < BATCH:
            time.sleep(GATHER_SECONDS)
    else:
        nudge(jobs.SCORE)
    with parts.database().writing() as session:
        store.beat(session, "score", now=datetime.now(UTC))


def score_once(*, tried_first: bool = False) -> int:
    """Claim, score, settle one batch.

    The claim, the verdicts and nothing in between are transactions: scoring takes time, and a
    lock held meanwhile would stop everyone else.

    :param tried_first: begin with what was tried before, or tried too often, and is not done.
    :return: how many comments were claimed; 0 when nothing waits.
    """
    database = parts.database()
    if tried_first:
        give_up_on_exhausted()
    with database.writing() as session:
        comments = store.claim_unjudged(session, now=datetime.now(UTC), limit=BATCH, tried_first=tried_first)
    if not comments:
        return give_up_on_exhausted()
    with database.reading() as session:
        ready = judging.prepare(session, comments, vault=parts.vault(), now=datetime.now(UTC))
    with metrics.SCORE_SECONDS.time():
        scored = _scored(ready)
    with database.reading() as session:
        context = judging.recall(session, ready, scored, now=datetime.now(UTC))
    judgements = _judged(ready, scored, context)
    with database.writing() as session:
        decisions = lifecycle.settle(session, judgements, now=datetime.now(UTC))
        moved = {decision.comment_id for decision in decisions}
        judging.remember(session, context, [one for one in judgements if one.comment.id in moved])
    for judgement in judgements:
        if judgement.comment.id in moved:
            metrics.SETTLED.labels(judgement.outcome, judgement.model or "").inc()
            waited = datetime.now(UTC) - judgement.comment.received_at
            metrics.DECISION_SECONDS.observe(max(0.0, waited.total_seconds()))
    log.info("comments_settled", claimed=len(comments), settled=len(decisions))
    if decisions:
        nudge(jobs.DELIVER)
    return len(comments)


def _scored(ready: Sequence[Ready]) -> list[Scored]:
    """Score a batch. Sites with the same lines share a call: the deep tier works where these matter."""
    scored: dict[int, Scored] = {}
    for lines, places in _by_lines(ready).items():
        texts = [_text_of(ready[place]) for place in places]
        scored |= zip(places, parts.scorer().score(texts, lines=dict(lines)), strict=True)
    return [scored[place] for place in range(len(ready))]


def _judged(ready: Sequence[Ready], scored: Sequence[Scored], context: Context) -> list[opinion.Judgement]:
    """Judge a scored batch; what people will look at is explained, word by word."""
    scorer = parts.scorer()
    judgements = judging.judge_all(
        ready,
        scored,
        context,
        now=datetime.now(UTC),
        learned=_deciding(ready, scored),
        challenging=_challenging(ready, scored),
    )
    return [
        replace(judgement, spans=scorer.explain(_text_of(one), _looked_at(judgement), scored=found))
        if judgement.outcome != "approve"
        else judgement
        for judgement, one, found in zip(judgements, ready, scored, strict=True)
    ]


def _deciding(ready: Sequence[Ready], scored: Sequence[Scored]) -> dict[str, Learned]:
    """What the sites' own models say, by comment id; the one before stays where one is refused."""
    return {
        one.comment.id: _said(model, one, found)
        for one, found in zip(ready, scored, strict=True)
        if one.champion and (model := parts.deciding_model(one.comment.site_id, one.champion)) is not None
    }


def _challenging(ready: Sequence[Ready], scored: Sequence[Scored]) -> dict[str, Learned]:
    """What the challengers would say, by comment id; one that is refused says nothing."""
    return {
        one.comment.id: _said(model, one, found)
        for one, found in zip(ready, scored, strict=True)
        if one.challenger and (model := parts.site_models().model(one.challenger)) is not None
    }


def _said(model: SiteModel, one: Ready, found: Scored) -> Learned:
    own = model.likely(one.comment.body, found.fast, found.deep, found.facts)
    return Learned(own.likely, own.approve_below, own.reject_above, own.hold_above, own.version)


def _text_of(one: Ready) -> Text:
    comment = one.comment
    return Text(
        body=comment.body, name=comment.name, email=one.email, url=comment.author_url, language=one.language
    )


def _by_lines(ready: Sequence[Ready]) -> dict[tuple[tuple[str, tuple[float, float]], ...], list[int]]:
    groups: dict[tuple[tuple[str, tuple[float, float]], ...], list[int]] = {}
    for place, one in enumerate(ready):
        groups.setdefault(tuple(sorted(one.policy.lines.items())), []).append(place)
    return groups


def _looked_at(judgement: opinion.Judgement) -> list[str]:
    """The attributes that a moderator will ask about: those that crossed a line, else the highest."""
    crossed = [str(reason["name"]) for reason in judgement.reasons if reason.get("kind") == "score"]
    scores = judgement.scores or {}
    return crossed or sorted(scores, key=lambda name: -scores[name])[:1]


def give_up_on_exhausted() -> int:
    """Judge comments whose every try failed without scores: by lists and rules, or by a person."""
    database = parts.database()
    with database.writing() as session:
        comments = store.claim_exhausted(session, now=datetime.now(UTC))
    if not comments:
        return 0
    with database.reading() as session:
        ready = judging.prepare(session, comments, vault=parts.vault(), now=datetime.now(UTC))
    judgements = [_unscored(one) for one in ready]
    with database.writing() as session:
        lifecycle.settle(session, judgements, now=datetime.now(UTC))
    metrics.GIVEN_UP.inc(len(comments))
    log.warning("comments_given_up", comments=[comment.id for comment in comments])
    nudge(jobs.DELIVER)
    return len(comments)


def _unscored(one: Ready) -> opinion.Judgement:
    """Without scores; and without a look at the text where that already failed, or took the worker along."""
    if one.comment.attempts <= store.MAX_ATTEMPTS + 1:
        try:
            with parts.database().reading() as session:
                return judging.judge_unscored(session, one, now=datetime.now(UTC))
        except Exception as error:
            log.warning("lists_failed", comment=one.comment.id, error=type(error).__name__)
    return lifecycle.give_up(one.comment, on_error=one.policy.on_error)


@app.task(name=jobs.SWEEP)
def sweep() -> None:
    """Nudge again for whatever is pending or due: what a lost message would have done.

    The score nudge goes out even with nothing waiting: its heartbeat proves that work flows
    from the schedule through the broker to a worker and into the database.
    """
    with parts.database().writing() as session:
        store.beat(session, "sweep", now=datetime.now(UTC))
        breaker.bury_late(session, now=datetime.now(UTC))
    nudge(jobs.SCORE)
    with parts.database().reading() as session:
        due = claims.is_waiting(session, now=datetime.now(UTC))
    if due:
        nudge(jobs.DELIVER)
