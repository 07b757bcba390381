"""Change the key under which addresses and secrets are kept, row by row, while everything runs."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Column, ColumnElement, Table, func, or_, select, tuple_, update
from sqlalchemy.orm import Session

from moderation.tables import Base
from moderation.vault import Vault

#: Rows in one transaction: short enough that nobody waits for it.
BATCH = 500


def encrypted_columns() -> dict[Table, list[Column[str]]]:
    """Every column that the vault encrypts, by its name's end."""
    found = {
        table: [column for column in table.columns if column.name.endswith("_encrypted")]
        for table in Base.metadata.sorted_tables
    }
    return {table: columns for table, columns in found.items() if columns}


def count(session: Session) -> int:
    """Rows to look at."""
    return sum(
        session.scalar(select(func.count()).select_from(table).where(_holds(columns))) or 0
        for table, columns in encrypted_columns().items()
    )


def rotate(
    session: Session, vault: Vault, table: Table, after: tuple[str, ...] | None
) -> tuple[int, tuple[str, ...] | None]:
    """Put the next rows of a table under the vault's first key; the caller commits.

    :param after: the last row's key of the batch before; None to begin.
    :return: how many rows, and the last one's key; None when the table is done.
    :raises ValueError: a value is under none of the vault's keys.
    """
    keys, columns = list(table.primary_key.columns), encrypted_columns()[table]
    query = select(*keys, *columns).where(_holds(columns)).order_by(*keys).limit(BATCH).with_for_update()
    if after is not None:
        query = query.where(tuple_(*keys) > after)
    last: tuple[str, ...] | None = None
    rows = session.execute(query).all()
    for row in rows:
        last = tuple(row[: len(keys)])
        values = {
            column.name: vault.rotate(token)
            for column, token in zip(columns, row[len(keys) :], strict=True)
            if token
        }
        session.execute(update(table).where(tuple_(*keys) == last).values(values))
    return len(rows), last


def tables() -> Iterator[Table]:
    yield from encrypted_columns()


def _holds(columns: list[Column[str]]) -> ColumnElement[bool]:
    return or_(*(column != "" for column in columns))
