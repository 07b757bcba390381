"""``make migration``: write the step from the newest schema to the tables.

Without a message the first step is written anew: until the first release there is only that one.
"""

import sys
from pathlib import Path

from moderation.migrations import newest, write_migration

if len(sys.argv) > 1:
    write_migration(sys.argv[1], f"{int(newest()) + 1:04d}")
else:
    for old in (Path(__file__).parent / "versions").glob("0001_*.py"):
        old.unlink()
    write_migration("initial", "0001")
