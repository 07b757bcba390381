"""Copies seen before: look for them around a batch of comments, and keep what finds the next ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import Table, delete, select, update
from sqlalchemy.orm import Session

from moderation import duplicates
from moderation.asked import is_among, put_all
from moderation.duplicates import ALIKE_AT, CONTACTS, fingerprints
from moderation.signals import History
from moderation.tables import Comment, Fingerprint

#: How long a text's fingerprint is looked for; retention.py sweeps older ones away.
MEMORY_DAYS = 30
#: A copy this close to one already known adds no fingerprints: a campaign of any size stays a few rows.
SAME_AT = 0.8
#: From here on a text is akin to another: variants of a campaign that was spun from a template of synonyms
#: share a third of their pairs of words, unrelated comments next to none. A person looks at it.
AKIN_AT = 0.3
MOST_CANDIDATES = 2_000
MOST_OF_A_CLUSTER = 2_000
#: So many comments with one link or contact tell enough; more are not kept.
ENOUGH_OF_A_CONTACT = 50
#: A machine's rejection speaks against copies only when the score was this sure; a person's always.
SURE = 0.9

Key = tuple[str, str]


@dataclass(slots=True)
class Recalled:
    """Histories of a batch, and what has to be kept of it once it is settled."""

    histories: dict[str, History]
    new_keys: dict[str, dict[int, str]] = field(default_factory=dict)
    founders: set[str] = field(default_factory=set)


@dataclass(slots=True)
class _Seen:
    """An earlier comment that may be the same text."""

    id: str
    cluster: str | None
    print: duplicates.Fingerprint
    status: str
    counts_against: bool
    name: str


def look_back(
    session: Session,
    comments: Sequence[Comment],
    facts: Mapping[str, Mapping[str, Any]],
    histories: dict[str, History],
    *,
    sure: Collection[str] = (),
    now: datetime,
) -> Recalled:
    """Find the copies of each comment among the earlier ones and within the batch.

    :param comments: oldest first.
    :param histories: comment id -> what else is known; completed here.
    :param sure: those of the batch that the machine rejects by a sure score: they speak against the copies
        that came in the same breath.
    """
    recalled = Recalled(histories)
    statuses = {c.id: ("rejected", True) if c.id in sure else ("pending", False) for c in comments}
    prints = dict(zip([c.id for c in comments], fingerprints([c.body for c in comments]), strict=True))
    contacts = {c.id: duplicates.contacts(c.body, facts.get(c.id, {})) for c in comments}
    seen = _seen_before(session, comments, prints, now)
    met = _contacts_before(session, comments, contacts, now)
    matches = {c.id: _best(prints[c.id], seen, c) for c in comments}
    clusters = {m.cluster for m, _ in matches.values() if m is not None and m.cluster}
    members = _members(session, {c.site_id for c in comments}, clusters)
    for comment in comments:
        mine, history = prints[comment.id], recalled.histories[comment.id]
        match, index = matches[comment.id]
        if match is None:
            # within the batch: the first of many copies comes in the same breath as the others
            match, index = _best(mine, seen, comment)
        if match is not None:
            cluster = match.cluster or match.id
            others = [m for m in members.get(cluster, [match]) if m.id != comment.id]
            if match.cluster is None:
                match.cluster = cluster
                recalled.founders.add(cluster)
            rejected = sum(m.status == "rejected" and m.counts_against for m in others)
            approved = sum(m.status == "approved" for m in others)
            history = replace(
                history,
                cluster=cluster,
                alike=len(others),
                alike_exact=len(others) if index == 1.0 else 0,
                # where people let copies through, the text is not what was wrong
                alike_rejected=rejected if rejected > approved else 0,
                alike_names=len({m.name.casefold() for m in others} | {comment.name.casefold()}),
            )
            me = _Seen(comment.id, cluster, mine, *statuses[comment.id], comment.name)
            members.setdefault(cluster, [match]).append(me)
        else:
            history = replace(history, akin_rejected=_akin_rejected(mine, seen, comment))
        keys = {} if match is not None and index >= SAME_AT else dict(mine.keys)
        rejected, approved = 0, 0
        for number, band in contacts[comment.id].items():
            of = met.get((comment.site_id, band), Counter())
            if of["approved"] == 0:
                rejected = max(rejected, of["rejected"])
            approved = max(approved, of["approved"])
            if sum(of.values()) < ENOUGH_OF_A_CONTACT:
                keys[number] = band
        recalled.histories[comment.id] = replace(
            history, contact_rejected=rejected, contact_approved=0 if rejected else approved
        )
        recalled.new_keys[comment.id] = keys
        if keys:
            known_as = recalled.histories[comment.id].cluster
            me = _Seen(comment.id, known_as, mine, *statuses[comment.id], comment.name)
            for number, band in mine.keys.items():
                seen.setdefault((comment.site_id, f"{number}:{band}"), []).append(me)
    return recalled


def remember(session: Session, recalled: Recalled, settled: Iterable[Comment]) -> None:
    """Keep the fingerprints of comments that were settled, in the same transaction."""
    settled = list(settled)
    edited = [c.id for c in settled if c.revision > 1]
    if edited:
        session.execute(delete(Fingerprint).where(Fingerprint.comment_id.in_(edited)))
    rows = [
        {
            "comment_id": comment.id,
            "number": number,
            "site_id": comment.site_id,
            "band": band,
            "received_at": comment.received_at,
        }
        for comment in settled
        for number, band in recalled.new_keys.get(comment.id, {}).items()
    ]
    put_all(session, cast(Table, Fingerprint.__table__), rows)
    if recalled.founders:
        founders = sorted(recalled.founders)
        session.execute(
            update(Comment)
            .where(Comment.id.in_(founders), Comment.cluster.is_(None))
            .values(cluster=Comment.id)
            .execution_options(synchronize_session=False)
        )


def _seen_before(
    session: Session, comments: Sequence[Comment], prints: Mapping[str, duplicates.Fingerprint], now: datetime
) -> dict[Key, list[_Seen]]:
    bands = sorted({band for found in prints.values() for band in found.keys.values()})
    if not bands:
        return {}
    rows = session.execute(
        select(
            Fingerprint.site_id, Fingerprint.number, Fingerprint.band, Comment.id, Comment.cluster,
            Comment.body, Comment.status, Comment.verdict, Comment.top_score, Comment.name,
        )
        .join(Comment, Comment.id == Fingerprint.comment_id)
        .where(
            Fingerprint.site_id.in_({c.site_id for c in comments}),
            is_among(session, Fingerprint.band, bands),
            Fingerprint.number < CONTACTS,
            Fingerprint.received_at >= now - timedelta(days=MEMORY_DAYS),
        )
        .order_by(Fingerprint.received_at.desc())
        .limit(MOST_CANDIDATES)
    ).all()  # fmt: skip
    bodies = {row.id: row.body for row in rows}
    known = dict(zip(bodies, fingerprints(list(bodies.values())), strict=True))
    found: dict[Key, list[_Seen]] = {}
    once: dict[str, _Seen] = {}
    for row in rows:
        one = once.setdefault(
            row.id, _Seen(row.id, row.cluster, known[row.id], row.status, _counts_against(row), row.name)
        )
        found.setdefault((row.site_id, f"{row.number}:{row.band}"), []).append(one)
    return found


def _counts_against(row: Any) -> bool:
    """Whether a rejection speaks against copies: a person's does, a closed article or a ban does not."""
    return row.verdict != "reject" or (row.top_score or 0.0) >= SURE


def _candidates(
    mine: duplicates.Fingerprint, seen: Mapping[Key, list[_Seen]], comment: Comment
) -> Iterable[_Seen]:
    return {
        one.id: one
        for number, band in mine.keys.items()
        for one in seen.get((comment.site_id, f"{number}:{band}"), ())
        if one.id != comment.id
    }.values()


def _akin_rejected(mine: duplicates.Fingerprint, seen: Mapping[Key, list[_Seen]], comment: Comment) -> int:
    """How many texts that are akin were rejected; 0 where as many were let through."""
    akin = [one for one in _candidates(mine, seen, comment) if mine.jaccard(one.print) >= AKIN_AT]
    rejected = sum(one.status == "rejected" and one.counts_against for one in akin)
    return rejected if rejected > sum(one.status == "approved" for one in akin) else 0


def _best(
    mine: duplicates.Fingerprint, seen: Mapping[Key, list[_Seen]], comment: Comment
) -> tuple[_Seen | None, float]:
    best, index = None, 0.0
    for one in _candidates(mine, seen, comment):
        found = mine.jaccard(one.print)
        if found > index:
            best, index = one, found
    return (best, index) if index >= ALIKE_AT else (None, index)


def _members(session: Session, sites: set[str], clusters: set[str]) -> dict[str, list[_Seen]]:
    if not clusters:
        return {}
    rows = session.execute(
        select(Comment.id, Comment.cluster, Comment.status, Comment.verdict, Comment.top_score, Comment.name)
        .where(Comment.site_id.in_(sites), Comment.cluster.in_(clusters))
        .order_by(Comment.id.desc())
        .limit(MOST_OF_A_CLUSTER)
    )
    found: dict[str, list[_Seen]] = {}
    nothing = duplicates.Fingerprint({}, frozenset(), "")
    for row in rows:
        one = _Seen(row.id, row.cluster, nothing, row.status, _counts_against(row), row.name)
        found.setdefault(row.cluster, []).append(one)
    return found


def _contacts_before(
    session: Session, comments: Sequence[Comment], contacts: Mapping[str, dict[int, str]], now: datetime
) -> dict[Key, Counter[str]]:
    """(site, contact) -> how the comments that carried it ended."""
    bands = sorted({band for keys in contacts.values() for band in keys.values()})
    if not bands:
        return {}
    rows = session.execute(
        select(
            Fingerprint.site_id,
            Fingerprint.band,
            Comment.id,
            Comment.status,
            Comment.verdict,
            Comment.top_score,
        )
        .join(Comment, Comment.id == Fingerprint.comment_id)
        .where(
            Fingerprint.site_id.in_({c.site_id for c in comments}),
            is_among(session, Fingerprint.band, bands),
            Fingerprint.number >= CONTACTS,
            Fingerprint.received_at >= now - timedelta(days=MEMORY_DAYS),
        )
        .order_by(Fingerprint.received_at.desc())
        .limit(MOST_CANDIDATES)
    )
    found: dict[Key, Counter[str]] = {}
    judged_now = {c.id for c in comments}
    for row in rows:
        if row.id in judged_now:
            continue
        status = row.status if row.status != "rejected" or _counts_against(row) else "other"
        found.setdefault((row.site_id, row.band), Counter())[status] += 1
    return found
