"""A policy as text in the editor: what a preset starts from, lines put in, versions compared. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

import yaml
from flask_babel import gettext as _
from flask_babel import lazy_gettext

from moderation.policy import full
from moderation.policy_document import merged, read

PRESETS: dict[str, tuple[Any, Any]] = {
    "balanced": (
        lazy_gettext("Balanced"),
        lazy_gettext(
            "Holds what looks bad, rejects what is all but certain, and publishes everything else at once."
        ),
    ),
    "strict": (
        lazy_gettext("Strict"),
        lazy_gettext("Lower lines, and people also look at first comments, copies and hidden links."),
    ),
    "pre-moderate": (
        lazy_gettext("Look first"),
        lazy_gettext("A person sees every comment before readers do; only clear cases are rejected at once."),
    ),
    "post-moderate": (
        lazy_gettext("Publish first"),
        lazy_gettext("Nothing waits: what is not rejected is published at once, and people look afterwards."),
    ),
}
_RULE = """\
# rules:
#   - name: Links in first comments
#     when:
#       all:
#         - author: first_comment
#         - signal: many_links
#     then: hold
#     reason: First comments with many links are looked at.
"""


def starting_text(*, preset: str = "balanced", scope: str = "site") -> str:
    """The text to start from: the preset's name, its lines written out, and a rule to change.

    A section or an article starts empty: it inherits everything.
    """
    if scope != "site":
        return "\n".join(_remark(_("Write only what differs here; the rest is inherited."))) + "\n"
    whole = full({"preset": preset})
    title, about = PRESETS[preset]
    lines = [
        *_remark(f"{title}. {about}"),
        f"preset: {preset}",
        "",
        *_remark(
            _(
                "Lines on the machine’s scores, from 0 to 1. From hold_at on a person looks; "
                "from reject_at on the comment is rejected at once."
            )
        ),
        "thresholds:",
    ]
    lines += [
        f"  {name}: {{hold_at: {line['hold_at']}, reject_at: {line['reject_at']}}}"
        for name, line in whole["thresholds"].items()
    ]
    lines += ["", *_remark(_("Rules of your own, read from the top. Take away the # and change this one:"))]
    return "\n".join(lines) + "\n" + _RULE


def as_text(document: Mapping[str, Any], source: str | None) -> str:
    """A saved policy as it was written, or written out now where it came as JSON."""
    if source:
        return source
    return yaml.safe_dump(dict(document), sort_keys=False, allow_unicode=True, width=100)


def with_lines(text: str, hold_at: Mapping[str, float]) -> str:
    """The text with other hold lines, its remarks kept wherever that is possible.

    :param hold_at: attribute -> line in [0, 1].
    """
    document, _lines, _faults = read(text)
    wanted = merged(document or {}, {"thresholds": {name: {"hold_at": at} for name, at in hold_at.items()}})
    changed = _spliced(text, hold_at)
    if changed is not None and read(changed)[0] == wanted:
        return changed
    return yaml.safe_dump(wanted, sort_keys=False, allow_unicode=True, width=100)


def _spliced(text: str, hold_at: Mapping[str, float]) -> str | None:
    """New numbers written over the old ones; None where the text does not hold all of them."""
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    thresholds = _under(root, "thresholds")
    edits: list[tuple[int, int, str]] = []
    for name, at in hold_at.items():
        scalar = _under(_under(thresholds, name), "hold_at")
        if not isinstance(scalar, yaml.ScalarNode):
            return _appended(text, hold_at) if thresholds is None else None
        edits.append((scalar.start_mark.index, scalar.end_mark.index, str(at)))
    for begin, end, new in sorted(edits, reverse=True):
        text = text[:begin] + new + text[end:]
    return text


def _appended(text: str, hold_at: Mapping[str, float]) -> str:
    lines = [f"  {name}: {{hold_at: {at}}}" for name, at in hold_at.items()]
    return text.rstrip() + "\n\nthresholds:\n" + "\n".join(lines) + "\n"


def _under(node: Any, key: str) -> Any:
    if isinstance(node, yaml.MappingNode):
        for key_node, value_node in node.value:
            if getattr(key_node, "value", None) == key:
                return value_node
    return None


def compared(old: str, new: str) -> Iterator[tuple[str, str]]:
    """What changed from one text to another: (``+``, ``-`` or a space, the line), with two lines around."""
    for line in list(difflib.unified_diff(old.splitlines(), new.splitlines(), n=2, lineterm=""))[2:]:
        yield ("…", "") if line.startswith("@@") else (line[:1], line[1:])


def line_of(text: str, number: int | None) -> str:
    """A line of the text as it stands, for a list of faults; ``""`` where there is none."""
    lines = text.splitlines()
    return lines[number - 1].strip()[:120] if number and 0 < number <= len(lines) else ""


def _remark(words: str) -> list[str]:
    """Words as remarks of YAML, broken at 78 characters."""
    out, line = [], "#"
    for word in words.split():
        if len(line) + len(word) > 78:
            out.append(line)
            line = "#"
        line += " " + word
    return [*out, line]
