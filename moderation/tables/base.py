"""Column types that both databases agree on, and the common base of all tables."""

from __future__ import annotations

import os
import threading
import time
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, DateTime, MetaData
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.types import TypeDecorator


class UtcDateTime(TypeDecorator[datetime]):
    """An aware time in UTC. SQLite keeps no zone, so one is put back when read.

    A naive time is refused: it would shift silently by the machine's zone.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


Json = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_N_label)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {datetime: UtcDateTime, dict[str, Any]: Json, list[Any]: Json}


def new_id() -> str:
    """A new sortable identifier: 26 characters, millisecond time first (ULID).

    Within a process each is greater than the one before, also in one millisecond and when the clock
    steps back: the order of ids is the order in which things happened.
    """
    global _last
    with _next:
        drawn = time.time_ns() // 1_000_000 << 80 | int.from_bytes(os.urandom(10))
        _last = value = max(drawn, _last + 1)
    return "".join([_PAIRS[value >> shift & 1023] for shift in _SHIFTS])


#: Crockford's alphabet, two letters at a time.
_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = [first + second for first in _LETTERS for second in _LETTERS]
_SHIFTS = tuple(range(120, -1, -10))
_next = threading.Lock()
_last = 0


def _begin_anew() -> None:
    """Two children of one process must not count on from the same number."""
    global _last, _next
    _last, _next = 0, threading.Lock()


os.register_at_fork(after_in_child=_begin_anew)
