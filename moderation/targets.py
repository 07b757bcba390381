"""Which addresses may be called, and where they are: nothing inside the operator's network.

Every address of a name must be public, whatever the spelling: decimal, octal, hexadecimal, IPv6 with
an IPv4 address inside. The operator may list exceptions by host and port.
"""

from __future__ import annotations

import contextlib
import ipaddress
import socket
from collections.abc import Callable, Sequence
from typing import Any

from urllib3.exceptions import LocationParseError
from urllib3.util import Url, parse_url

LONGEST_URL = 2000

_V4_REFUSED = (
    ipaddress.IPv4Network("192.0.0.0/24"),  # protocol assignments; some count as global
    ipaddress.IPv4Network("192.88.99.0/24"),  # 6to4 relays
)
_V6_UNICAST = ipaddress.IPv6Network("2000::/3")
_V6_REFUSED = (
    ipaddress.IPv6Network("2001::/23"),  # protocol assignments: Teredo, ORCHID, benchmarks
    ipaddress.IPv6Network("2001:db8::/32"),  # documentation
    ipaddress.IPv6Network("2002::/16"),  # 6to4: carries any IPv4 address
    ipaddress.IPv6Network("3fff::/20"),  # documentation
)

#: As socket.getaddrinfo.
Resolver = Callable[..., Sequence[tuple[Any, ...]]]


class TargetRefused(ValueError):
    """The address may not be called; the text says why, and never which address a name stands for."""


def is_public(address: str) -> bool:
    """Whether an IP address is someone's on the public internet.

    IPv6 outside 2000::/3 is refused as a whole: loopback, link-local, unique local, multicast,
    v4-mapped and NAT64 (64:ff9b::/96), the last two of which carry any IPv4 address inside.
    """
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv4Address):
        return ip.is_global and not ip.is_multicast and not any(ip in net for net in _V4_REFUSED)
    return ip in _V6_UNICAST and ip.is_global and not any(ip in net for net in _V6_REFUSED)


class Targets:
    """What may be called.

    :param allowed_hosts: ``host:port`` that the operator lets be called wherever they are.
    :param resolve: for tests of what a hostile name server can do.
    """

    def __init__(self, allowed_hosts: Sequence[str] = (), resolve: Resolver = socket.getaddrinfo) -> None:
        self._allowed = {_bare(*host.rsplit(":", 1)) for host in allowed_hosts}
        self._resolve = resolve

    def check(self, url: str) -> None:
        """Check an address before it is kept; each request checks again.

        A name that does not resolve now is let through: it may do so later.

        :raises TargetRefused: with the reason, for the person who typed it.
        """
        target = parsed(url)
        with contextlib.suppress(OSError):
            self.addresses(str(target.host), target.port or (443 if target.scheme == "https" else 80))

    def addresses(self, host: str, port: int) -> list[tuple[int, tuple[Any, ...]]]:
        """Ask once where a host is.

        :return: (family, address) pairs, as ``socket.connect`` takes them.
        :raises TargetRefused: when any address of the host is not public and the host not allowed.
        :raises OSError: ``socket.gaierror`` when the name does not resolve.
        """
        host = host.strip("[]")
        try:
            found = self._resolve(host, port, type=socket.SOCK_STREAM)
        except UnicodeError:
            raise TargetRefused("The host is not a valid name.") from None
        # One hidden address among public ones is enough: which of them is used would be chance.
        if _bare(host, port) not in self._allowed and not all(is_public(one[4][0]) for one in found):
            raise TargetRefused(
                f"{host} is not on the public internet. Webhooks go to public addresses only, unless "
                f"the operator lists {host}:{port} in BTL_WEBHOOK_ALLOWED_HOSTS."
            )
        return [(one[0], one[4]) for one in found]


def parsed(url: str) -> Url:
    """:raises TargetRefused: for what is no plain http or https address."""
    if len(url) > LONGEST_URL:
        raise TargetRefused(f"The address is longer than {LONGEST_URL} characters.")
    if any(char <= " " or char in "\\\x7f" for char in url):
        raise TargetRefused("The address holds a space, a backslash or a control character.")
    try:
        parsed = parse_url(url)
    except LocationParseError:
        raise TargetRefused("The address cannot be read as a URL.") from None
    if parsed.scheme not in ("http", "https"):
        raise TargetRefused("The address must begin with https:// or http://.")
    if parsed.auth is not None:
        raise TargetRefused("The address must not hold a user name or password: requests are signed.")
    if not parsed.host or parsed.port == 0:
        raise TargetRefused("The address names no host, or no port that can be called.")
    return parsed


def _bare(host: str, port: str | int) -> str:
    return f"{host.strip('[]').rstrip('.').lower()}:{port}"
