"""What a row of the table is, and how it is measured: medians of rounds, ours and the reference in turns."""

from __future__ import annotations

import contextlib
import os
import tempfile
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import psycopg
import redis

from tests.conftest import POSTGRES, REDIS

ROWS: dict[str, Callable[[Bench], list[Figure]]] = {}


@dataclass
class Figure:
    """One line of the table.

    :param value: ours; ``reference``: measured in the same run, same unit.
    :param ratio: what the target is about.
    :param at_least: whether a larger ratio is better.
    """

    name: str
    unit: str
    value: float
    reference: float
    ratio: float
    target: float
    at_least: bool = True
    reference_name: str = ""
    spread: tuple[float, float] = (0.0, 0.0)
    note: str = ""
    #: Requests that were refused or lost while it was measured: with any, the row is not met.
    failures: int = 0

    @property
    def is_met(self) -> bool:
        if self.failures:
            return False
        return self.ratio >= self.target if self.at_least else self.ratio <= self.target

    @property
    def is_half_met(self) -> bool:
        """What a noisy machine must still reach: half of the target."""
        if self.failures:
            return False
        return self.ratio >= self.target / 2 if self.at_least else self.ratio <= self.target * 2


@dataclass
class Bench:
    """How this run is made."""

    short: bool
    folder: Path
    texts: list[str]
    labels: list[int] = field(default_factory=list)
    say: Callable[[str], None] = print

    @property
    def rounds(self) -> int:
        return 3 if self.short else 5

    def fresh(self, name: str) -> Path:
        return Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self.folder))


def row(name: str) -> Callable[[Callable[[Bench], list[Figure]]], Callable[[Bench], list[Figure]]]:
    def keep(measure: Callable[[Bench], list[Figure]]) -> Callable[[Bench], list[Figure]]:
        ROWS[name] = measure
        return measure

    return keep


def in_turns(
    rounds: int, ours: Callable[[], float], reference: Callable[[], float]
) -> tuple[list[float], list[float]]:
    """Measure both in turns, so that a machine that slows down slows both."""
    mine, theirs = [], []
    for _ in range(rounds):
        theirs.append(reference())
        mine.append(ours())
    return mine, theirs


def figure(
    name: str,
    unit: str,
    ours: list[float],
    reference: list[float],
    target: float,
    *,
    at_least: bool = True,
    inverse: bool = False,
    **more: Any,
) -> Figure:
    """:param inverse: for times, where "so many times faster" is reference / ours."""
    ratios = [
        (theirs / mine if inverse else mine / theirs) for mine, theirs in zip(ours, reference, strict=True)
    ]
    return Figure(
        name,
        unit,
        median(ours),
        median(reference),
        median(ratios),
        target,
        at_least,
        spread=(min(ratios), max(ratios)),
        **more,
    )


@contextlib.contextmanager
def postgres_database() -> Iterator[str]:
    """A database of this run's own on the local PostgreSQL."""
    name = f"btl_bench_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(POSTGRES, autocommit=True) as admin:
        admin.execute(f'create database "{name}"')
    try:
        yield POSTGRES.rsplit("/", 1)[0].replace("postgresql://", "postgresql+psycopg://") + f"/{name}"
    finally:
        with psycopg.connect(POSTGRES, autocommit=True) as admin:
            admin.execute(f'drop database if exists "{name}" with (force)')


@contextlib.contextmanager
def redis_database() -> Iterator[str]:
    """The last numbered database of the local Redis, emptied before and after."""
    url = f"{REDIS}/15"
    with redis.Redis.from_url(url) as client:
        client.flushdb()
        yield url
        client.flushdb()


def machine() -> dict[str, Any]:
    model = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        "",
    )
    return {"cpu": model, "cores": os.cpu_count(), "load": os.getloadavg()[0]}
