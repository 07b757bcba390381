"""Disqus: Admin → Setup → Export, an XML file of threads and posts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError

from defusedxml.ElementTree import iterparse

from moderation.archives.archived import Archived, BadRow, NotAnArchive, text_of_html, time_of, xml_of

_ID = "{http://disqus.com/disqus-internals}id"


def read(path: Path) -> Iterator[Archived | BadRow]:
    """Posts with the thread that they stand under; threads come first in the file.

    :raises NotAnArchive: no Disqus export, or one that breaks off.
    """
    threads: dict[str, tuple[str, str, str]] = {}
    depth, root = 0, ""
    try:
        with xml_of(path) as source:
            for event, element in iterparse(source, events=("start", "end")):
                name = str(element.tag).rpartition("}")[2]
                if event == "start":
                    depth += 1
                    root = root or name
                    continue
                depth -= 1
                if depth == 1 and name == "thread":
                    number = element.get(_ID) or ""
                    threads[number] = (
                        _text(element, "id") or number,
                        _text(element, "link"),
                        _text(element, "title"),
                    )
                elif depth == 1 and name == "post":
                    yield _post(element, threads)
                if depth == 1:
                    element.clear()
    except ParseError as error:
        raise NotAnArchive(f"{path.name} is not well-formed XML: {error}") from error
    if root != "disqus":
        raise NotAnArchive(f"{path.name} holds no Disqus export (its root is <{root}>, not <disqus>)")


def _post(post: Any, threads: dict[str, tuple[str, str, str]]) -> Archived | BadRow:
    number = post.get(_ID) or "?"
    body = text_of_html(_text(post, "message"))
    try:
        created_at = time_of(_text(post, "createdAt"))
    except ValueError:
        return BadRow(number, "createdAt is no date")
    if number == "?" or not body:
        return BadRow(number, "no id or no text")
    is_spam = _text(post, "isSpam") == "true"
    gone = _text(post, "isDeleted") == "true"
    thread, url, title = threads.get(_reference(post, "thread"), ("", "", ""))
    author = _child(post, "author")
    parent = _reference(post, "parent")
    return Archived(
        external_id=f"disqus-{number}",
        name=_text(author, "name") if author is not None else "",
        email=_text(author, "email") if author is not None else "",
        author_id=f"disqus-{_text(author, 'username')}"
        if author is not None and _text(author, "username")
        else "",
        body=body,
        status="rejected" if is_spam or gone else "approved",
        is_spam=is_spam,
        created_at=created_at,
        ip=_text(post, "ipAddress"),
        article_id=thread,
        article_url=url,
        article_title=title,
        parent_id=f"disqus-{parent}" if parent else "",
    )


def _child(element: Any, name: str) -> Any:
    return next((child for child in element if str(child.tag).rpartition("}")[2] == name), None)


def _text(element: Any, name: str) -> str:
    child = _child(element, name)
    return (child.text or "").strip() if child is not None else ""


def _reference(element: Any, name: str) -> str:
    child = _child(element, name)
    return (child.get(_ID) or "") if child is not None else ""
