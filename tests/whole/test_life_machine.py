"""Any life of a comment, in any order, on both databases: what readers see is what was approved.

Hypothesis invents lives: receive, edit, score (also late, on a revision that is gone), decide, undo, appeal,
report, withdraw, erase, with time and deliveries in between. A model receiver gets every delivery and
does what docs/webhooks.md tells a site to do; it must show exactly what is published here.
"""

from __future__ import annotations

import json
import uuid
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import event, func, select

from moderation import claims, complaints, delivery, lifecycle
from moderation.delivery import Result
from moderation.egress import Answer
from moderation.erasure import erase_comment
from moderation.errors import Refused
from moderation.opinion import Judgement
from moderation.store import open_database, published_text_of
from moderation.tables import Appeal, Comment, Decision, Delivery, Event
from tests.conftest import NOON, make_site

PEOPLE = st.sampled_from(["ann", "ben"])
OUTCOMES = st.sampled_from(["approve", "hold", "reject"])
#: Within the time for an undo, and beyond it.
WAITS = st.sampled_from([1, 4, 11, 60])


class Receiver:
    """A site that follows the rules: an id once, a stale sequence never."""

    def __init__(self) -> None:
        self.bodies: dict[str, bytes] = {}
        self.sequence: dict[str, int] = {}
        self.shows: dict[str, tuple[str, str]] = {}

    def take(self, event_id: str, body: bytes) -> None:
        assert self.bodies.setdefault(event_id, body) == body, "one id with two payloads"
        message = json.loads(body)
        data, kind = message["data"], message["type"]
        comment, sequence = data["id"], data["sequence"]
        assert sequence > self.sequence.get(comment, 0), "sequence went back"
        self.sequence[comment] = sequence
        if kind in ("comment.approved", "comment.edited"):
            self.shows[comment] = (data["name"], data["body"])
        elif kind != "appeal.decided":
            self.shows.pop(comment, None)


class Life(RuleBasedStateMachine):
    """One comment's life; the database is shared by all lives, each with a site of its own."""

    database: Any
    vault: Any

    @initialize()
    def receive(self) -> None:
        self.now = NOON
        self.receiver = Receiver()
        self.claimed: list[tuple[str, int]] = []
        with self.database.writing() as session:
            site = make_site(
                session, self.vault, slug=uuid.uuid4().hex, endpoint="https://news.example/hooks"
            )
            self.site = site.id
            self.comment = lifecycle.receive(
                session,
                site_id=site.id,
                vault=self.vault,
                now=self.now,
                name="Maya",
                email="maya@reader.example",
                body="revision 1",
            ).id

    @rule(number=st.integers(2, 9))
    def edit(self, number: int) -> None:
        self._try(lambda s, c: lifecycle.edit(s, c, body=f"text {number}", name=None, now=self.now))

    @rule()
    def claim_for_scoring(self) -> None:
        """A worker takes the comment as it stands; whatever happens next may overtake it."""
        with self.database.reading() as session:
            comment = session.get_one(Comment, self.comment)
            if comment.judged_at is None:
                self.claimed.append((comment.id, comment.revision))

    @precondition(lambda self: self.claimed)
    @rule(outcome=OUTCOMES, late=st.booleans())
    def settle(self, outcome: str, late: bool) -> None:
        _, revision = self.claimed[0] if late else self.claimed.pop()
        with self.database.writing() as session:
            comment = session.get_one(Comment, self.comment)
            # As the worker read it: detached, and with the revision of that time.
            session.expunge(comment)
            is_stale = comment.revision != revision or comment.judged_at is not None
            comment.revision = revision
            judgement = Judgement(comment, outcome, reasons=[], scores={"spam": 0.5}, model="test")
            settled = lifecycle.settle(session, [judgement], now=self.now)
            assert len(settled) == (0 if is_stale else 1)

    @rule(action=st.sampled_from(["approve", "reject", "hold"]), who=PEOPLE)
    def decide(self, action: str, who: str) -> None:
        self._try(
            lambda s, c: lifecycle.decide(s, c, action=action, by_kind="moderator", by_id=who, now=self.now)
        )

    @rule()
    def undo(self) -> None:
        def act(session: Any, comment: Comment) -> None:
            last = session.scalar(
                select(Decision)
                .where(Decision.comment_id == comment.id)
                .order_by(Decision.id.desc())
                .limit(1)
            )
            if last is not None and last.by_kind == "moderator" and last.action in lifecycle.ACTIONS:
                lifecycle.undo(session, comment, last, by_id=last.by_id, now=self.now)

        self._try(act)

    @rule(ask=st.sampled_from(["report", "appeal", "uphold", "overturn"]), who=PEOPLE)
    def ask(self, ask: str, who: str) -> None:
        """A reader complains, the author appeals, a person answers the appeal."""

        def act(session: Any, comment: Comment) -> None:
            if ask == "report":
                complaints.report(session, comment, reporter_hash=who, now=self.now)
            elif ask == "appeal":
                complaints.appeal(session, comment, text="look again", now=self.now)
            else:
                row = session.scalar(
                    select(Appeal).where(Appeal.comment_id == comment.id, Appeal.status == "open")
                )
                if row is not None:
                    overturn = ask == "overturn"
                    complaints.decide_appeal(
                        session, row, comment, overturn=overturn, by_id=who, answer="", now=self.now
                    )

        self._try(act)

    @rule(end=st.sampled_from(["not yet", "not yet", "not yet", "withdraw", "erase"]))
    def end(self, end: str) -> None:
        def act(session: Any, comment: Comment) -> None:
            if end == "withdraw":
                lifecycle.withdraw(session, comment, by_kind="author", by_id="", now=self.now)
            elif end == "erase" and comment.status != "erased":
                erase_comment(session, comment, by_kind="site", by_id="", now=self.now)

        self._try(act)

    @rule(seconds=WAITS, fails=st.sampled_from([False, False, True]))
    def deliver(self, seconds: int, fails: bool) -> None:
        """Time passes and what is due is sent; with ``fails``, the receiver takes it and the answer is lost."""
        self.now += timedelta(seconds=seconds)
        while self._deliver_once(fails):
            if fails:
                break

    @invariant()
    def all_is_well(self) -> None:
        with self.database.reading() as session:
            comment = session.get_one(Comment, self.comment)
            self._only_what_is_approved_is_public(session, comment)
            self._the_log_is_a_chain_and_the_machine_spoke_once_about_a_revision(session, comment)
            self._events_are_numbered_without_a_gap(session, comment)

    def _only_what_is_approved_is_public(self, session: Any, comment: Comment) -> None:
        assert (comment.published_revision is not None) == (comment.status == "approved")
        if comment.status == "approved" and comment.judged_at is not None:
            assert comment.published_revision == comment.revision
        if comment.status == "pending":
            assert comment.judged_at is None
        public = published_text_of(session, comment)
        assert public is None or public[1] != ""

    def _the_log_is_a_chain_and_the_machine_spoke_once_about_a_revision(
        self, session: Any, comment: Comment
    ) -> None:
        lines = session.scalars(
            select(Decision).where(Decision.comment_id == comment.id).order_by(Decision.id)
        ).all()
        status = "pending"
        for line in lines:
            assert line.old_status == status
            status = line.new_status
        assert status == comment.status
        by_machine = [line.revision for line in lines if line.by_kind == "policy"]
        assert len(by_machine) == len(set(by_machine))

    def _events_are_numbered_without_a_gap(self, session: Any, comment: Comment) -> None:
        numbers = session.scalars(
            select(Event.sequence).where(Event.comment_id == comment.id).order_by(Event.sequence)
        ).all()
        assert list(numbers) == list(range(1, comment.sequence + 1))

    def teardown(self) -> None:
        """When all is delivered, the site shows exactly what is published here."""
        if not hasattr(self, "comment"):
            return
        self.now += timedelta(days=30)
        while self._deliver_once(fails=False):
            pass
        with self.database.reading() as session:
            comment = session.get_one(Comment, self.comment)
            shown = self.receiver.shows.get(self.comment)
            assert shown == published_text_of(session, comment), f"the site shows {shown}"
            waiting = select(func.count()).where(Delivery.site_id == self.site, Delivery.status == "due")
            assert session.scalar(waiting) == 0
            if comment.status == "erased":
                kept = json.dumps(
                    [
                        told.payload
                        for told in session.scalars(select(Event).where(Event.comment_id == self.comment))
                    ]
                )
                assert "text" not in kept.replace('"text": ""', "")
                assert "Maya" not in kept

    def _deliver_once(self, fails: bool) -> int:
        with self.database.writing() as session:
            parcels = claims.claim(session, self.vault, now=self.now, limit=8, each=8, room={})
            parcels = [parcel for parcel in parcels if parcel.site_id == self.site]
        for parcel in parcels:
            if parcel.event_id not in self.receiver.bodies:  # a receiver ignores an id that it has had
                self.receiver.take(parcel.event_id, parcel.body)
            else:
                assert self.receiver.bodies[parcel.event_id] == parcel.body
        answer = Answer(None, error="lost") if fails else Answer(204)
        with self.database.writing() as session:
            delivery.record(session, [Result(p, self.now, 1, answer) for p in parcels], now=self.now)
        return len(parcels)

    def _try(self, act: Any) -> None:
        """Do one thing to the locked comment; a refusal is an answer, and changes nothing."""
        self.now += timedelta(milliseconds=1)
        try:
            with self.database.writing() as session:
                comment = session.scalars(
                    select(Comment).where(Comment.id == self.comment).with_for_update()
                ).one()
                act(session, comment)
        except Refused:
            pass


@pytest.mark.parametrize(("kind", "lives"), [("sqlite", 60), ("postgres", 20)])
def test_whatever_happens_to_a_comment_readers_see_what_was_approved(kind, lives, request, vault):
    database = open_database(request.getfixturevalue(f"{kind}_url"))
    if kind == "sqlite":  # no power is cut here: a thousand commits need not reach the disk

        @event.listens_for(database.engine, "connect")
        def hurry(connection: Any, _: Any) -> None:
            connection.execute("PRAGMA synchronous=OFF")

    machine = type("Life", (Life,), {"database": database, "vault": vault})
    try:
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=lives,
                stateful_step_count=20,
                deadline=None,
                derandomize=True,
                phases=[Phase.generate],  # a failing life is short enough to read as it is
                suppress_health_check=list(HealthCheck),
            ),
        )
    finally:
        database.engine.dispose()
