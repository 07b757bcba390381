"""Deliver what is due: the task is a nudge to the process's courier."""

from __future__ import annotations

import threading
from typing import Any

from celery.signals import worker_shutdown, worker_shutting_down

from moderation import jobs
from moderation.egress import Egress
from moderation.targets import Targets
from worker import parts
from worker.celery import app, nudge, settings
from worker.courier import Courier

#: A task works this long and then lets the next nudge go on, well within the time limit.
BUDGET_SECONDS = 20

_couriers: list[Courier] = []
_making = threading.Lock()


@app.task(name=jobs.DELIVER)
def deliver() -> None:
    """Send everything that is due, or wake the thread of this process that is at it already."""
    if courier().run(BUDGET_SECONDS):
        nudge(jobs.DELIVER)


def courier() -> Courier:
    """The courier of this process; two tasks of a thread pool may ask for it at once."""
    with _making:
        if not _couriers:
            targets = Targets(settings.webhook_allowed_hosts)
            _couriers.append(Courier(parts.database(), parts.vault(), Egress(targets)))
        return _couriers[0]


@worker_shutting_down.connect
def _stop_claiming(**_: Any) -> None:
    """On SIGTERM: what is under way is finished, nothing new is begun."""
    for one in _couriers:
        one.stop()


@worker_shutdown.connect
def _write_what_is_left(**_: Any) -> None:
    """Without this, what was answered in the last moment would be sent a second time after a restart."""
    while _couriers:
        _couriers.pop().close()
