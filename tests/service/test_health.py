"""Alive, ready, and counted: what is not ready is named with what to do."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text, update

from moderation import store
from moderation.settings import Settings
from moderation.store import open_database
from moderation.tables import Delivery, Endpoint, Event, Heartbeat, Site
from service.door import utcnow
from tests.service.conftest import judge, open_app


@pytest.fixture
def environment(environment, redis_url):
    return {**environment, "BTL_REDIS_URL": redis_url}


def beat(database, part="score"):
    with database.writing() as session:
        store.beat(session, part, now=utcnow())


def test_alive_asks_nobody(app):
    assert app.test_client().get("/healthz").json == {"status": "alive"}


def test_ready_when_every_part_is(site):
    beat(site.database)

    answer = site.client.get("/readyz")

    assert answer.status_code == 200
    assert answer.json["ready"] is True
    assert set(answer.json["parts"].values()) == {"ready"}


def test_a_worker_that_never_came_is_named(site):
    answer = site.client.get("/readyz")

    assert answer.status_code == 503
    assert answer.json["accepts"] is True
    assert "celery" in answer.json["parts"]["workers"]


def test_a_silent_worker_is_named(site):
    beat(site.database)
    beat(site.database, "deliver")
    with site.database.writing() as session:
        silent = update(Heartbeat).where(Heartbeat.part == "deliver")
        session.execute(silent.values(at=utcnow() - timedelta(minutes=5)))

    assert site.client.get("/readyz").json["parts"]["workers"].endswith(": deliver")


def test_an_old_schema_is_named_with_the_command(site):
    with site.database.writing() as session:
        session.execute(text("update alembic_version set version_num = '0000'"))

    answer = site.client.get("/readyz").json

    assert "btl migrate" in answer["parts"]["schema"]
    assert answer["accepts"] is False


def test_a_broker_that_is_away_is_named(environment, sqlite_database):
    settings = Settings.from_environment({**environment, "BTL_REDIS_URL": "redis://127.0.0.1:1/0"})
    for app in open_app(settings, sqlite_database):
        assert "does not answer" in app.test_client().get("/readyz").json["parts"]["broker"]


def test_a_database_that_is_away_is_named_and_the_process_lives(settings):
    database = open_database("postgresql+psycopg://nobody@127.0.0.1:1/nothing")
    for app in open_app(settings, database):
        client = app.test_client()

        assert "does not answer" in client.get("/readyz").json["parts"]["database"]
        assert client.get("/healthz").status_code == 200


def test_what_waits_is_counted_from_the_rows(site):
    site.send()
    beat(site.database)

    lines = site.client.get("/metrics").text.splitlines()

    assert "btl_comments_unjudged 1" in lines
    assert "btl_comments_held 0" in lines
    assert any(line.startswith('btl_heartbeat_age_seconds{part="score"}') for line in lines)
    assert any(line.startswith("btl_requests_total{") and 'route="/v1/comments"' in line for line in lines)


def test_decisions_and_late_webhooks_are_counted_from_the_rows(site):
    for verdict in ("approve", "reject", "approve"):
        judge(site, site.send().json["id"], verdict)
    answer = site.post(f"/v1/comments/{site.send().json['id']}/decisions", {"action": "approve"})
    assert answer.status_code == 201
    with site.database.writing() as session:
        event = Event(
            site_id=site.site_id,
            type="ping",
            payload={},
            created_at=utcnow(),
        )
        endpoint = Endpoint(
            site_id=site.site_id, url="https://a.example", events=[], secret_encrypted="x",
            status="active", created_at=utcnow(),
        )  # fmt: skip
        session.add_all([event, endpoint])
        session.flush()
        session.add(
            Delivery(
                site_id=site.site_id, event_id=event.id, endpoint_id=endpoint.id,
                due_at=utcnow() - timedelta(seconds=90), created_at=utcnow(),
            )
        )  # fmt: skip

    lines = site.client.get("/metrics").text.splitlines()

    assert 'btl_decisions_last_hour{by="policy",status="approved"} 2' in lines
    assert 'btl_decisions_last_hour{by="policy",status="rejected"} 1' in lines
    assert 'btl_decisions_last_hour{by="site",status="approved"} 1' in lines
    [late] = [line for line in lines if line.startswith("btl_oldest_due_seconds ")]
    assert 90 <= float(late.split()[1]) < 120


def test_what_the_watch_found_of_drift_is_shown_for_each_site(site):
    with site.database.writing() as session:
        row = session.get_one(Site, site.site_id)
        row.options = {
            "drift": {
                "at": "2026-11-28T12:00:00",
                "index": {"insult": 0.31},
                "overturned": 0.02,
                "calibration": 0.18,
            }
        }

    lines = site.client.get("/metrics").text.splitlines()

    assert 'btl_score_drift{site="daily-line",attribute="insult"} 0.31' in lines
    assert 'btl_calibration_error{site="daily-line",span="week"} 0.18' in lines
    assert 'btl_overturned_share{site="daily-line"} 0.02' in lines


def test_no_stranger_can_make_a_series_of_metrics(site):
    site.client.get("/made/up/path")
    site.client.open("/v1/comments", method="PURGE")

    metrics = site.client.get("/metrics").text

    assert "made" not in metrics
    assert "PURGE" not in metrics
