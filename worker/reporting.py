"""Errors and traces of the workers, where the operator named a place for them."""

from __future__ import annotations

from typing import Any

from celery.signals import worker_init, worker_process_init

from moderation import reporting
from worker import parts
from worker.celery import settings


@worker_init.connect
def _in_the_worker(sender: Any = None, **_: Any) -> None:
    """A pool of threads works in this very process; a prefork one only in its children."""
    if sender is not None and "prefork" not in str(sender.pool_cls):
        _set_up()


@worker_process_init.connect
def _in_a_child(**_: Any) -> None:
    _set_up()


def _set_up() -> None:
    if settings.sentry_dsn:
        reporting.report_errors(settings.sentry_dsn, "worker")
    if settings.otlp_endpoint:
        provider = reporting.trace(settings.otlp_endpoint, "worker")
        from opentelemetry.instrumentation.celery import CeleryInstrumentor

        CeleryInstrumentor().instrument(tracer_provider=provider)
        reporting.trace_queries(parts.database().engine, provider)
