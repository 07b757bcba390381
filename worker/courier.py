"""Carry due deliveries to their receivers: many at a time, no receiver at another's expense.

One courier in each process. Attempts run in threads; between them the courier's loop writes what came
back and claims what is due next, both in one transaction, so that a hundred deliveries cost a few commits.
What it holds in memory is only what is on its way: the rows know the rest.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from sqlalchemy.orm import Session

from moderation import claims, delivery, store
from moderation.delivery import Parcel, Result
from moderation.egress import Answer, Egress
from moderation.logs import log_of
from moderation.store import Database
from moderation.vault import Vault

log = log_of(__name__)

#: Attempts under way at a time: to all receivers, to one that answers, to one that has yet to show that.
THREADS, EACH, AT_FIRST = 48, 8, 2
#: A receiver that has kept one attempt waiting this long gets no other until it answers.
SLOW_SECONDS = 1.0
#: How often rows are looked at while attempts are under way and nobody nudges.
LOOK_SECONDS = 0.2
#: Answers that come within this time of the first one are written together.
GATHER_SECONDS = 0.003
BEAT_SECONDS = 2.0


class Courier:
    """Sends what is due until nothing is.

    :param vault: decrypts the endpoints' secrets.
    :param threads: attempts under way at a time.
    """

    def __init__(
        self,
        database: Database,
        vault: Vault,
        egress: Egress,
        *,
        threads: int = THREADS,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database = database
        self._vault = vault
        self._egress = egress
        self._threads = threads
        self._clock = clock
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="deliver")
        self._running = threading.Lock()
        self._wake = threading.Event()
        self._stopping = False
        self._came_back: deque[Result] = deque()
        #: endpoint id -> parcel (by identity) -> when it was sent (monotonic). Only the loop touches it. One
        #: delivery may be under way twice: recovered, or its lease over by a clock that was put forward.
        self._under_way: dict[str, dict[int, float]] = {}
        #: Endpoints whose last answer was quick.
        self._quick: set[str] = set()
        self._beat_at = float("-inf")

    def run(self, seconds: float) -> bool:
        """Deliver for a while. When another thread is at it already, that one is woken instead.

        :return: whether time ran out with work left: nudge again. Attempts still under way go on, and
            the next run takes in what comes of them.
        """
        self._wake.set()
        is_left = False
        # Woken while leaving: the nudge that came in this moment must not be lost.
        while self._wake.is_set() and self._running.acquire(blocking=False):
            try:
                is_left = self._run(time.monotonic() + seconds)
            finally:
                self._running.release()
            if is_left:
                break
        return is_left

    def stop(self) -> None:
        """Claim nothing more; what is under way is finished and written by whoever runs or closes."""
        self._stopping = True
        self._wake.set()

    def close(self) -> None:
        """Stop, wait for what is under way and write what came of it."""
        self.stop()
        with self._running:
            while self._under_way:
                self._wake.wait(LOOK_SECONDS)
                self._wake.clear()
                self._round()
        self._pool.shutdown()
        self._egress.close()

    def _run(self, until: float) -> bool:
        while True:
            self._wake.clear()
            claimed = self._round()
            if self._stopping and not self._under_way:
                return False
            if not self._stopping and time.monotonic() >= until:
                return True
            if not claimed and not self._under_way:
                return False
            self._wake.wait(LOOK_SECONDS)
            if self._came_back:
                time.sleep(GATHER_SECONDS)

    def _round(self) -> int:
        """Write what came back, claim what is due, send it. :return: how many were claimed."""
        results = list(self._came_back)
        parcels: list[Parcel] = []
        now = self._clock()
        if results or self._has_work(now):
            with self._database.writing() as session:
                delivery.record(session, results, now=now)
                self._beat(session, now)
                if not self._stopping:
                    parcels = self._claim(session, results, now)
        # Only what is committed is forgotten: with the database gone the results wait for the next round.
        for result in results:
            self._came_back.popleft()
            its = self._under_way[result.parcel.endpoint_id]
            its.pop(id(result.parcel), None)
            if not its:
                del self._under_way[result.parcel.endpoint_id]
            if result.is_success and result.duration_ms < 1000 * SLOW_SECONDS:
                self._quick.add(result.parcel.endpoint_id)
            else:
                self._quick.discard(result.parcel.endpoint_id)
                log.info(
                    "delivery_failed",
                    delivery=result.parcel.delivery_id,
                    endpoint=result.parcel.endpoint_id,
                    attempt=result.parcel.attempt,
                    status=result.answer.status,
                )
        for parcel in parcels:
            self._under_way.setdefault(parcel.endpoint_id, {})[id(parcel)] = time.monotonic()
            self._pool.submit(self._carry, parcel)
        if results or parcels:
            log.info("deliveries", sent=len(parcels), answered=len(results))
        return len(parcels)

    def _carry(self, parcel: Parcel) -> None:
        try:
            result = delivery.send(self._egress, parcel, clock=self._clock)
        except Exception as error:  # a fault of ours must not leave the delivery under way for ever
            log.exception("delivery_broke", delivery=parcel.delivery_id)
            answer = Answer(None, error=f"Not sent: {type(error).__name__}.")
            result = Result(parcel, self._clock(), 0, answer)
        self._came_back.append(result)
        self._wake.set()

    def _has_work(self, now: datetime) -> bool:
        """Look without a write lock: on SQLite a claim that finds nothing would still stop all writers."""
        if self._stopping:
            return False
        with self._database.reading() as session:
            return claims.is_due(session, now=now)

    def _claim(self, session: Session, answered: list[Result], now: datetime) -> list[Parcel]:
        done = {id(result.parcel) for result in answered}
        busy: dict[str, list[float]] = {}
        for endpoint, its in self._under_way.items():
            since = [at for of, at in its.items() if of not in done]
            if since:
                busy[endpoint] = since
        slow_before = time.monotonic() - SLOW_SECONDS
        room = dict.fromkeys(self._quick, EACH)
        for endpoint, since in busy.items():
            is_slow = min(since) < slow_before
            room[endpoint] = 0 if is_slow else room.get(endpoint, AT_FIRST) - len(since)
        return claims.claim(
            session,
            self._vault,
            now=now,
            limit=self._threads - sum(map(len, busy.values())),
            each=AT_FIRST,
            room=room,
            busy=busy,
        )

    def _beat(self, session: Session, now: datetime) -> None:
        if time.monotonic() - self._beat_at >= BEAT_SECONDS:
            self._beat_at = time.monotonic()
            store.beat(session, "deliver", now=now)
