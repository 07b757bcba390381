"""Survive the loss of the broker with tasks running.

A worker whose connection breaks closes its channel, which gives back what was not acknowledged, and later the
tasks that were running acknowledge their messages on it. On Redis, kombu 5.7 then asks a transport that has
no connection any more for its address, raises AttributeError in the worker's loop, and the worker
ends (found by `make chaos`, "broker gone"). Our messages are nudges: what cannot be given back or
acknowledged is forgotten, and the sweep nudges again.
"""

from __future__ import annotations

from typing import Any

from kombu.transport import redis

from moderation.logs import log_of

log = log_of(__name__)


class ForgivingQoS(redis.QoS):
    """Keeps account of messages, and shrugs where the connection they came by is gone."""

    _delivered: dict[str, Any]  # type: ignore[assignment]

    def restore_unacked(self, client: Any = None) -> None:
        try:
            super().restore_unacked(client)
        except AttributeError:
            self._delivered.clear()
            log.warning("messages_not_given_back")

    def ack(self, delivery_tag: str) -> None:
        try:
            super().ack(delivery_tag)
        except AttributeError:
            log.warning("message_not_acknowledged")

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        try:
            super().reject(delivery_tag, requeue)
        except AttributeError:
            log.warning("message_not_rejected")


def forgive() -> None:
    """Use it for every connection of this process from now on."""
    redis.Channel.QoS = ForgivingQoS
