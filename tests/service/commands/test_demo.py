"""btl demo: its comments, and the whole command against a running API."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result
from email_validator import validate_email
from werkzeug.serving import WSGIRequestHandler, make_server

from examples.news_site.articles import ARTICLES
from moderation import lifecycle
from moderation.keys import issue_key
from moderation.settings import Settings
from moderation.store import Database, comment_of, open_database
from moderation.tables import Comment
from moderation.vault import vault_of
from service import create_app
from service.commands import demo
from tests.conftest import make_site

COMMENTS = yaml.safe_load(demo.COMMENTS.read_text("utf-8"))
ACTIONS = {"approve": "approve", "hold": "hold", "reject": "reject"}


def test_there_are_a_few_hundred_different_comments_of_every_kind():
    kinds = Counter(comment["kind"] for comment in COMMENTS)

    assert len(COMMENTS) >= 300
    assert len({comment["body"] for comment in COMMENTS}) == len(COMMENTS)
    assert len({comment["email"] for comment in COMMENTS}) == len(COMMENTS)
    assert {"praise", "argument", "insult", "threat", "link_spam", "crypto_spam", "seo_spam"} <= set(kinds)
    assert {"disguised_abuse", "disguised_spam", "hard_subject", "borderline"} <= set(kinds)
    assert len({comment["language"] for comment in COMMENTS}) >= 10


def test_each_is_complete_and_belongs_to_an_article_of_the_example_site():
    for comment in COMMENTS:
        assert set(comment) == {"kind", "meant", "language", "article", "name", "email", "body"}
        assert all(isinstance(value, str) and value.strip() for value in comment.values())
        assert comment["meant"] in demo.MEANT
        assert comment["article"] in demo.TITLES
        validate_email(comment["email"], check_deliverability=False)
    assert {article.slug: article.headline for article in ARTICLES} == demo.TITLES


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[dict[str, str]]:
    """Two comments of each kind."""
    seen: Counter[str] = Counter()
    kept = []
    for comment in COMMENTS:
        seen[comment["kind"]] += 1
        if seen[comment["kind"]] <= 2:
            kept.append(comment)
    path = tmp_path / "few.yaml"
    path.write_text(yaml.safe_dump(kept, allow_unicode=True), "utf-8")
    monkeypatch.setattr(demo, "COMMENTS", path)
    return kept


class _Silent(WSGIRequestHandler):
    def log(self, *_: object) -> None:
        pass


@contextmanager
def running(settings: Settings, database: Database, key: str | None = None) -> Iterator[str]:
    """The API on a port, and the file that says so."""
    vault, now = vault_of(settings.email_keys, settings.hash_key), datetime.now(UTC)
    with database.writing() as session:
        site = make_site(session, vault)
        _, secret = issue_key(session, vault, site_id=site.id, now=now)
        site_id = site.id
    app = create_app(settings, database)
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Silent)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}"
    document = {"api_url": url, "site_key": key or secret, "news_site_url": url, "desk_url": f"{url}/desk"}
    (settings.data_dir / "run.json").write_text(json.dumps(document))
    try:
        yield site_id
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def a_perfect_moderator(database: Database, site_id: str, comments: list[dict[str, str]]) -> Iterator[None]:
    """Decides everything as its author meant it, while the command waits."""
    meant = {comment["body"]: comment["meant"] for comment in comments}
    finished = threading.Event()

    def work() -> None:
        while not finished.wait(0.05):
            with database.writing() as session:
                for row in session.query(Comment).filter_by(status="pending"):
                    comment = comment_of(session, site_id, row.id, lock=True)
                    action = ACTIONS[meant.get(comment.body, "hold")]
                    lifecycle.decide(
                        session, comment, action=action, by_kind="site", by_id="", now=datetime.now(UTC)
                    )

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        finished.set()
        thread.join()


@pytest.fixture
def opened(settings: Settings) -> Iterator[Database]:
    database = open_database(settings.database_url)
    yield database
    database.engine.dispose()


def call(settings: Settings, *arguments: str) -> Result:
    environment = {"BTL_DATA_DIR": str(settings.data_dir), "COLUMNS": "120"}
    return CliRunner().invoke(demo.command, arguments, env=environment)


def test_it_posts_waits_and_counts_what_became_of_them(settings, opened, few):
    with running(settings, opened) as site_id, a_perfect_moderator(opened, site_id, few):
        ended = call(settings, "--json")

    assert ended.exit_code == 0, ended.output
    # The API runs in this very process, and logs before.
    result: dict[str, Any] = json.loads(ended.stdout[ended.stdout.index("{\n") :])
    assert result["posted"] == len(few)
    assert result["refused"] == []
    assert result["pending"] == 0
    assert result["by_kind"]["insult"] == {"meant": "reject", "became": {"rejected": 2}}
    assert sum(result["by_meant"]["approve"].values()) == result["by_meant"]["approve"]["approved"]


def test_it_shows_a_table_to_people(settings, opened, few):
    with running(settings, opened) as site_id, a_perfect_moderator(opened, site_id, few):
        ended = call(settings)

    assert ended.exit_code == 0, ended.output
    assert "What became of them" in ended.output
    assert "strong disagreement" in ended.output
    assert "pending" not in ended.output


def test_it_says_so_when_no_decision_comes(settings, opened, few, monkeypatch):
    monkeypatch.setattr(demo, "STANDSTILL_SECONDS", 0.5)

    with running(settings, opened):
        ended = call(settings)

    assert ended.exit_code == 0
    assert f"No decision came for {len(few)} of them" in ended.output


def test_it_says_what_to_do_when_nothing_runs(tmp_path):
    ended = CliRunner().invoke(demo.command, [], env={"BTL_DATA_DIR": str(tmp_path)})

    assert ended.exit_code == 1
    assert "Start the program with `make run`" in ended.output


def test_it_says_what_to_do_when_the_program_has_died(tmp_path, free_port):
    url = f"http://127.0.0.1:{free_port}"
    document = {"api_url": url, "site_key": "k", "news_site_url": url, "desk_url": url}
    (tmp_path / "run.json").write_text(json.dumps(document))

    ended = CliRunner().invoke(demo.command, [], env={"BTL_DATA_DIR": str(tmp_path)})

    assert ended.exit_code == 1
    assert "does not answer" in ended.output


@pytest.mark.parametrize("text", ["", "{", "[]", '{"api_url": "x"}'])
def test_a_damaged_file_is_named(tmp_path, text):
    (tmp_path / "run.json").write_text(text)

    ended = CliRunner().invoke(demo.command, [], env={"BTL_DATA_DIR": str(tmp_path)})

    assert ended.exit_code == 1
    assert "run.json cannot be read" in ended.output


def test_a_key_that_is_not_accepted_is_said_once(settings, opened, few):
    with running(settings, opened, key="btl_wrong"):
        ended = call(settings)

    assert ended.exit_code == 1
    assert "The key in run.json is not accepted" in ended.output
