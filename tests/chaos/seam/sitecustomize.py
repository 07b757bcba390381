"""What the harness changes in the processes that it starts, and the product has no switch for.

Python imports this by itself where its folder is on PYTHONPATH. Leases are shortened, so that a killed worker's
claims are soon free; and a comment that holds the word crashes or stalls the process that scores it, as a
fault in a library would.
"""

import contextlib
import importlib.abc
import os
import sys
import time

CRASHES, STALLS = "chaos-crash-the-scorer", "chaos-stall-the-scorer"


def _shorten_comments(store):
    store.LEASE_SECONDS = int(os.environ["CHAOS_LEASE_SECONDS"])


def _shorten_deliveries(claims):
    claims.LEASE_SECONDS = int(os.environ["CHAOS_LEASE_SECONDS"])


def _poison(scorer):
    score = scorer.Scorer.score

    def poisoned(self, texts, **options):
        for text in texts:
            if CRASHES in text.body:
                os._exit(1)
            if STALLS in text.body:
                time.sleep(3600)
        return score(self, texts, **options)

    scorer.Scorer.score = poisoned


CHANGES = {
    "moderation.store": _shorten_comments,
    "moderation.claims": _shorten_deliveries,
    "models.scorer": _poison,
}


class _AfterImport(importlib.abc.MetaPathFinder):
    """Lets a module be imported as ever, and changes it afterwards."""

    def find_spec(self, name, path, target=None):
        change = CHANGES.pop(name, None)
        if change is None:
            return None
        for finder in sys.meta_path:
            if finder is self:
                continue
            spec = finder.find_spec(name, path, target)
            if spec is not None and spec.loader is not None:
                execute = spec.loader.exec_module

                def exec_module(module):
                    execute(module)
                    change(module)

                with contextlib.suppress(AttributeError):
                    spec.loader.exec_module = exec_module
                return spec
        return None


if os.environ.get("CHAOS_LEASE_SECONDS"):
    sys.meta_path.insert(0, _AfterImport())
