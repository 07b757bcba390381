"""The background door: `celery -A worker worker`."""

from worker.celery import app

__all__ = ["app"]
