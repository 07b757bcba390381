"""What Prometheus counts of the workers.

With ``PROMETHEUS_MULTIPROC_DIR`` shared with the web door (one machine), its ``/metrics`` shows these too;
in containers each worker answers on ``BTL_METRICS_PORT``. Without multiprocess mode a prefork worker's
figures were 10 to 25 times too low, because a scrape saw the parent and the children did the work.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from celery.signals import worker_init, worker_process_shutdown
from prometheus_client import CollectorRegistry, Counter, Histogram, multiprocess, start_http_server

from worker.celery import settings

# A worker may be the first to start where the folder is new, and prometheus_client makes none.
if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
    Path(os.environ["PROMETHEUS_MULTIPROC_DIR"]).mkdir(parents=True, exist_ok=True)

SETTLED = Counter("btl_comments_settled", "Comments judged by the machine", ["outcome", "model"])
GIVEN_UP = Counter("btl_comments_given_up", "Comments that could not be scored in three tries")
SCORE_SECONDS = Histogram(
    "btl_score_seconds",
    "Seconds to score one batch",
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10),
)
DECISION_SECONDS = Histogram(
    "btl_decision_seconds",
    "Seconds from receiving a comment to its verdict",
    buckets=(0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300, 3600),
)


@worker_init.connect
def _answer(**_: Any) -> None:
    """Let Prometheus ask this worker, where the operator named a port."""
    if settings.metrics_port:
        registry = CollectorRegistry()
        if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
            multiprocess.MultiProcessCollector(registry)
        start_http_server(settings.metrics_port, registry=registry)


@worker_process_shutdown.connect
def _forget(pid: int = 0, **_: Any) -> None:
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        multiprocess.mark_process_dead(pid or os.getpid())
