"""One JSON line for each step, with ids as fields: never a comment's text, an e-mail address or an IP."""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

import structlog

#: Fields that would carry a person's words or address into a log; dropped whoever puts them there.
FORBIDDEN = frozenset(
    {"body", "text", "email", "ip", "name", "key", "secret", "password", "token", "user_agent"}
)


def set_up(level: str = "INFO", *, stream: Any = None) -> None:
    """Send everything, our lines and the libraries', to one stream as JSON.

    :param level: DEBUG, INFO, WARNING or ERROR.
    """
    # Nobody reads these from a line of ours, and finding them out costs as much as writing it.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None  # as the logging HOWTO says, "Optimization"
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _without_people,
        _one_line,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                structlog.processors.JSONRenderer(serializer=_document),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # They say every request and every poll; our own lines already do, without query strings.
    for noisy in ("werkzeug", "urllib3", "kombu", "amqp", "celery.redirected"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def log_of(name: str) -> Any:
    """A logger for one module: ``log_of(__name__).info("comment_received", comment=comment.id)``."""
    return structlog.get_logger(name)


_ENCODER = json.JSONEncoder(default=repr)


def _document(line: Any, **_: Any) -> str:
    return _ENCODER.encode(line)


def _without_people(_logger: Any, _method: str, line: dict[str, Any]) -> dict[str, Any]:
    for field in FORBIDDEN & line.keys():
        del line[field]
    return line


def _one_line(_logger: Any, _method: str, line: dict[str, Any]) -> dict[str, Any]:
    """A stranger's newline in a field must not forge a second log line; JSON escapes it, this bounds it."""
    for field, value in line.items():
        if isinstance(value, str) and len(value) > 2000:
            line[field] = value[:2000] + "…"
    return line
