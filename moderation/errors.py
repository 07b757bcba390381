"""Everything this house raises on purpose. The doors turn these into HTTP, exit codes or logs.

`service/problems.py` holds the one table from these to HTTP; a test asserts that it is complete.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with what was sent.

    :param pointer: JSON pointer (RFC 6901) to the field, e.g. ``"/email"``.
    :param detail: what is wrong and what would be right, in one sentence.
    :param line: line of a text file, from 1, where that helps; else None.
    """

    pointer: str
    detail: str
    line: int | None = None


class Refused(Exception):
    """Base of everything refused on purpose: the asker can read why and act on it."""


class Invalid(Refused):
    """What was sent has faults; all of them are listed.

    :param faults: at least one.
    """

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("; ".join(f"{f.pointer}: {f.detail}" for f in faults))
        self.faults = tuple(faults)


class PolicyRefused(Invalid):
    """A policy document has faults; the running policy stays."""


class NotFound(Refused):
    """There is no such thing on this site; another site's things are not admitted to exist.

    :param noun: e.g. ``"comment"``.
    """

    def __init__(self, noun: str) -> None:
        super().__init__(f"There is no such {noun}.")
        self.noun = noun


class TransitionRefused(Refused):
    """The action is not open from where the comment stands.

    :param status: where it stands, e.g. ``"approved"``.
    :param action: what was asked of it, e.g. ``"appeal"``.
    """

    def __init__(self, status: str, action: str) -> None:
        super().__init__(f"A comment that is {status} cannot take the action “{action}”.")
        self.status = status
        self.action = action


class Overtaken(Refused):
    """Someone else acted on the comment since it was read.

    :param status: where it stands now.
    :param by: who acted last, for people, or None.
    """

    def __init__(self, status: str, by: str | None = None) -> None:
        super().__init__(f"Not saved: it was {status} a moment ago" + (f" by {by}." if by else "."))
        self.status = status
        self.by = by


class AlreadyReceived(Refused):
    """The site sent a comment with this external id before.

    :param external_id: the site's own id.
    """

    def __init__(self, external_id: str) -> None:
        super().__init__("A comment with this external_id was received before; use PUT to change it.")
        self.external_id = external_id


class InFlight(Refused):
    """The first request with this Idempotency-Key has not been answered yet."""

    def __init__(self) -> None:
        super().__init__("A request with this Idempotency-Key is being answered; try again in a second.")


class KeyReused(Refused):
    """The Idempotency-Key was used before with another request body (draft-ietf-httpapi-idempotency-key)."""

    def __init__(self) -> None:
        super().__init__(
            "This Idempotency-Key was used with another request. Use a new key for a new comment."
        )


class Forbidden(Refused):
    """The asker is known but may not do this.

    :param need: the scope or role that it takes.
    """

    def __init__(self, need: str) -> None:
        super().__init__(f"This takes “{need}”, which you do not have.")
        self.need = need
