"""Seal the decision log into a chain of hashes, in batches, so that a change to it shows.

A link's digest is SHA-256 over the previous link's digest and the salted digest of every
decision in the batch. A decision holds ids and numbers and no reader's text, so an erasure leaves it
as it is. One job seals; workers that decide never wait for it.

Source: S. Haber and W. S. Stornetta, J. Cryptology 3 (1991) 99-111 (linked time-stamping).
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from moderation.tables import Decision, Seal

BATCH = 5_000
GENESIS = "0" * 64
#: `note` is written by a person and may quote a reader: an erasure empties it.
UNSEALED = frozenset({"seal_id", "note"})
#: Ids are made before their transaction commits: a batch is sealed when its stragglers have surely landed.
SETTLING_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Break:
    """A link of the chain that does not hold.

    :param says: what differs and where, for the operator.
    """

    seal_id: int
    says: str


def seal(session: Session, *, now: datetime, limit: int = BATCH) -> int:
    """Add one link over the decisions that have none yet.

    :return: how many decisions it covers; 0 when there was nothing to seal.
    """
    last = session.scalar(select(Seal).order_by(Seal.id.desc()).limit(1).with_for_update())
    batch = list(
        session.scalars(
            select(Decision)
            .where(
                Decision.seal_id.is_(None), Decision.created_at < now - timedelta(seconds=SETTLING_SECONDS)
            )
            .order_by(Decision.id)
            .limit(limit)
        )
    )
    if not batch:
        return 0
    salt = secrets.token_hex(32)
    previous = last.digest if last else GENESIS
    link = Seal(
        id=(last.id if last else 0) + 1,
        count=len(batch),
        first_decision=batch[0].id,
        last_decision=batch[-1].id,
        salt=salt,
        previous=previous,
        digest=_digest(previous, salt, batch),
        created_at=now,
    )
    session.add(link)
    session.flush()
    session.execute(
        update(Decision)
        .where(Decision.id.in_([decision.id for decision in batch]))
        .values(seal_id=link.id)
        .execution_options(synchronize_session=False)
    )
    return len(batch)


def verify(session: Session) -> Iterator[int | Break]:
    """Walk the chain from its first link.

    :return: for each link either how many decisions it covers, or what is wrong with it.
    """
    previous = GENESIS
    for link in session.scalars(select(Seal).order_by(Seal.id)):
        found = list(
            session.scalars(select(Decision).where(Decision.seal_id == link.id).order_by(Decision.id))
        )
        if link.previous != previous:
            yield Break(link.id, "it does not continue the link before it: a link was removed or replaced")
        elif len(found) != link.count:
            yield Break(link.id, f"it was made over {link.count} decisions and {len(found)} are there")
        elif not hmac.compare_digest(_digest(link.previous, link.salt, found), link.digest):
            yield Break(link.id, f"a decision from {link.first_decision} to {link.last_decision} was changed")
        else:
            yield link.count
        previous = link.digest


def unsealed(session: Session) -> int:
    """How many decisions no link covers yet."""
    return session.scalar(select(func.count(Decision.id)).where(Decision.seal_id.is_(None))) or 0


def _digest(previous: str, salt: str, batch: list[Decision]) -> str:
    chain = hashlib.sha256(previous.encode())
    for decision in batch:
        chain.update(hmac.new(salt.encode(), _canonical(decision), hashlib.sha256).digest())
    return chain.hexdigest()


def _canonical(decision: Decision) -> bytes:
    """The same bytes for the same decision, whichever database it was read from."""
    line = {
        column.key: getattr(decision, column.key)
        for column in Decision.__table__.columns
        if column.key not in UNSEALED
    }
    line["created_at"] = decision.created_at.astimezone(UTC).isoformat(timespec="microseconds")
    return json.dumps(line, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()
