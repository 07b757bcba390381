"""The learning page: what was learned from, which model decides and why, and what changed lately."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask_babel import format_datetime, format_decimal, format_percent, lazy_gettext
from flask_babel import gettext as _
from markupsafe import Markup
from sqlalchemy import case, func, select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from moderation import calibration, drift, jobs, learning
from moderation.drift import SHIFTED, SHIFTING, Drift
from moderation.errors import NotFound, TransitionRefused
from moderation.tables import Label, ModelVersion, Site
from service.door import nudge
from service.review import pictures, plots
from service.review.desk import PLACES, bp, database, demand, me, rights, utcnow

PLACES.append(("desk.learn", lazy_gettext("Learning"), "read-only"))

ORIGINS = {
    "desk": lazy_gettext("Decisions at this desk"),
    "appeal": lazy_gettext("Appeals: two people looked"),
    "undo": lazy_gettext("Decisions taken back"),
    "site": lazy_gettext("Decisions sent by the news site"),
    "coral": lazy_gettext("Decisions in Coral"),
    "submit-spam": lazy_gettext("Spam that was missed (Akismet’s submit-spam)"),
    "submit-ham": lazy_gettext("Wrongly called spam (Akismet’s submit-ham)"),
    "suggestscore": lazy_gettext("Suggested scores (Perspective)"),
    "import": lazy_gettext("Imported archives"),
}
#: name of a gate's line -> what it asks, and the pattern of its value.
GATE = {
    "decisions": (lazy_gettext("Enough decisions to learn from"), "#,##0"),
    "better": (lazy_gettext("Better on this site’s newest decisions (AUC gained)"), "+0.000;-0.000"),
    "shipped": (lazy_gettext("Not worse on the shipped plain cases (AUC lost)"), "0.000"),
    "fairness": (lazy_gettext("No group’s name alone makes a comment suspect (worst ratio)"), "0.00"),
    "speed": (lazy_gettext("Still fast (time added, as a share)"), "0.00"),
}
_STATUSES = {
    "champion": lazy_gettext("decides"),
    "challenger": lazy_gettext("in shadow"),
    "retired": lazy_gettext("retired"),
    "gone": lazy_gettext("its files are gone"),
}
#: In a gate's line a value must lie above its bound here, and at or below it elsewhere.
_AT_LEAST = {"decisions", "better"}
_LATELY_DAYS = 28
_VERSIONS_SHOWN = 24


@dataclass(frozen=True, slots=True)
class Origin:
    """Texts with a label in force of one origin.

    :param rejected: how many of them are to be rejected, by their labels.
    :param weight: their trust added up, before any bound.
    """

    name: str
    texts: int
    rejected: int
    weight: float


@bp.get("/learning")
def learn() -> str:
    """Everything about a site's own model."""
    site, now = _site(), utcnow()
    with database().reading() as db:
        row = db.get_one(Site, site.id)
        versions = learning.versions_of(db, site.id)
        found = drift.drift_of(db, site.id, now=now)
        disagreement = drift.disagreement_of(db, row, since=now - _LATELY_DAYS * drift.WEEK / 7)
        origins = _origins(db, site.id)
    champion = next((one for one in versions if one.status == "champion"), None)
    challenger = next((one for one in versions if one.status == "challenger"), None)
    return render_template(
        "desk/learning.html",
        site=row,
        wish=row.options.get("learning") or {},
        people=[one for one in origins if one.name in learning.OF_PEOPLE],
        others=[one for one in origins if one.name not in learning.OF_PEOPLE],
        origin_titles=ORIGINS,
        versions=versions,
        champion=champion,
        challenger=challenger,
        gates={one.version: gate_lines(one.gate) for one in versions},
        is_fit={one.version: learning.is_fit(one.gate) for one in versions},
        statuses=_STATUSES,
        noise=(versions[0].metrics or {}).get("label_noise") if versions else None,
        plots=_history(versions),
        drift=found,
        spreads=[(one, _word_for(one.index), pictures.spread(one)) for one in found.spreads],
        overturned=_overturned(found),
        calibration=_calibrated(found),
        reliability=pictures.reliability(found.calibration, found.calibration_before),
        disagreement=disagreement,
        lately_days=_LATELY_DAYS,
        may=rights().may("senior", site.id),
        **_training(row),
    )


@bp.get("/learning/training")
def training() -> str:
    """The line about training alone, for a page that waits for its end."""
    site = _site()
    with database().reading() as db:
        row = db.get_one(Site, site.id)
    return render_template("desk/learning_training.html", site=row, **_training(row))


@bp.post("/learning/train")
def train_now() -> AnyResponse:
    """Ask the worker to train; the page tells when it has."""
    _change(asked_at=utcnow().isoformat())
    nudge(jobs.LEARN)
    return redirect(_address(), 303)


@bp.post("/learning/automatic")
def set_automatic() -> AnyResponse:
    """Whether new models are trained by themselves, and whether one that passes takes over by itself."""
    auto, promote = "auto" in request.form, "promote" in request.form
    _change(auto=auto, promote=promote)
    flash(_("Kept."))
    return redirect(_address(), 303)


@bp.post("/learning/promote")
def promote_model() -> AnyResponse:
    """Let a model decide; against the gate only where that was said on purpose."""
    site, version = _asked(), request.form.get("version", "")
    try:
        with database().writing() as db:
            learning.promote(db, site.id, version, by=me().name, now=utcnow(), force="force" in request.form)
        flash(_("%(version)s decides from now on. It can be rolled back.", version=version))
    except TransitionRefused as refused:
        if refused.status == "champion":
            flash(_("Nothing changed: it decides already."))
        else:
            flash(_("Nothing changed: it did not pass the gate. Tick “against the gate” if you mean it."))
    return redirect(_address(), 303)


@bp.post("/learning/rollback")
def roll_back_model() -> AnyResponse:
    """Go back to the model before, or to the shipped one alone."""
    site = _asked()
    try:
        with database().writing() as db:
            row = learning.rollback(db, site.id, by=me().name, now=utcnow())
            version = row.version if row else None
        if version:
            flash(_("%(version)s decides again.", version=version))
        else:
            flash(_("The shipped model decides alone again."))
    except TransitionRefused:
        flash(_("Nothing changed: the shipped model decides alone already."))
    return redirect(_address(), 303)


def gate_lines(gate: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Each line of a gate in words: what it asks, its value with interval, and its bound."""
    lines = []
    for name, said in gate.items():
        title, shape = GATE.get(name, (name.replace("_", " ").capitalize(), "0.000"))
        interval = said.get("interval")
        words = {"bound": format_decimal(said["bound"], shape)}
        if name == "better":
            bound = _("its interval must lie above 0")
        elif name in _AT_LEAST:
            bound = _("at least %(bound)s", **words)
        else:
            bound = _("at most %(bound)s", **words)
        lines.append(
            {
                "title": title,
                "passed": bool(said.get("passed")),
                "value": format_decimal(said["value"], shape),
                "interval": " … ".join(format_decimal(end, shape) for end in interval) if interval else "",
                "bound": bound,
            }
        )
    return lines


def _origins(db: Session, site_id: str) -> list[Origin]:
    """Texts with a label in force, by origin; those of people first, then the most."""
    texts = (
        select(
            Label.origin,
            func.max(Label.value).label("value"),
            func.max(Label.weight).label("weight"),
        )
        .where(Label.site_id == site_id, Label.superseded_at.is_(None))
        .group_by(Label.origin, func.coalesce(Label.comment_id, Label.text_hash, Label.id))
        .subquery()
    )
    rows = db.execute(
        select(
            texts.c.origin,
            func.count(),
            func.sum(case((texts.c.value >= 0.5, 1), else_=0)),
            func.sum(texts.c.weight),
        ).group_by(texts.c.origin)
    )
    found = [Origin(name, count, int(bad or 0), float(weight or 0)) for name, count, bad, weight in rows]
    return sorted(found, key=lambda one: (one.name not in learning.OF_PEOPLE, -one.texts))


def _history(versions: list[ModelVersion]) -> list[tuple[str, str, Markup]]:
    """(title, what it means, drawing) of the models' figures, oldest first; nothing below two models."""
    rows = versions[:_VERSIONS_SHOWN][::-1]
    if not rows:
        return []
    labels = [format_datetime(row.created_at, "d MMM") for row in rows]
    aucs = [((row.metrics or {}).get("held_out") or {}).get("auc") for row in rows]
    queues = [queue_share(row.metrics or {}) for row in rows]
    marks = [row.status for row in rows]
    return [
        (
            _("How well it ranks"),
            _("AUC on the newest fifth of the decisions, not trained on: 0.5 is chance, 1 is perfect."),
            pictures.over_versions(
                list(zip(labels, aucs, marks, strict=True)), title=_("AUC by model, oldest first"), low=0.5
            ),
        ),
        (
            _("What stays for people"),
            _("Share of those decisions that it would still leave to a person."),
            pictures.over_versions(
                list(zip(labels, queues, marks, strict=True)),
                title=_("Share left to people by model, oldest first"),
            ),
        ),
    ]


def queue_share(metrics: Mapping[str, Any]) -> float | None:
    """Of the held-out decisions, the share between the lines below and above which the model decides."""
    likely = (metrics.get("held_out") or {}).get("likely")
    if not likely:
        return None
    below, above = metrics.get("approve_below"), metrics.get("reject_above")
    kept = [
        value
        for value in likely
        if not (below is not None and value < below) and not (above is not None and value >= above)
    ]
    return len(kept) / len(likely)


def _word_for(index: float | None) -> tuple[str, str]:
    """A stability index in a word, and the class that goes with it."""
    if index is None:
        return _("too few comments"), "quiet"
    if index >= SHIFTED:
        return _("shifted"), "rejected"
    return (_("shifting"), "held") if index >= SHIFTING else (_("steady"), "approved")


def _calibrated(found: Drift) -> tuple[str, str]:
    """What this week's scores were worth, in words, and the class that goes with it."""
    week, before = found.calibration, found.calibration_before
    if week.error is None:
        return _(
            "Too few of the held comments were decided this week to tell (%(num)s; it takes %(fewest)s).",
            num=week.decisions,
            fewest=calibration.FEWEST,
        ), "quiet"
    words = _(
        "On average a score lay %(error)s from what people decided; chance alone explains %(chance)s.",
        error=format_decimal(week.error, "0.00"),
        chance=format_decimal(week.by_chance, "0.00"),
    )
    if before.error is not None:
        words += " " + _("In the four weeks before: %(error)s.", error=format_decimal(before.error, "0.00"))
    return words, "held" if found.is_miscalibrated else "approved"


def _overturned(found: Drift) -> Markup:
    shares = [share.value for _begin, share in found.overturned]
    return plots.lines(
        [begin for begin, _share in found.overturned],
        {_("overturned"): ("r", shares)},
        title=_("Share of the machine’s decisions that people reversed, by week"),
        step_hours=168,
        top=max(0.05, *(value or 0.0 for value in shares)),
        figure=format_percent,
    )


def _training(site: Site) -> dict[str, Any]:
    """What is known about training: asked for and waiting, or the last answer."""
    wish = site.options.get("learning") or {}
    return {
        "waits_since": _moment(wish.get("asked_at")),
        "answered_at": _moment(wish.get("answered_at")),
        "says": wish.get("says") or "",
    }


def _moment(said: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(str(said)) if said else None
    except ValueError:
        return None


def _change(**wishes: Any) -> None:
    """Change what the site wants of learning, under a lock: a worker answers on the same row."""
    site = _asked()
    with database().writing() as db:
        row = db.get_one(Site, site.id, with_for_update=True)
        kept = row.options.get("learning") or {}
        row.options = {**row.options, "learning": {**kept, **wishes}}


def _asked() -> Site:
    """The site that a form is about, for who may change how it learns."""
    site = _site(request.form.get("site_id", ""))
    demand("senior", site.id)
    return site


def _site(site_id: str | None = None) -> Site:
    """:raises NotFound: it is not there for this person."""
    slug = request.args.get("site", "")
    for site in rights().sites:
        if site.id == site_id or (site_id is None and slug in ("", site.slug)):
            return site
    raise NotFound("site")


def _address() -> str:
    site = _site(request.form.get("site_id", ""))
    return url_for("desk.learn", site=site.slug if len(rights().sites) > 1 else None)
