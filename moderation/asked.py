"""Ask the database about many keys, and hand it many rows, with one parameter.

A list of 500 parameters costs more to render and to parse than the answer to look up; an array or a JSON
document is one, and the statement stays the same whatever its length.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    String,
    Table,
    Text,
    any_,
    bindparam,
    cast,
    column,
    func,
    insert,
    literal,
    literal_column,
    select,
    update,
)
from sqlalchemy.dialects import postgresql
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


def put_all(session: Session, table: Table, rows: Sequence[Mapping[str, Any]], statement: Any = None) -> None:
    """Insert rows that all have the same columns.

    :param statement: an INSERT into the table that says what to do ON CONFLICT.
    """
    if not rows:
        return
    session.flush()
    statement = insert(table) if statement is None else statement
    if session.get_bind().dialect.name != "postgresql":
        session.connection().execute(statement, [dict(row) for row in rows])
        return
    session.connection().execute(statement.from_select(list(rows[0]), select(_given(table, rows))))


def change_all(session: Session, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Update rows by their ``id``, all in the same columns."""
    if not rows:
        return
    session.flush()
    names = [name for name in rows[0] if name != "id"]
    if session.get_bind().dialect.name != "postgresql":
        statement = update(table).where(table.c.id == bindparam("of_id"))
        # A bound name must not be a column's own where that is changed.
        values = {name: bindparam(f"new_{name}", type_=table.c[name].type) for name in names}
        session.connection().execute(
            statement.values(values),
            [{"of_id": row["id"]} | {f"new_{name}": row[name] for name in names} for row in rows],
        )
        return
    given = _given(table, rows)
    values = {name: given.c[name] for name in names}
    session.connection().execute(update(table).where(table.c.id == given.c.id).values(values))


def _given(table: Table, rows: Sequence[Mapping[str, Any]]) -> Any:
    """The rows as a table of one parameter; PostgreSQL reads each value as its column's type."""
    document = json.dumps([dict(row) for row in rows], default=_spelt, ensure_ascii=False)
    columns = (column(name, table.c[name].type) for name in rows[0])
    like: Any = literal_column(f'null::"{table.name}"')  # our own names, no stranger's
    listed = func.json_populate_recordset(like, cast(literal(document, Text), postgresql.JSON))
    return listed.table_valued(*columns, name="given")


def _spelt(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"a {type(value).__name__} in a row")
