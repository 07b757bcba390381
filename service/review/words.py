"""Readers' words and the machine's opinions, as they are put on a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import groupby, pairwise
from typing import Any

from babel import Locale, UnknownLocaleError, dates
from flask import Flask
from flask_babel import (
    format_date,
    format_datetime,
    format_decimal,
    format_timedelta,
    get_locale,
    lazy_gettext,
    ngettext,
)
from flask_babel import gettext as _
from markupsafe import Markup, escape

from moderation.dossier import Dossier, signal_title
from moderation.tables import Author
from service.door import utcnow

ATTRIBUTES = {
    "spam": lazy_gettext("Spam"),
    "toxicity": lazy_gettext("Toxicity"),
    "severe_toxicity": lazy_gettext("Severe toxicity"),
    "obscene": lazy_gettext("Obscene"),
    "threat": lazy_gettext("Threat"),
    "insult": lazy_gettext("Insult"),
    "identity_attack": lazy_gettext("Identity attack"),
}
CODES = {
    "OFFENSIVE": lazy_gettext("Offensive"),
    "ABUSIVE": lazy_gettext("Abusive"),
    "SPAM": lazy_gettext("Spam"),
    "BANNED_WORD": lazy_gettext("Banned word"),
    "AD": lazy_gettext("Advertisement"),
    "ILLEGAL_CONTENT": lazy_gettext("Illegal content"),
    "HARASSMENT_BULLYING": lazy_gettext("Harassment or bullying"),
    "MISINFORMATION": lazy_gettext("Misinformation"),
    "HATE_SPEECH": lazy_gettext("Hate speech"),
    "IRRELEVANT_CONTENT": lazy_gettext("Off topic"),
    "OTHER": lazy_gettext("Other"),
    "APPEAL": lazy_gettext("Appeal"),
}
STATUSES = {
    "pending": lazy_gettext("pending"),
    "held": lazy_gettext("held"),
    "approved": lazy_gettext("approved"),
    "rejected": lazy_gettext("rejected"),
    "withdrawn": lazy_gettext("withdrawn"),
    "erased": lazy_gettext("erased"),
}
VIEWS = {
    "held": lazy_gettext("Held"),
    "escalated": lazy_gettext("Escalated"),
    "reported": lazy_gettext("Reported"),
    "appeals": lazy_gettext("Appeals"),
    "unsure": lazy_gettext("Unsure"),
    "second": lazy_gettext("Second look"),
    "decided": lazy_gettext("Decided"),
}
ROLES = {
    "admin": lazy_gettext("Admin"),
    "senior": lazy_gettext("Senior moderator"),
    "moderator": lazy_gettext("Moderator"),
    "read-only": lazy_gettext("Read only"),
}
#: Contributions this large, as a share of the largest, get the thickest and the middle underline.
_THICK, _MIDDLE = 0.66, 0.33
#: Scores below this are folded away unless they met a line.
_TELLING = 0.2


def register(app: Flask) -> None:
    app.jinja_env.filters.update(
        ago=ago, age=age, when=when, marked=marked, reason_text=reason_text, reason_short=reason_short,
        figure=figure, attribute=attribute_title, code=code_title, status=status_title, signal=signal_words,
        capped=capped, doer=doer, day=day,
        by_weight=by_weight, language=language_name,
    )  # fmt: skip
    app.jinja_env.globals.update(
        author_record=author_record, view_titles=VIEWS, role_titles=ROLES, attribute_titles=ATTRIBUTES,
        code_titles=CODES, bar=bar, first_line=first_line,
    )  # fmt: skip


def marked(text: str, spans: Mapping[str, Any] | None, attributes: Sequence[str] = ()) -> Markup:
    """A reader's text, escaped, with what raised its scores in ``<mark>``.

    :param spans: attribute -> {"spans": [{"begin", "end", "contribution"}]}, in code points of ``text``.
    :param attributes: those to show; empty means all.
    """
    pieces = []
    for name, said in (spans or {}).items():
        if attributes and name not in attributes:
            continue
        for span in (said or {}).get("spans") or ():
            begin, end = max(0, int(span["begin"])), min(len(text), int(span["end"]))
            if begin < end and float(span["contribution"]) > 0:
                pieces.append((begin, end, float(span["contribution"]), name))
    if not pieces:
        return escape(text)
    most = max(piece[2] for piece in pieces)
    cuts = sorted({0, len(text), *(p[0] for p in pieces), *(p[1] for p in pieces)})
    kinds: list[tuple[int, str] | None] = []
    for begin, end in pairwise(cuts):
        over = [piece for piece in pieces if piece[0] <= begin and end <= piece[1]]
        best = max(over, key=lambda piece: piece[2], default=None)
        kinds.append((_level(best[2] / most), best[3]) if best else None)
    for place in range(1, len(kinds) - 1):
        # The space between two marked words belongs to the phrase that they make.
        before, after = kinds[place - 1], kinds[place + 1]
        if kinds[place] is None and before and after and text[cuts[place] : cuts[place + 1]] == " ":
            kinds[place] = min(before, after)
    runs = groupby(zip(pairwise(cuts), kinds, strict=True), key=lambda pair: pair[1])
    return Markup().join(
        _piece("".join(text[begin:end] for (begin, end), _ in run), kind) for kind, run in runs
    )


def _piece(text: str, kind: tuple[int, str] | None) -> Markup:
    if kind is None or not text:
        return escape(text)
    return Markup('<mark class="m{}" title="{}">{}</mark>').format(kind[0], attribute_title(kind[1]), text)


def _level(share: float) -> int:
    return 3 if share >= _THICK else 2 if share >= _MIDDLE else 1


def first_line(text: str) -> str:
    return " ".join(text.split())


def reason_text(reason: Mapping[str, Any]) -> str:
    """A reason as a sentence, in the language of the page."""
    kind, name, value, line = (reason.get(key) for key in ("kind", "name", "value", "threshold"))
    if kind == "score" and value is not None and line is not None and reason.get("verdict") != "approve":
        words = {"attribute": attribute_title(str(name)), "value": figure(value), "line": figure(line)}
        if reason.get("verdict") == "reject":
            return _("%(attribute)s %(value)s, above this site’s reject line of %(line)s", **words)
        return _("%(attribute)s %(value)s, above this site’s hold line of %(line)s", **words)
    if kind == "score" and reason.get("verdict") == "approve":
        if value is None or line is None:
            return _("Nothing crossed a line.")
        words = {"attribute": attribute_title(str(name)), "value": figure(value), "line": figure(line)}
        return _("Nothing crossed a line. Nearest: %(attribute)s %(value)s, hold line %(line)s.", **words)
    if kind == "signal":
        _title, colon, detail = str(reason.get("text", "")).partition(": ")
        return signal_words(str(name)) + (colon + detail if colon else "")
    return str(reason.get("text") or name)


def reason_short(reasons: Sequence[Mapping[str, Any]] | None) -> str:
    """The strongest reason in a word or two, for a row of the list."""
    for reason in reasons or ():
        if reason.get("verdict") in ("hold", "reject"):
            name = str(reason.get("name"))
            if reason.get("kind") == "score" and reason.get("value") is not None:
                return f"{attribute_title(name)} {figure(reason['value'])}"
            if reason.get("kind") == "signal":
                return signal_words(name)
            return str(reason.get("text") or name)
    return ""


def author_record(author: Author | None) -> str:
    """An author's past in one sentence."""
    if author is None or not (author.approved or author.rejected):
        return _("No comment decided before.")
    since = format_datetime(author.first_seen_at, "LLLL y")
    parts = []
    if author.approved:
        parts.append(ngettext("%(num)s approved", "%(num)s approved", author.approved))
    if author.rejected:
        parts.append(ngettext("%(num)s rejected", "%(num)s rejected", author.rejected))
    if author.strikes > 0:
        parts.append(ngettext("%(num)s strike", "%(num)s strikes", author.strikes))
    return _("%(record)s since %(month)s.", record=", ".join(parts), month=since)


def doer(decision: Any, names: Mapping[str, str]) -> str:
    """Who took a decision, in words."""
    if decision.by_kind == "moderator":
        return names.get(decision.by_id) or _("a former moderator")
    return {
        "policy": _("the site’s policy"),
        "site": _("the news site"),
        "author": _("the author"),
        "system": _("the system"),
    }.get(decision.by_kind, decision.by_kind)


def ago(moment: datetime) -> Markup:
    """ "3 minutes ago", with the full time on hover, in the person's zone."""
    delta = moment - utcnow()
    return _time(moment, format_timedelta(delta, add_direction=True, threshold=1.2))


def age(moment: datetime) -> Markup:
    """ "3 min": for a narrow column."""
    locale = get_locale() or "en"
    words = dates.format_timedelta(utcnow() - moment, format="narrow", threshold=1.2, locale=locale)
    return _time(moment, words)


def when(moment: datetime) -> str:
    return str(format_datetime(moment, "medium"))


def day(moment: datetime) -> str:
    return str(format_date(moment, "medium")) if moment.year < 2100 else _("further notice")


def _time(moment: datetime, words: str) -> Markup:
    return Markup('<time datetime="{}" title="{}">{}</time>').format(moment.isoformat(), when(moment), words)


def figure(value: float) -> str:
    """A probability or weight with two decimals; never rounded up to a certainty that nobody has."""
    return str(format_decimal(min(value, 0.99) if value < 1.0 else value, "0.00"))


def capped(count: int) -> str:
    return "999+" if count > 999 else str(count)


def bar(value: float, hold: float | None, reject: float | None) -> Markup:
    """A score as a small bar with the policy's lines on it; the figure beside it says the same."""
    lines = Markup("").join(
        Markup('<path class="{}" d="M{:.1f} 0v14"/>').format(name, at * 160)
        for name, at in (("hold", hold), ("reject", reject))
        if at is not None and 0 <= at <= 1
    )
    level = "reject" if reject is not None and value >= reject else ""
    level = level or ("hold" if hold is not None and value >= hold else "calm")
    return Markup(
        '<svg class="bar {}" viewBox="0 0 160 14" width="160" height="14" aria-hidden="true">'
        '<rect class="track" y="4" width="160" height="6"/>'
        '<rect class="value" y="4" width="{:.1f}" height="6"/>{}</svg>'
    ).format(level, max(1.0, value * 160), lines)


def by_weight(
    scores: Mapping[str, float], fired_names: Sequence[str]
) -> tuple[list[tuple[str, float]], list[tuple[str, float]]]:
    """Scores worth a look, the highest first, and the low ones."""
    ranked = sorted(scores.items(), key=lambda pair: (pair[0] not in fired_names, -pair[1]))
    telling = [pair for pair in ranked if pair[0] in fired_names or pair[1] >= _TELLING]
    return telling, [pair for pair in ranked if pair not in telling]


def language_name(code: str) -> str:
    """A language's name in the language of the page."""
    try:
        name = Locale.parse(code.replace("-", "_")).get_display_name(get_locale() or "en")
    except (ValueError, UnknownLocaleError):
        name = None
    return str(name or code)


def attribute_title(name: str) -> str:
    return str(ATTRIBUTES.get(name, name.replace("_", " ").capitalize()))


def code_title(code: str) -> str:
    """A reason of rejection in words; a house rule is its own name."""
    return str(CODES.get(code, code))


def status_title(status: str) -> str:
    return str(STATUSES.get(status, status))


def signal_words(name: str) -> str:
    return _(signal_title(name))


def fired(dossier: Dossier) -> list[str]:
    """The attributes whose scores met a line: their causes are what a person wants to see."""
    return [
        str(reason["name"])
        for reason in dossier.comment.reasons or ()
        if reason.get("kind") == "score" and reason.get("verdict") in ("hold", "reject")
    ]
