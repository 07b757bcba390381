"""Read the archives of other comment systems: one module for each format, one shape for all.

A reader yields :class:`Archived` for each comment and :class:`BadRow` for what cannot be used,
one at a time, so that an archive of any size needs the memory of one comment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from moderation.archives import coral, disqus, flat, isso, remark42, wordpress
from moderation.archives.archived import Archived, BadRow

Reader = Callable[[Path], Iterator[Archived | BadRow]]

#: format -> its reader; docs/migrating.md says where each system's export is found.
FORMATS: dict[str, Reader] = {
    "wordpress": wordpress.read,
    "disqus": disqus.read,
    "coral": coral.read,
    "isso": isso.read,
    "remark42": remark42.read,
    "csv": flat.read_csv,
    "jsonl": flat.read_jsonl,
}

__all__ = ["FORMATS", "Archived", "BadRow", "Reader"]
