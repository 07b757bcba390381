"""Errors and traces of the web door, where the operator named a place for them."""

from __future__ import annotations

from flask import Flask
from sqlalchemy import Engine

from moderation import reporting
from moderation.settings import Settings

#: Asked every few seconds by machines.
NOT_TRACED = "healthz,readyz,metrics"


def register(app: Flask, settings: Settings, engine: Engine) -> None:
    """Does nothing without ``BTL_SENTRY_DSN`` and ``BTL_OTLP_ENDPOINT``.

    :raises LibraryMissing: when one is set and its library is not installed.
    """
    if settings.sentry_dsn:
        reporting.report_errors(settings.sentry_dsn, "web")
    if settings.otlp_endpoint:
        provider = reporting.trace(settings.otlp_endpoint, "web")
        from opentelemetry.instrumentation.flask import FlaskInstrumentor

        FlaskInstrumentor().instrument_app(
            app, tracer_provider=provider, excluded_urls="healthz,readyz,metrics"
        )
        reporting.trace_queries(engine, provider)
