"""Train the sites' own models: when somebody asked, or by itself where a site wants that."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select

from models import gate
from models.scorer import Text
from models.site_model import Example, TooFew, train
from moderation import jobs, learning
from moderation.learning import Lesson
from moderation.logs import log_of
from moderation.tables import Site
from worker import parts
from worker.celery import app, settings

log = log_of(__name__)

#: New decisions that make training anew worth its while.
WORTH_IT = 100
#: Training takes seconds to minutes; the scoring queue waits meanwhile, so a worker of its own is better.
TIME_LIMIT_SECONDS = 110


@app.task(name=jobs.LEARN, time_limit=TIME_LIMIT_SECONDS, soft_time_limit=TIME_LIMIT_SECONDS - 10)
def learn() -> None:
    """Train for every site that asked or is due."""
    with parts.database().reading() as session:
        sites = [
            (site.id, dict(site.options.get("learning") or {})) for site in session.scalars(select(Site))
        ]
    for site_id, wish in sites:
        if wish.get("asked_at") or wish.get("auto"):
            learn_for(site_id, wish)


def learn_for(site_id: str, wish: dict[str, Any]) -> None:
    """Train one site's challenger, measure it at the gate, and promote it where the site lets us."""
    now = datetime.now(UTC)
    with parts.database().reading() as session:
        lessons = learning.lessons_of(session, site_id, now=now)
        versions = learning.versions_of(session, site_id)
        champion = next((row.version for row in versions if row.status == "champion"), None)
    if not wish.get("asked_at") and versions and len(lessons) < versions[0].labels + WORTH_IT:
        return
    version = f"{site_id[-6:].lower()}-{now:%Y%m%d%H%M%S}"
    try:
        examples = _examples(lessons)
        model = train(examples, version=version, base=parts.scorer().version)
    except TooFew as few:
        _answer(site_id, now, str(few))
        return
    newest = examples[len(examples) - model.metrics["held_out"]["decisions"] :]
    lines = gate.measure(
        model, newest, scorer=parts.scorer(), before=parts.site_model(champion) if champion else None
    )
    model.save(settings.data_dir / "models")
    with parts.database().writing() as session:
        learning.note_version(
            session,
            site_id=site_id,
            version=version,
            base=model.base,
            labels=len(lessons),
            gate=lines,
            metrics=model.metrics
            | {"approve_below": model.approve_below, "reject_above": model.reject_above},
            now=now,
        )
        fit = learning.is_fit(lines)
        if fit and wish.get("promote"):
            learning.promote(session, site_id, version, by="gate", now=now)
    said = "It passed the gate." if fit else "It did not pass the gate and scores in shadow."
    _answer(site_id, now, f"{version} was trained on {len(lessons)} decisions. {said}")
    log.info("site_model_trained", site=site_id, version=version, decisions=len(lessons), fit=fit)


def _examples(lessons: list[Lesson]) -> list[Example]:
    """Lessons as the model reads them; a text that was never judged here is scored now."""
    missing = [lesson for lesson in lessons if not lesson.logits or not lesson.logits.get("fast")]
    scored = parts.scorer().score([Text(body=one.body, name=one.name, url=one.url) for one in missing])
    found = {id(lesson): one for lesson, one in zip(missing, scored, strict=True)}
    examples = []
    for lesson in lessons:
        if (one := found.get(id(lesson))) is not None:
            fast, deep, facts = one.fast, one.deep, one.facts
        else:
            logits = lesson.logits or {}
            fast, deep, facts = logits["fast"], logits.get("deep"), dict(lesson.facts or {})
        examples.append(Example(lesson.body, fast, deep, facts, float(lesson.rejected), lesson.weight))
    return examples


def _answer(site_id: str, now: datetime, says: str) -> None:
    """Tell whoever asked, on the site's row: what came of it and when."""
    with parts.database().writing() as session:
        site = session.get(Site, site_id)
        if site is not None:
            wish = dict(site.options.get("learning") or {})
            wish.pop("asked_at", None)
            site.options = {
                **site.options,
                "learning": {**wish, "answered_at": now.isoformat(), "says": says},
            }
