"""Egresses that are closed when the test is over."""

import socket

import pytest

from moderation.egress import Egress
from moderation.targets import Targets


@pytest.fixture(scope="module")
def egress():
    opened = Egress(Targets())
    yield opened
    opened.close()


@pytest.fixture
def egress_to():
    """An egress that may call one host, wherever it is."""
    opened = []

    def build(*hosts, resolve=socket.getaddrinfo, tls=None):
        opened.append(Egress(Targets(hosts, resolve), tls=tls))
        return opened[-1]

    yield build
    for one in opened:
        one.close()
