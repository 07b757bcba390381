"""Cut a process off from the outside world: it reaches this machine only, and every try elsewhere is kept.

`tests/conftest.py` imports it for the tests themselves and puts its folder on PYTHONPATH, so that every Python
process that a test starts imports it too (the site module looks for this name).
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import socket
import unicodedata
from typing import Any

#: A file that every cut-off process writes its tries to.
KEPT = "BTL_TEST_CUT_OFF_FILE"
_OWN_NAMES = {"", "localhost", "ip6-localhost", socket.gethostname().lower()}


class CutOff(OSError):
    """A test, or what it started, tried to reach another machine."""


def is_here(host: Any) -> bool:
    """Whether a name or address is this machine's, asked without asking a name server."""
    name = (host.decode() if isinstance(host, bytes) else host or "").lower().rstrip(".")
    if name in _OWN_NAMES or name.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    address = getattr(address, "ipv4_mapped", None) or address
    return address.is_loopback or address.is_unspecified


def _is_address(host: Any) -> bool:
    """Also as a number, in octal, in hexadecimal or in other digits: no name server is asked for these."""
    try:
        name = unicodedata.normalize("NFKC", host).partition("%")[0]
        with contextlib.suppress(OSError):
            return bool(socket.inet_aton(name))
        ipaddress.ip_address(name)
    except (ValueError, TypeError):
        return False
    return True


def _note(what: str) -> None:
    if path := os.environ.get(KEPT):
        with open(path, "a", encoding="utf-8") as kept:
            kept.write(f"{what} by {os.getpid()}\n")


def _guarded(real: Any) -> Any:
    def connect(self: socket.socket, address: Any) -> Any:
        if self.family in (socket.AF_INET, socket.AF_INET6) and not is_here(address[0]):
            _note(f"connect to {address[0]}")
            raise CutOff(f"the tests are cut off from {address[0]}")
        return real(self, address)

    return connect


def cut_off() -> None:
    """From here on, whatever this process opens with Python's sockets stays on this machine."""
    if getattr(socket, "is_cut_off", False):
        return
    socket.is_cut_off = True  # type: ignore[attr-defined]
    socket.socket.connect = _guarded(socket.socket.connect)  # type: ignore[method-assign]
    socket.socket.connect_ex = _guarded(socket.socket.connect_ex)  # type: ignore[method-assign]
    real = socket.getaddrinfo

    def getaddrinfo(host: Any, *more: Any, **named: Any) -> Any:
        if isinstance(host, str):
            host.encode("idna")  # a name that nobody could ask for is refused as the real one refuses it
        if not is_here(host) and not _is_address(host):
            _note(f"look up {host}")
            raise socket.gaierror(socket.EAI_NONAME, "the tests ask no name server")
        return real(host, *more, **named)

    socket.getaddrinfo = getaddrinfo


if os.environ.get(KEPT):
    cut_off()
