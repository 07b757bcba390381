"""Train the sites' own models: when somebody asked, or by itself where a site wants that."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from celery.exceptions import SoftTimeLimitExceeded
from sqlalchemy import select

from models import gate
from models.anchors import anchors
from models.scorer import Scored, Text
from models.site_model import Example, TooFew, train
from moderation import jobs, learning
from moderation.learning import Lesson
from moderation.logs import log_of
from moderation.tables import ModelVersion, Site
from worker import parts
from worker.celery import app, settings
from worker.tasks import BATCH

log = log_of(__name__)

#: New decisions that make training anew worth its while.
WORTH_IT = 100
#: Training takes seconds to minutes; the scoring queue waits meanwhile, so a worker of its own is better.
TIME_LIMIT_SECONDS = 110
#: Of that, so much for asking the deep tier about texts that this model has not judged; the rest are
#: read by the fast tier alone.
DEEP_SECONDS = 40.0


@app.task(name=jobs.LEARN, time_limit=TIME_LIMIT_SECONDS, soft_time_limit=TIME_LIMIT_SECONDS - 10)
def learn() -> None:
    """Train for every site that asked, or that wants it by itself and is due; put away old files."""
    _drop_retired()
    with parts.database().reading() as session:
        sites = [
            (site.id, dict(site.options.get("learning") or {})) for site in session.scalars(select(Site))
        ]
    for site_id, wish in sites:
        if wish.get("asked_at") or wish.get("auto"):
            try:
                learn_for(site_id, wish)
            except SoftTimeLimitExceeded:
                _answer(site_id, datetime.now(UTC), f"Training took longer than {TIME_LIMIT_SECONDS - 10} s.")
                raise


def learn_for(site_id: str, wish: dict[str, Any]) -> None:
    """Train one site's challenger, measure it at the gate, and promote it where the site lets us."""
    now = datetime.now(UTC)
    with parts.database().reading() as session:
        lessons = learning.lessons_of(session, site_id, now=now)
        versions = learning.versions_of(session, site_id)
    if not wish.get("asked_at") and not _is_due(versions, lessons):
        return
    # To the thousandth: two models of one second would share a folder.
    version = f"{site_id[-6:].lower()}-{now:%Y%m%d%H%M%S}{now.microsecond // 1000:03}"
    try:
        examples = _examples(lessons)
        model = train(examples, version=version, base=parts.scorer().version, anchors=anchors(parts.scorer()))
    except TooFew as few:
        _answer(site_id, now, str(few))
        return
    champion = next((row for row in versions if row.status == "champion"), None)
    lines = gate.measure(
        model,
        examples,
        scorer=parts.scorer(),
        before=parts.site_models().model(champion.version) if champion else None,
        seen_before=sum(one.said_at <= champion.created_at for one in lessons) if champion else 0,
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


def _is_due(versions: Sequence[ModelVersion], lessons: Sequence[Lesson]) -> bool:
    """Whether there is enough that is new, or the shipped model is another than the last one stood on."""
    if not versions:
        return True
    return len(lessons) >= versions[0].labels + WORTH_IT or versions[0].base != parts.scorer().version


def _examples(lessons: Sequence[Lesson]) -> list[Example]:
    """Lessons as the model reads them; a text that this very model has not judged yet is scored now."""
    scorer = parts.scorer()
    missing = [one for one in lessons if not _is_judged_by(scorer.version, one)]
    found: dict[int, Scored] = {}
    until = time.monotonic() + DEEP_SECONDS
    for end in range(len(missing), 0, -BATCH):  # the newest first: they weigh most
        some = missing[max(0, end - BATCH) : end]
        deep = None if time.monotonic() < until else False
        texts = [Text(body=one.body, name=one.name, url=one.url) for one in some]
        found |= {id(lesson): one for lesson, one in zip(some, scorer.score(texts, deep=deep), strict=True)}
    examples = []
    for lesson in lessons:
        if (one := found.get(id(lesson))) is not None:
            fast, deep_said, facts = one.fast, one.deep, one.facts
        else:
            logits = lesson.logits or {}
            fast, deep_said, facts = logits["fast"], logits.get("deep"), dict(lesson.facts or {})
        value = float(lesson.rejected)
        examples.append(Example(lesson.body, fast, deep_said, facts, value, lesson.weight, lesson.by_people))
    return examples


def _is_judged_by(version: str, lesson: Lesson) -> bool:
    shipped = (lesson.model or "").partition("+")[0].removesuffix("-fast")
    return bool(lesson.logits and lesson.logits.get("fast")) and shipped == version


def _drop_retired() -> None:
    """Remove the files of models that have not decided for long; first their rows say so."""
    with parts.database().writing() as session:
        dropped = learning.drop_retired(session, now=datetime.now(UTC))
    for version in dropped:
        shutil.rmtree(settings.data_dir / "models" / version, ignore_errors=True)


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
