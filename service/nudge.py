"""Tell the background door that there is work, without ever making a request wait.

A request sets a flag. One thread in each process publishes the job's name, coalesced: however many comments
came in meanwhile, one message says so. With the broker away or silent the thread alone waits, for 0.2 s
at a time, and a breaker spares it the waiting; the sweep of the background door finds the rows anyway.

Measured before (docs/adr): ``send_task(retry=False)`` blocks 6 s with the broker down and for ever with
one that accepts and stays silent; a retry policy of zeros with socket time-outs does not.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Mapping
from typing import Any

from moderation.jobs import QUEUES
from moderation.logs import log_of

#: Seconds to wait for the broker to take a connection, and a message.
PATIENCE_SECONDS = 0.2
#: At most one message in this time: a worker that was just told takes along what came in since.
SPACING_SECONDS = 0.025
#: A nudge older than this helps nobody: the sweep was there in the meantime.
EXPIRES_SECONDS = 30
#: How long the breaker stays open after the first failure, doubled up to the longest.
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 15.0


class Nudger:
    """Publishes jobs by name from a thread of its own.

    :param broker_url: as kombu spells it.
    :param options: what kombu's transport must be told besides.
    """

    def __init__(self, broker_url: str, options: Mapping[str, Any] | None = None) -> None:
        self._broker_url = broker_url
        self._options = dict(options or {})
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
        sender: Any = None
        while True:
            with self._condition:
                while not self._wanted and not self._stopped:
                    self._condition.wait()
                if self._stopped:
                    break
                jobs, self._wanted = self._wanted, set()
            try:
                sender = sender or sender_to(self._broker_url, self._options)
                for job in sorted(jobs):
                    publish(sender, job)
                self._failures = 0
                time.sleep(SPACING_SECONDS)
            except Exception as error:
                self._failures += 1
                log_of(__name__).warning("nudge_failed", jobs=sorted(jobs), error=type(error).__name__)
                _close(sender)
                sender = None
                self._pause()
        _close(sender)

    def _pause(self) -> None:
        """Let the breaker stay open for a while, asking again afterwards for what was wanted meanwhile."""
        pause = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** (self._failures - 1))
        until = time.monotonic() + pause
        with self._condition:
            while not self._stopped and (left := until - time.monotonic()) > 0:
                self._condition.wait(left)


def sender_to(broker_url: str, options: Mapping[str, Any]) -> Any:
    """A Celery application that only sends; importing the library takes a while, so late."""
    from celery import Celery

    sender = Celery("btl-web", broker=broker_url, set_as_current=False)
    sender.conf.update(
        task_serializer="json",
        task_ignore_result=True,
        broker_connection_timeout=PATIENCE_SECONDS,
        broker_transport_options={
            "socket_timeout": PATIENCE_SECONDS,
            "socket_connect_timeout": PATIENCE_SECONDS,
            "max_retries": 0,
            "interval_start": 0,
            "interval_step": 0,
            **options,
        },
        task_publish_retry=True,
        task_publish_retry_policy={
            "max_retries": 0,
            "interval_start": 0,
            "interval_step": 0,
            "interval_max": 0,
        },
    )
    return sender


def publish(sender: Any, job: str) -> None:
    """:raises Exception: whatever the broker's library raises; within a few of PATIENCE_SECONDS."""
    sender.send_task(job, queue=QUEUES[job], expires=EXPIRES_SECONDS)


def _close(sender: Any) -> None:
    if sender is not None:
        try:
            sender.close()
        except Exception as error:
            log_of(__name__).debug("sender_not_closed", error=type(error).__name__)


def _begin_again() -> None:
    """In a forked child the parent's threads are not there, and its locks may be held for ever."""
    for nudger in _ALL:
        nudger._begin()


_ALL: weakref.WeakSet[Nudger] = weakref.WeakSet()
os.register_at_fork(after_in_child=_begin_again)
