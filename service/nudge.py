"""Tell the background door that there is work, without ever making a request wait.

A request sets a flag. One thread in each process publishes the job's name, coalesced: however many comments
came in meanwhile, one message says so. With the broker away or silent the thread alone waits, for 0.2 s
at a time, and a breaker spares it the waiting; the sweep of the background door finds the rows anyway.

Measured before: ``send_task(retry=False)`` blocks 6 s with the broker down and for ever with one that accepts
and stays silent; no retries of the library's own and socket time-outs make it 0.3 s.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
import weakref

from moderation.jobs import QUEUES, SCORE
from moderation.logs import log_of
from moderation.redis_address import transport_options
from moderation.tables import new_id

#: Seconds to wait for the broker to take a connection, and a message.
PATIENCE_SECONDS = 0.2
#: At most one message in this time: a worker that was just told takes along what came in since.
SPACING_SECONDS = 0.025
#: So many messages waiting for a worker are enough: each is taken up later than now, and then finds what
#: waits now. While a worker was busy they piled up behind it otherwise, and each cost 3 ms to find that there
#: was nothing to do; more than one, because the queue now and then holds a message of another kind.
ENOUGH_WAITING = 2
#: A nudge older than this helps nobody: the sweep was there in the meantime.
EXPIRES_SECONDS = 30
#: How long the breaker stays open after the first failure, doubled up to the longest.
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 15.0


class Nudger:
    """Publishes jobs by name from a thread of its own.

    :param broker_url: as kombu spells it.
    :param master: the one that Sentinel watches, where the address names sentinels.
    """

    def __init__(self, broker_url: str, master: str = "mymaster") -> None:
        self._broker_url = broker_url
        self._master = master
        self._begin()
        _ALL.add(self)

    def _begin(self) -> None:
        self._wanted: set[str] = set()
        self._condition = threading.Condition()
        self._thread: threading.Thread | None = None
        self._failures = 0
        self._stopped = False

    def ask(self, job: str) -> None:
        """Have the job published soon; returns at once."""
        with self._condition:
            self._wanted.add(job)
            if self._thread is None:
                self._stopped = False
                self._thread = threading.Thread(target=self._run, name="nudge", daemon=True)
                self._thread.start()
            self._condition.notify()

    @property
    def is_open(self) -> bool:
        """Whether the breaker is open: the last message did not reach the broker."""
        return self._failures > 0

    def stop(self) -> None:
        """End the thread; what was asked for is left to the sweep."""
        with self._condition:
            self._stopped = True
            thread, self._thread = self._thread, None
            self._condition.notify()
        if thread is not None:
            thread.join(timeout=2)

    def _run(self) -> None:
        sender: Sender | None = None
        while True:
            with self._condition:
                while not self._wanted and not self._stopped:
                    self._condition.wait()
                if self._stopped:
                    break
                jobs, self._wanted = self._wanted, set()
            try:
                sender = sender or Sender(self._broker_url, self._master)
                for job in sorted(jobs):
                    sender.publish(job)
                self._failures = 0
                time.sleep(SPACING_SECONDS)
            except Exception as error:
                self._failures += 1
                log_of(__name__).warning("nudge_failed", jobs=sorted(jobs), error=type(error).__name__)
                if sender is not None:
                    sender.close()
                sender = None
                with self._condition:
                    self._wanted |= jobs
                self._pause()
        if sender is not None:
            sender.close()

    def _pause(self) -> None:
        """Let the breaker stay open for a while; afterwards what was wanted is tried again."""
        pause = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** (self._failures - 1))
        until = time.monotonic() + pause
        with self._condition:
            while not self._stopped and (left := until - time.monotonic()) > 0:
                self._condition.wait(left)


class Sender:
    """A connection that only sends. Importing Celery takes a while, so that is done late.

    The message is Celery's own, handed straight to kombu: ``send_task`` costs twice as much, for routing and
    declaring what the workers have declared long ago.

    :raises Exception: whatever the broker's library raises; within a few of PATIENCE_SECONDS.
    """

    def __init__(self, broker_url: str, master: str) -> None:
        from celery import Celery

        self._app = Celery("btl-web", broker=broker_url, set_as_current=False)
        self._app.conf.update(
            broker_connection_timeout=PATIENCE_SECONDS,
            # No retries of the library's own: it would sleep between them.
            broker_transport_options=transport_options(
                broker_url,
                master,
                socket_timeout=PATIENCE_SECONDS,
                socket_connect_timeout=PATIENCE_SECONDS,
                max_retries=0,
                interval_start=0,
                interval_step=0,
            ),
        )
        self._connection = self._app.connection_for_write()
        self._producer = self._app.amqp.Producer(self._connection, auto_declare=False)

    def publish(self, job: str) -> None:
        if job == SCORE and self._waiting(QUEUES[job]) >= ENOUGH_WAITING:
            return
        message = self._app.amqp.as_task_v2(
            new_id(), job, expires=EXPIRES_SECONDS, ignore_result=True, argsrepr="()", kwargsrepr="{}"
        )
        self._producer.publish(
            message.body,
            exchange="",
            routing_key=QUEUES[job],
            headers=message.headers,
            serializer="json",
            **message.properties,
        )

    def _waiting(self, queue: str) -> int:
        """Messages that no worker has taken yet."""
        try:
            return int(self._producer.channel.queue_declare(queue, passive=True).message_count)
        except self._connection.channel_errors:  # no worker has made it yet; on Redis, it is empty
            return 0

    def close(self) -> None:
        with contextlib.suppress(Exception):  # it is closed because it failed
            self._connection.release()


def _begin_again() -> None:
    """In a forked child the parent's threads are not there, and its locks may be held for ever."""
    for nudger in _ALL:
        nudger._begin()


_ALL: weakref.WeakSet[Nudger] = weakref.WeakSet()
os.register_at_fork(after_in_child=_begin_again)
