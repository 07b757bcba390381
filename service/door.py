"""What a request needs of the process it runs in: settings, database, vault, nudge, the time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from flask import Flask, current_app

from moderation.settings import Settings
from moderation.store import Database
from moderation.vault import Vault
from service.aside import Aside
from service.nudge import Nudger

_NAME = "below-the-line"


class App(Flask):
    """Flask without views that are coroutines."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """A request passes fourteen functions; Flask would look at the code of each of them, each time."""
        return func


@dataclass(frozen=True, slots=True)
class Door:
    """One for each application.

    :param nudger: publishes jobs by name, never in a request.
    :param aside: does what a request may leave for later, in a thread of its own.
    """

    settings: Settings
    database: Database
    vault: Vault
    nudger: Nudger
    aside: Aside


def open_door(app: Flask, door: Door) -> None:
    app.extensions[_NAME] = door


def door_of(app: Flask) -> Door:
    return app.extensions[_NAME]


def settings() -> Settings:
    return door_of(current_app).settings


def database() -> Database:
    """Sessions: ``with database().writing() as session`` commits at its end; ``reading()`` takes no lock."""
    return door_of(current_app).database


def vault() -> Vault:
    return door_of(current_app).vault


def aside() -> Aside:
    return door_of(current_app).aside


def nudge(job: str) -> None:
    """Say that there is work; call it after the commit. Costs microseconds, whatever the broker does."""
    door_of(current_app).nudger.ask(job)


def utcnow() -> datetime:
    return datetime.now(UTC)
