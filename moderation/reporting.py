"""Errors to Sentry and traces to an OpenTelemetry collector, where the operator named one.

Both are in the extra ``observe``. Neither may learn what a reader wrote or who they are: from an error only
its kind and the lines of our own code travel, from a span only the attributes listed here.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from moderation.errors import Refused

#: What a span may say. Everything else (addresses, agents, query strings with keys in them) stays here.
SPAN_ATTRIBUTES = frozenset(
    {
        "http.method",
        "http.request.method",
        "http.route",
        "http.status_code",
        "http.response.status_code",
        "db.system",
        "db.system.name",
        "db.statement",  # with placeholders: values are bound, never written into a statement
        "db.query.text",
        "celery.action",
        "celery.state",
        "celery.task_name",
        "messaging.message.id",
    }
)


class LibraryMissing(Refused):
    """A setting asks for a library that is not installed.

    :param setting: its variable.
    :param library: what is missing.
    """

    def __init__(self, setting: str, library: str) -> None:
        super().__init__(
            f"{setting} is set, but {library} is not installed: "
            "install below-the-line[observe], or leave the setting empty."
        )


def report_errors(dsn: str, part: str) -> None:
    """Send unexpected errors of this process to Sentry.

    :param dsn: where to; Sentry's own address of a project.
    :param part: web or worker.
    """
    try:
        import sentry_sdk
        from sentry_sdk.integrations.logging import LoggingIntegration
    except ImportError:
        raise LibraryMissing("BTL_SENTRY_DSN", "sentry-sdk") from None
    sentry_sdk.init(
        dsn=dsn,
        before_send=_without_people,
        send_default_pii=False,
        include_local_variables=False,  # a comment is a local variable in most frames
        max_request_body_size="never",
        max_breadcrumbs=0,
        integrations=[LoggingIntegration(level=None, event_level=None)],
        server_name=socket.gethostname(),
        release=f"below-the-line@{version('below-the-line')}",
        auto_session_tracking=False,
    )
    sentry_sdk.set_tag("part", part)


def _without_people(event: Any, _hint: Any) -> Any:
    """Keep the kind of an error and where it happened. Its message may quote what a stranger sent."""
    for error in event.get("exception", {}).get("values", ()):
        error["value"] = ""
    request = event.get("request")
    if request:
        path = str(request.get("url", "")).split("?", 1)[0]
        event["request"] = {"method": request.get("method"), "url": path}
    for words in ("user", "breadcrumbs", "extra", "logentry"):
        event.pop(words, None)
    return event


def trace(endpoint: str, part: str) -> Any:
    """Send spans of this process to a collector (OTLP over HTTP), in batches from a thread of their own.

    Call it in the process that works, never before a fork.

    :param endpoint: the collector's base address, such as ``http://collector:4318``.
    :param part: web or worker.
    :return: the tracer provider, which is also the process's own from now on.
    """
    try:
        from opentelemetry import trace as opentelemetry
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
    except ImportError:
        raise LibraryMissing("BTL_OTLP_ENDPOINT", "opentelemetry") from None

    class Discreet(SpanExporter):
        """Passes on copies that say nothing about a person."""

        def __init__(self, exporter: SpanExporter) -> None:
            self._exporter = exporter

        def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
            return self._exporter.export([_discreet(span, ReadableSpan) for span in spans])

        def shutdown(self) -> None:
            self._exporter.shutdown()

    exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces", timeout=5)
    provider = TracerProvider(resource=Resource.create({"service.name": f"below-the-line-{part}"}))
    provider.add_span_processor(BatchSpanProcessor(Discreet(exporter)))
    opentelemetry.set_tracer_provider(provider)
    return provider


def trace_queries(engine: Any, provider: Any) -> None:
    """A span for each statement of an engine."""
    from opentelemetry.instrumentation.sqlalchemy import SQLAlchemyInstrumentor

    # It names no version above 2.0 yet; tests/service/test_reporting.py shows that it works with ours.
    SQLAlchemyInstrumentor().instrument(engine=engine, tracer_provider=provider, skip_dep_check=True)


def _discreet(span: Any, kind: Any) -> Any:
    kept = {name: value for name, value in (span.attributes or {}).items() if name in SPAN_ATTRIBUTES}
    return kind(
        name=span.name,
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes=kept,
        kind=span.kind,
        status=type(span.status)(span.status.status_code),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )
