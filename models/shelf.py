"""The newsrooms' models of one process: read when first named, never read anew, the last good one kept."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path

from models.artifact import ArtifactRefused
from models.site_model import SiteModel

#: A version that was refused is looked for again after this: its file may have been put back.
AGAIN_SECONDS = 30.0
MOST = 256


class Shelf:
    """Models by version. A new model is another version, so a swap is a change of name and takes no restart.

    :param folder: holds a folder for each version.
    :param base: the version of the shipped model that works here.
    :param refused: told the version and why, each time a file is refused.
    """

    def __init__(self, folder: Path, base: str, refused: Callable[[str, str], None]) -> None:
        self._folder, self._base, self._refused = folder, base, refused
        self._models: dict[str, SiteModel] = {}
        self._missing: dict[str, float] = {}
        self._last: dict[str, SiteModel] = {}

    def model(self, version: str) -> SiteModel | None:
        """:return: None for one that is missing, half-written, foreign or was changed."""
        found = self._models.get(version)
        if found is not None or self._missing.get(version, 0.0) > time.monotonic():
            return found
        for kept in (self._models, self._missing):
            if len(kept) >= MOST:
                kept.clear()
        try:
            found = SiteModel.load(self._folder / version).beside(self._base)
        except ArtifactRefused as fault:
            self._missing[version] = time.monotonic() + AGAIN_SECONDS
            self._refused(version, str(fault))
            return None
        self._models[version] = found
        return found

    def deciding(
        self, site_id: str, version: str, earlier: Callable[[], Iterable[str]] = tuple
    ) -> SiteModel | None:
        """The model named for a site; where its file is refused the one before stays.

        :param earlier: versions that decided before it, newest first; asked by a process that knows none.
        :return: None where none can be read: the shipped model goes on alone.
        """
        found = self.model(version)
        if found is None:
            found = self._last.get(site_id) or next(
                (model for name in earlier() if (model := self.model(name)) is not None), None
            )
        if found is not None:
            self._last[site_id] = found
        return found
