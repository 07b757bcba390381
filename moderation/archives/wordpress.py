"""WordPress: Tools → Export, a WXR file (RSS 2.0 with the namespace wordpress.org/export)."""

from __future__ import annotations

from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError

from defusedxml.ElementTree import iterparse

from moderation.archives.archived import Archived, BadRow, NotAnArchive, text_of_html, time_of, xml_of

_STATUS = {
    "1": "approved",
    "approve": "approved",
    "0": "held",
    "hold": "held",
    "spam": "rejected",
    "trash": "rejected",
}


def read(path: Path) -> Iterator[Archived | BadRow]:
    """Comments of every post; pingbacks and trackbacks are left out, nobody wrote them.

    :raises NotAnArchive: no WXR file, or one that breaks off.
    """
    seen_any = False
    try:
        with xml_of(path) as source:
            for _, element in iterparse(source, events=("end",)):
                if _local(element) != "item":
                    seen_any = seen_any or _local(element) == "wxr_version"
                    continue
                seen_any = True
                yield from _of_item(element)
                element.clear()  # a post's comments are done with: memory stays that of one post
    except ParseError as error:
        raise NotAnArchive(f"{path.name} is not well-formed XML: {error}") from error
    if not seen_any:
        raise NotAnArchive(f"{path.name} holds no WordPress export (no <item> of a WXR file)")


def _of_item(item: Any) -> Iterator[Archived | BadRow]:
    post = {_local(child): (child.text or "").strip() for child in item if len(child) == 0}
    for child in item:
        if _local(child) != "comment":
            continue
        fields = {_local(field): (field.text or "") for field in child}
        number = fields.get("comment_id", "").strip()
        if fields.get("comment_type", "").strip() in ("pingback", "trackback"):
            continue
        status = _STATUS.get(fields.get("comment_approved", "").strip())
        body = text_of_html(fields.get("comment_content", ""))
        if status is None or not number or not body:
            yield BadRow(number or "?", "no id, no text or an unknown comment_approved")
            continue
        try:
            created_at = time_of(fields.get("comment_date_gmt") or fields.get("comment_date"))
        except ValueError:
            yield BadRow(number, "comment_date_gmt is no date")
            continue
        parent, user = fields.get("comment_parent", "").strip(), fields.get("comment_user_id", "").strip()
        yield Archived(
            external_id=f"wp-{number}",
            name=unescape(fields.get("comment_author", "")).strip(),  # WordPress keeps names as HTML
            body=body,
            status=status,
            is_spam=fields.get("comment_approved", "").strip() == "spam",
            created_at=created_at,
            email=fields.get("comment_author_email", "").strip(),
            url=fields.get("comment_author_url", "").strip(),
            ip=fields.get("comment_author_IP", "").strip(),
            article_id=post.get("post_id", ""),
            article_url=post.get("link", ""),
            article_title=unescape(post.get("title", "")),
            parent_id=f"wp-{parent}" if parent not in ("", "0") else "",
            author_id=f"wp-{user}" if user not in ("", "0") else "",
        )


def _local(element: Any) -> str:
    return str(element.tag).rpartition("}")[2]
