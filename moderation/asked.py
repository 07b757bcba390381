"""Ask the database about many keys with one parameter, and hand it many rows with one for each column.

A list of 500 parameters costs more to render and to parse than the answer to look up; an array (PostgreSQL)
or a JSON document (SQLite) is one, and the statement stays the same whatever its length.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, String, Table, any_, column, func, insert, literal, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session


def is_among(session: Session, of: Any, keys: Iterable[str]) -> ColumnElement[bool]:
    """Whether a column of strings holds one of the keys."""
    wanted = sorted(keys)
    if session.get_bind().dialect.name == "postgresql":
        return of == any_(literal(wanted, ARRAY(String)))  # type: ignore[no-any-return]
    listed = func.json_each(json.dumps(wanted)).table_valued("value")
    return of.in_(select(listed.c.value))  # type: ignore[no-any-return]


def table_of(session: Session, keys: Iterable[str]) -> Any:
    """The keys as a table with the one column ``key``."""
    wanted = sorted(keys)
    if session.get_bind().dialect.name == "postgresql":
        listed = func.unnest(literal(wanted, ARRAY(String))).table_valued(column("key", String), name="asked")
        return listed.render_derived()
    listed = func.json_each(json.dumps(wanted)).table_valued(column("value", String), name="listed")
    return select(listed.c.value.label("key")).subquery("asked")


def put_all(session: Session, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows that all have the same columns."""
    if not rows:
        return
    if session.get_bind().dialect.name != "postgresql":
        session.connection().execute(insert(table), rows)
        return
    names = list(rows[0])
    types = {name: table.c[name].type for name in names}
    arrays = (literal([row[name] for row in rows], ARRAY(types[name])) for name in names)
    columns = (column(name, types[name]) for name in names)
    given = func.unnest(*arrays).table_valued(*columns, name="given").render_derived()
    session.connection().execute(insert(table).from_select(names, select(given)))
