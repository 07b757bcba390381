"""A site's own model from its decisions: trained by a worker, promoted, swapped in, refused and rolled back."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from models.artifact import MANIFEST
from moderation import learning, lifecycle
from moderation.tables import Comment, Label, ModelVersion, Site, new_id
from tests.conftest import make_site
from tests.models.test_site_model import newsroom
from worker import parts, tasks, tasks_learn
from worker.celery import app, settings

FERRY = "The ferry to the harbour was late again and nobody at the council said a word about it."


@pytest.fixture
def database(sqlite_database):
    return sqlite_database


@pytest.fixture
def site(monkeypatch, database, vault):
    monkeypatch.setattr(parts, "database", lambda: database)
    monkeypatch.setattr(parts, "vault", lambda: vault)
    # The newsroom of random words has one figure for all attributes: nothing of people is in it to be fair about.
    monkeypatch.setattr(tasks_learn.gate, "TERM_RATIO", 50.0)
    parts.site_models.cache_clear()
    with database.writing() as session:
        made = make_site(session, vault).id
    yield made
    shutil.rmtree(settings.data_dir / "models", ignore_errors=True)


def decided(database, site_id, many, *, seed=1, origin="desk", model="", key_id=None):
    """Comments that were decided, as their rows stand afterwards."""
    now = datetime.now(UTC)
    with database.writing() as session:
        for number, one in enumerate(newsroom(many, seed=seed)):
            at = now - timedelta(seconds=many - number)
            comment = Comment(
                id=new_id(), site_id=site_id, name="A", body=one.body, email_encrypted="", email_hash="",
                author_identity="a", submitted_at=at, received_at=at, judged_at=at,
                status="rejected" if one.value else "approved", model=model or parts.scorer().version,
                logits={"fast": one.fast, "deep": None}, facts=one.facts,
            )  # fmt: skip
            session.add(comment)
            session.add(
                Label(
                    site_id=site_id, comment_id=comment.id, revision=1, attribute="likely_to_reject",
                    value=one.value, origin=origin, weight=1.0, key_id=key_id, created_at=at,
                )
            )  # fmt: skip


def wish(database, site_id, **wishes):
    with database.writing() as session:
        session.get(Site, site_id).options = {"learning": wishes}


def versions(database, site_id):
    with database.reading() as session:
        return learning.versions_of(session, site_id)


def judged(database, vault, site_id, body):
    with database.writing() as session:
        made = lifecycle.receive(
            session, site_id=site_id, vault=vault, now=datetime.now(UTC), name="Ann", email="ann@example.org",
            body=body,
        ).id  # fmt: skip
    assert tasks.score_once() == 1
    with database.reading() as session:
        return session.get(Comment, made)


def test_nothing_is_trained_until_somebody_asks_or_switches_it_on(database, site):
    decided(database, site, 300)

    tasks_learn.learn()

    assert versions(database, site) == []
    assert app.conf.beat_schedule["learn"]["task"] == "btl.learn"


def test_what_was_asked_for_is_trained_and_scores_in_shadow(database, vault, site):
    decided(database, site, 300)
    wish(database, site, asked_at="2026-01-01")

    tasks_learn.learn()

    (row,) = versions(database, site)
    assert (row.status, row.labels, row.base) == ("challenger", 300, parts.scorer().version)
    assert all(line["passed"] for line in row.gate.values()), row.gate
    comment = judged(database, vault, site, FERRY)
    assert comment.shadow["challenger"]["version"] == row.version
    assert "likely_to_reject" not in comment.scores
    with database.reading() as session:
        said = session.get(Site, site).options["learning"]
    assert "asked_at" not in said
    assert said["says"].endswith("It passed the gate.")


def test_what_passes_the_gate_takes_over_by_itself_where_the_site_wants_that(database, vault, site):
    decided(database, site, 300)
    wish(database, site, auto=True, promote=True)
    before = judged(database, vault, site, FERRY)

    tasks_learn.learn()
    after = judged(database, vault, site, FERRY + " Really.")

    (row,) = versions(database, site)
    assert (row.status, row.promoted_by) == ("champion", "gate")
    # the same process, without a restart
    assert before.model == parts.scorer().version or before.model.endswith("-fast")
    assert after.model.endswith(f"+{row.version}")
    assert 0 < after.scores["likely_to_reject"] < 1
    with database.writing() as session:
        learning.rollback(session, site, by="m1", now=datetime.now(UTC))
    assert "+" not in judged(database, vault, site, FERRY + " Truly.").model


def test_a_few_more_decisions_are_not_worth_another_model(database, site):
    decided(database, site, 300)
    wish(database, site, auto=True)
    tasks_learn.learn()
    decided(database, site, tasks_learn.WORTH_IT - 1, seed=2)

    tasks_learn.learn()
    assert len(versions(database, site)) == 1
    with database.writing() as session:
        session.scalars(select(ModelVersion)).one().base = "2020.1"
    tasks_learn.learn()

    assert len(versions(database, site)) == 2  # the shipped model was replaced


def test_a_model_of_callers_alone_never_takes_over_by_itself(database, site):
    decided(database, site, 300, origin="site", key_id="k1")
    wish(database, site, auto=True, promote=True)

    tasks_learn.learn()

    (row,) = versions(database, site)
    assert row.status == "challenger"
    assert row.gate["decisions"] == {"passed": False, "value": 0, "bound": 200}


def test_too_few_decisions_are_answered_in_words(database, site):
    decided(database, site, 50)
    wish(database, site, asked_at="2026-01-01")

    tasks_learn.learn()

    with database.reading() as session:
        assert "it takes 200" in session.get(Site, site).options["learning"]["says"]


def test_logits_of_an_earlier_shipped_model_are_not_learned_from(database, site, monkeypatch):
    decided(database, site, 70, model="2020.1-fast+own-1")
    with database.reading() as session:
        lessons = learning.lessons_of(session, site, now=datetime.now(UTC))
    monkeypatch.setattr(tasks_learn, "DEEP_SECONDS", 0.0)

    examples = tasks_learn._examples(lessons)

    fresh = parts.scorer().score([tasks_learn.Text(body=lessons[3].body)], deep=False)[0]
    assert examples[3].fast == pytest.approx(fresh.fast)
    assert examples[3].fast != lessons[3].logits["fast"]
    assert [one.body for one in examples] == [one.body for one in lessons]


@pytest.fixture
def two_models(database, site):
    """Two champions, one after the other."""
    decided(database, site, 300)
    names = []
    for turn in range(2):
        wish(database, site, asked_at="2026-01-01")
        with database.reading() as session:
            names += [f"m{turn}"]
            lessons = learning.lessons_of(session, site, now=datetime.now(UTC))
        model = tasks_learn.train(
            tasks_learn._examples(lessons), version=names[-1], base=parts.scorer().version
        )
        model.save(settings.data_dir / "models")
        with database.writing() as session:
            at = datetime.now(UTC) + timedelta(seconds=turn)
            gate = {"better": {"passed": True, "value": 1, "bound": 0}}
            learning.note_version(
                session, site_id=site, version=names[-1], base=model.base, labels=300, gate=gate, metrics={}, now=at
            )  # fmt: skip
            learning.promote(session, site, names[-1], by="m1", now=at)
    return names


def half_written(version):
    file = settings.data_dir / "models" / version / "weights.npy"
    file.write_bytes(file.read_bytes()[:1000])


def foreign(version):
    manifest = settings.data_dir / "models" / version / MANIFEST
    manifest.write_text(manifest.read_text().replace('"kind": "site"', '"kind": "other"'))


def missing(version):
    shutil.rmtree(settings.data_dir / "models" / version)


@pytest.mark.parametrize("spoil", [half_written, foreign, missing])
def test_a_spoilt_artifact_is_refused_and_the_one_before_stays(database, vault, site, two_models, spoil):
    spoil("m1")

    assert judged(database, vault, site, FERRY).model.endswith("+m0")  # also in a process that is new
    parts.site_models.cache_clear()
    spoil("m0") if spoil is not foreign else missing("m0")
    assert "+" not in judged(database, vault, site, FERRY + " Really.").model


def test_beside_another_shipped_model_it_only_has_people_look_at_more(
    database, site, two_models, monkeypatch
):
    own = parts.deciding_model(site, "m1")
    parts.site_models.cache_clear()
    monkeypatch.setattr(parts.scorer(), "version", "2031.1")

    other = parts.deciding_model(site, "m1")

    assert (own.approve_below, own.reject_above) != (None, None)
    assert (other.approve_below, other.reject_above) == (None, None)


def test_files_of_models_that_decided_long_ago_go(database, site, two_models):
    with database.writing() as session:
        session.get(ModelVersion, "m0").retired_at = datetime.now(UTC) - timedelta(
            days=learning.KEPT_DAYS + 1
        )

    tasks_learn.learn()

    assert [path.name for path in (settings.data_dir / "models").iterdir() if path.name[0] == "m"] == ["m1"]
    assert {row.version: row.status for row in versions(database, site)}["m0"] == "gone"
    with database.writing() as session:
        assert learning.rollback(session, site, by="m1", now=datetime.now(UTC)) is None
