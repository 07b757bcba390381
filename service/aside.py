"""Work that a request leaves for later: done soon, in order, by one thread of the process.

For what nobody waits for and what may be lost with the process: when a key was last used, the audit line
of a compatible endpoint. A comment never comes this way.
"""

from __future__ import annotations

import os
import queue
import threading
import weakref
from collections.abc import Callable

from moderation.logs import log_of

#: More waiting work than this is dropped: a database that hangs must not fill the memory.
MOST_WAITING = 10_000


class Aside:
    """A queue and one thread, started when first needed in each process."""

    def __init__(self) -> None:
        self._begin()
        _ALL.add(self)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._waiting: queue.Queue[Callable[[], object] | None] = queue.Queue(MOST_WAITING)
        self._thread: threading.Thread | None = None

    def later(self, work: Callable[[], object]) -> bool:
        """Do it soon; returns at once.

        :return: whether there was room for it.
        """
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="aside", daemon=True)
                self._thread.start()
        try:
            self._waiting.put_nowait(work)
        except queue.Full:
            return False
        return True

    def wait(self) -> None:
        """Until all that was left here is done."""
        self._waiting.join()

    def stop(self) -> None:
        """Do what waits, then end the thread."""
        with self._lock:
            thread, self._thread = self._thread, None
        if thread is not None:
            self._waiting.put(None)
            thread.join(timeout=5)

    def _run(self) -> None:
        while (work := self._waiting.get()) is not None:
            try:
                work()
            except Exception as error:
                log_of(__name__).warning("aside_failed", error=type(error).__name__)
            finally:
                self._waiting.task_done()
        self._waiting.task_done()


def _begin_again() -> None:
    """In a forked child the parent's threads are not there, and its locks may be held for ever."""
    for one in _ALL:
        one._begin()


_ALL: weakref.WeakSet[Aside] = weakref.WeakSet()
os.register_at_fork(after_in_child=_begin_again)
