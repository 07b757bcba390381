"""The desk's words in other languages (Babel): ``<language>/LC_MESSAGES/messages.po``.

After a change of words::

    pybabel extract -F service/translations/babel.cfg -k lazy_gettext --no-location --sort-output \
        -o service/translations/desk.pot service
    pybabel update -i service/translations/desk.pot -d service/translations --no-fuzzy-matching
    pybabel compile -d service/translations
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from moderation.policy_schema import SIGNALS


def signals(*_: Any, **_options: Any) -> Iterator[tuple[int, str, str, list[str]]]:
    """Babel's extraction of what signals are called: they are translated where they are shown."""
    for title, _weight in SIGNALS.values():
        yield 1, "gettext", title, []
