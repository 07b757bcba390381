"""Akismet's deferred verdict: what only a person can tell waits at the desk, and the blog is called back.

Only for callers that name a ``callback`` address. The comment is then kept like any other; when it is
decided, ``worker/tasks_callback.py`` tells the blog.
"""

from __future__ import annotations

from datetime import datetime
from ipaddress import ip_address
from urllib.parse import urlsplit

from moderation import jobs, lifecycle
from moderation.intake import clean, is_blank
from service.auth import Caller
from service.compat.akismet_form import Form
from service.door import database, nudge, vault

#: What the caller is told to wait; WordPress asks again after this, and decides for itself after twice that.
RECHECK_SECONDS = 120
#: Longer texts are answered at once: a person would not read them either.
LONGEST_KEPT = 20_000


def defer(given: Form, caller: Caller, guid: str, *, body: str, now: datetime) -> str | None:
    """Keep a comment for the desk.

    :param guid: of the call, by which the blog will know the answer.
    :return: the comment's id, or None where it cannot wait: no address to call, or nothing to read.
    """
    address = given.get("callback")
    if urlsplit(address).scheme not in ("http", "https") or len(address) > 2000:
        return None
    if is_blank(clean(body)[0]) or len(body) > LONGEST_KEPT:
        return None
    # the key stands in the call back, so it must be readable then; nowhere else is it kept
    proof = next(key for key in given.keys)
    context = {
        "way": "akismet",
        "akismet": {"guid": guid, "key": vault().encrypt(proof), "post": given.get("comment_post_ID")[:40]},
    }
    with database().writing() as session:
        comment = lifecycle.receive(
            session,
            site_id=caller.site.id,
            vault=vault(),
            now=now,
            name=_line(given, "comment_author", 200),
            email=_line(given, "comment_author_email", 320),
            body=body,
            external_id=f"akismet-{guid}",
            article={"id": _line(given, "permalink", 255), "url": _line(given, "permalink", 2000)},
            author={"url": _line(given, "comment_author_url", 2000)},
            ip=_address(given.get("user_ip")),
            user_agent=_line(given, "user_agent", 500),
            referrer=_line(given, "referrer", 2000),
            language=given.language,
            context=context,
        )
        comment_id = comment.id
    nudge(jobs.SCORE)
    return comment_id


def _line(given: Form, name: str, most: int) -> str:
    return given.get(name)[:most]


def _address(text: str) -> str | None:
    try:
        return str(ip_address(text))
    except ValueError:
        return None
