"""The Celery app: what every option prevents stands beside it.

Two kinds of worker share it, each with its queue, so that a slow receiver never delays a score:
``celery -A worker worker -Q score -P prefork -c 1`` and ``celery -A worker worker -Q deliver -P threads``.
"""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

from celery import Celery
from celery.signals import setup_logging, worker_process_init
from kombu import Queue

from moderation import jobs, logs
from moderation.redis_address import transport_options
from moderation.settings import Settings
from worker import broker_loss

settings = Settings.from_environment(os.environ)

broker_loss.forgive()

app = Celery(
    "btl",
    broker=settings.broker_url,
    include=[
        "worker.tasks",
        "worker.tasks_callback",
        "worker.tasks_deliver",
        "worker.tasks_keep",
        "worker.tasks_learn",
        "worker.reporting",
    ],
)

#: A stuck task is killed after this; the lease on its rows (store.LEASE_SECONDS) outlives it, so that
#: no second worker takes the rows while the first still works on them.
TIME_LIMIT_SECONDS = 30

app.conf.update(
    # Only ids and nothing else travel, and never a pickle: a broker that strangers reached could run code.
    task_serializer="json",
    accept_content=["json"],
    # Nobody reads results; without this every nudge would leave a key in Redis for a day.
    task_ignore_result=True,
    result_backend=None,
    # A worker that dies in the middle gives its message back…
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    # …but not for ever: a message that kills its worker ran in an endless loop when measured.
    # (Tries of a comment are counted on its row; this bounds the message.)
    task_retry_on_worker_lost=True,
    task_annotations={"*": {"max_retries": 3}},
    # One message at a time: those prefetched by a dying worker would wait for the visibility timeout.
    worker_prefetch_multiplier=1,
    task_time_limit=TIME_LIMIT_SECONDS,
    task_soft_time_limit=TIME_LIMIT_SECONDS - 5,
    # Longer than the time limit: a shorter one starts a running task a second time, in parallel.
    # Time-outs everywhere: without socket_timeout a publish to a silent broker waits for ever.
    broker_transport_options=transport_options(
        settings.broker_url,
        settings.redis_master,
        visibility_timeout=TIME_LIMIT_SECONDS * 4,
        socket_timeout=10,
        socket_connect_timeout=3,
        socket_keepalive=True,
        health_check_interval=10,
    ),
    # The broker may come up after us, or go away for a night: keep trying, at most every few seconds.
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    # A connection that is lost with tasks running: they are cancelled and redelivered, not doubled.
    worker_cancel_long_running_tasks_on_connection_loss=True,
    # Publishing never blocks: one try, at once. What is lost here, sweep finds on the rows.
    task_publish_retry=True,
    task_publish_retry_policy={
        "max_retries": 0,
        "interval_start": 0,
        "interval_step": 0,
        "interval_max": 0,
    },
    # On SIGTERM, finish what runs (it is short) before giving messages back.
    worker_soft_shutdown_timeout=10,
    # Memory that a library loses is given back by replacing the child now and then.
    worker_max_tasks_per_child=5_000,
    # A loaded machine may need long to start a child; the default of 4 s killed it for ever when measured.
    worker_proc_alive_timeout=120,
    task_queues=[Queue(name) for name in sorted(set(jobs.QUEUES.values()))],
    task_default_queue="deliver",
    task_routes={job: {"queue": queue} for job, queue in jobs.QUEUES.items()},
    worker_hijack_root_logger=False,
    beat_schedule={
        # Every schedule expires before its next turn: a worker that was away does not find a pile.
        "sweep": {"task": jobs.SWEEP, "schedule": timedelta(seconds=5), "options": {"expires": 5}},
        "call-back": {
            "task": jobs.CALL_BACK,
            "schedule": timedelta(seconds=30),
            "options": {"expires": 25},
        },
        "watch": {"task": jobs.WATCH, "schedule": timedelta(minutes=1), "options": {"expires": 55}},
        "index": {"task": jobs.INDEX, "schedule": timedelta(seconds=15), "options": {"expires": 14}},
        "learn": {"task": jobs.LEARN, "schedule": timedelta(hours=6), "options": {"expires": 3500}},
        "seal": {"task": jobs.SEAL, "schedule": timedelta(minutes=10), "options": {"expires": 590}},
        "retain": {"task": jobs.RETAIN, "schedule": timedelta(hours=1), "options": {"expires": 3500}},
    },
    beat_schedule_filename=str(settings.data_dir / "beat-schedule"),
)


@setup_logging.connect
def _set_up_logs(**_: Any) -> None:
    logs.set_up(settings.log_level)


@worker_process_init.connect
def _in_a_new_child(**_: Any) -> None:
    """A forked child must not use its parent's database connections."""
    from worker import parts

    parts.forget()


def nudge(job: str) -> None:
    """Send a job by name; a broker that is away costs time (sweep nudges again), never work."""
    try:
        app.send_task(job, expires=30)
    except Exception as error:
        logs.log_of(__name__).warning("nudge_failed", job=job, error=type(error).__name__)
