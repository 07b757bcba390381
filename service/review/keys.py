"""The keys of the desk: Coral's, unless a person chose others."""

from __future__ import annotations

from typing import Any

from flask import Flask, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from werkzeug.wrappers import Response as AnyResponse

from moderation.tables import Moderator
from service.review.desk import bp, database, me

#: As in Coral where Coral has one: moderators' fingers know them.
DEFAULTS = {
    "next": "j", "previous": "k", "approve": "f", "reject": "d", "spam": "s", "reasons": "r", "ban": "b",
    "escalate": "e", "hold": "h", "trust": "v", "like": "a", "select": "x", "undo": "u", "more": "m",
    "queue": "t", "zen": "z", "search": "/", "help": "?",
}  # fmt: skip
TITLES = {
    "next": lazy_gettext("Next comment"),
    "previous": lazy_gettext("Previous comment"),
    "approve": lazy_gettext("Approve"),
    "reject": lazy_gettext("Reject for the reason shown"),
    "spam": lazy_gettext("Reject as spam"),
    "reasons": lazy_gettext("Reject for another reason"),
    "ban": lazy_gettext("Reject and ban the author"),
    "escalate": lazy_gettext("Pass on to a senior"),
    "hold": lazy_gettext("Hold again"),
    "trust": lazy_gettext("Trust the author"),
    "like": lazy_gettext("Decide all like this"),
    "select": lazy_gettext("Select"),
    "undo": lazy_gettext("Undo"),
    "more": lazy_gettext("More acts"),
    "queue": lazy_gettext("Next queue"),
    "zen": lazy_gettext("Only the comment"),
    "search": lazy_gettext("Search"),
    "help": lazy_gettext("These keys"),
}


def register(app: Flask) -> None:
    app.jinja_env.globals.update(key_titles=TITLES, default_keys=DEFAULTS)


@bp.get("/keys")
def keys() -> str:
    """The keys, each of which a person can change."""
    return render_template("desk/keys.html", chosen=_chosen(), fault="")


@bp.post("/keys")
def keep_keys() -> AnyResponse | tuple[str, int]:
    """Keep a person's own keys; two acts on one key are refused."""
    if request.form.get("action") == "defaults":
        chosen = dict(DEFAULTS)
    else:
        chosen = {name: request.form.get(name, "").strip()[:1] or DEFAULTS[name] for name in DEFAULTS}
    twice = sorted({key for key in chosen.values() if list(chosen.values()).count(key) > 1})
    digits = sorted({key for key in chosen.values() if key.isdigit()})
    if twice or digits:
        fault = _("Two acts share the key %(key)s.", key=twice[0]) if twice else ""
        fault = fault or _("Digits are for the queues.")
        return render_template("desk/keys.html", chosen=chosen, fault=fault), 422
    own = {name: key for name, key in chosen.items() if key != DEFAULTS[name]}
    keep_preferences(keys=own)
    flash(_("Keys kept."))
    return redirect(url_for("desk.keys"), 303)


def _chosen() -> dict[str, str]:
    return {**DEFAULTS, **(me().preferences.get("keys") or {})}


def keep_preferences(**changes: Any) -> None:
    with database().writing() as db:
        person = db.get_one(Moderator, me().id, with_for_update=True)
        person.preferences = {**person.preferences, **changes}
