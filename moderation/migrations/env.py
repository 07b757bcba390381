"""Alembic's entry: the connection comes from :mod:`moderation.migrations`, never from a file."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext

from moderation.tables import Base, Json, UtcDateTime


def _spell(kind: str, item: Any, _context: AutogenContext) -> str | Literal[False]:
    """Spell our column types in SQLAlchemy's own words: a migration must outlive the class it came from."""
    if kind == "type" and isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    if kind == "type" and item is Json:
        _context.imports.add("from sqlalchemy.dialects import postgresql")
        return 'sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")'
    return False


def _compare_types(_context: Any, _inspected: Any, _column: Any, inspected: Any, wanted: Any) -> bool | None:
    # SQLite reads both back as its own words; they are the same column.
    if isinstance(wanted, UtcDateTime) or wanted is Json:
        return False
    return None


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
    render_item=_spell,
    compare_type=_compare_types,
)
with context.begin_transaction():
    context.run_migrations()
