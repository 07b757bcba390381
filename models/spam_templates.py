"""Spam written for this project: patterns of what is posted below articles, in several languages.

The spam corpora that may ship are small and old; crypto "recovery experts", testimonials for account managers
and link drops under articles hardly occur in them. Every name, number and address here is invented. Beside
them
stand ordinary comments about the same things (money, doctors, jobs, links to sources), so that the topic
alone
is no spam.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from functools import cache
from importlib import resources
from typing import Any


@cache
def _written() -> dict[str, Any]:
    read: dict[str, Any] = json.loads(
        resources.files("models.lists").joinpath("spam.json").read_text("utf-8")
    )
    return read


_SLOT = re.compile(r"\{(\w+)\}")
_SHOPS = [
    "best",
    "top",
    "cheap",
    "super",
    "easy",
    "quick",
    "mega",
    "pro",
    "smart",
    "my",
    "lucky",
    "crypto",
    "seo",
    "loan",
    "pills",
    "casino",
    "bet",
    "jobs",
    "win",
]
_ENDS = [
    ".com",
    ".net",
    ".xyz",
    ".top",
    ".info",
    ".shop",
    ".online",
    ".site",
    ".ru",
    ".biz",
    ".club",
    ".co",
    ".in",
    ".live",
    ".win",
]


def slot(name: str, chance: random.Random) -> str:
    """A link, a name, a sum …, invented anew each time."""
    number = chance.randint
    if name == "link":
        host = (
            chance.choice(_SHOPS)
            + chance.choice(("", "-"))
            + chance.choice(_SHOPS)
            + str(number(1, 99)) * number(0, 1)
        )
        host += chance.choice(_ENDS)
        path = chance.choice(
            ("", "", "/", f"/{chance.choice(_SHOPS)}", f"/?ref={number(100, 9999)}", f"/p/{number(1, 99)}")
        )
        short = (
            f"{chance.choice(('bit.ly', 'cutt.ly', 't.me', 'tinyurl.com', 'wa.me'))}/{number(10000, 999999)}"
        )
        return chance.choice(
            (
                f"http://{host}{path}",
                f"https://www.{host}{path}",
                f"{host}{path}",
                f"https://{short}",
                f'<a href="http://{host}">{chance.choice(_SHOPS)}</a>',
                f"[url=http://{host}]{host}[/url]",
            )
        )
    if name == "source":
        place = chance.choice(
            (
                "en.wikipedia.org/wiki/Tax",
                "www.bbc.co.uk/news/business",
                "www.who.int/data",
                "www.theguardian.com/politics",
                "www.gov.uk/statistics",
                "www.reuters.com/world",
                "www.nytimes.com/section/world",
                "www.parliament.uk/report",
                "youtu.be/dQw4w9WgXcQ",
            )
        )
        return f"https://{place}{number(1, 999)}"
    if name == "small":
        return chance.choice(
            (f"${number(1, 9)}00", f"{number(1, 9)}000€", f"${number(50, 999)}", f"£{number(1, 9)},000")
        )
    if name == "amount":
        return chance.choice(
            (
                f"${number(2, 95)},{number(1, 9)}00",
                f"{number(2, 80)}k",
                f"${number(1000, 99999)}",
                f"{number(1, 9)}.{number(1, 9)} BTC",
                f"€{number(2, 95)},000",
            )
        )
    if name == "phone":
        return chance.choice(
            (
                f"+1 {number(200, 989)} 555 {number(1000, 9999)}",
                f"+44 7700 900{number(100, 999)}",
                f"+234 80{number(1, 9)} 555 {number(1000, 9999)}",
                f"1-800-555-{number(1000, 9999)}",
            )
        )
    if name == "handle":
        trade = chance.choice(("trader", "fx", "expert", "signals", "invest"))
        return f"@{chance.choice(_SHOPS)}_{trade}{number(1, 999)}"
    if name == "mail":
        host = chance.choice(("example.com", "example.org", "mail.example"))
        return f"{chance.choice(_SHOPS)}{chance.choice(_SHOPS)}{number(1, 999)}@{host}"
    if name == "hero":
        return "{}{} {}".format(*(chance.choice(_written()[part]) for part in ("titles", "first", "last")))
    return str(chance.choice(_written()["slots"][name]))


_TURNS = ("ham", "crypto", "links", "ham", "service", "ham", "foreign", "ham", "links", "ham")
_EMOJI = ("", "", "", "", " 🚀", " 💰💰", " ✅", " 🔥🔥🔥", " 👇👇", " ❤️")


def comments(count: int, seed: int = 11) -> Iterator[tuple[str, int]]:
    """``count`` comments, half of them ordinary: (text, spam). The same for one seed."""
    chance = random.Random(seed)  # noqa: S311 - sampling, not secrets
    pools = _written()["kinds"]
    seen: set[str] = set()
    for turn in range(count * 3):
        kind = _TURNS[turn % len(_TURNS)]
        kept: dict[str, str] = {}
        text = _SLOT.sub(lambda m: kept.setdefault(m[1], slot(m[1], chance)), chance.choice(pools[kind]))  # noqa: B023
        if kind != "ham":
            text += chance.choice(_EMOJI)
            text = text.upper() if chance.random() < 0.03 else text
            text = text.lower() if chance.random() < 0.1 else text
        if text not in seen:
            seen.add(text)
            yield text, int(kind != "ham")
        if len(seen) >= count:
            return
