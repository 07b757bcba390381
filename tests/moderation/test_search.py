"""A search finds a word wherever it stands, with the index and without, and forgets what is erased."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import psycopg
import pytest
from sqlalchemy import event, select, text

from moderation import erasure, lifecycle, migrations, queue, search
from moderation.queue import Question
from moderation.store import open_database
from moderation.tables import Comment, CommentText
from tests.conftest import NOON, make_site

LATER = NOON + timedelta(hours=1)


@pytest.fixture
def steps(monkeypatch):
    """Small steps, so that a handful of comments is more than one."""
    monkeypatch.setattr(search, "STEP", 5)
    monkeypatch.setattr(search, "NEAR", 2)


def _add(session, vault, site, *bodies, **more):
    made = []
    for number, body in enumerate(bodies):
        at = NOON + timedelta(seconds=number)
        comment = lifecycle.receive(
            session, site_id=site.id, vault=vault, now=at, name=more.get("name", "Ann"),
            email="ann@example.org", body=body,
        )  # fmt: skip
        comment.status, comment.judged_at, comment.urgency = "held", at, -float(number)
        made.append(comment)
    session.flush()
    return made


def _index(database, after=None):
    with database.writing() as session:
        return len(search.index_some(session, search.begin_of(session) if after is None else after))


def _bodies(session, site, words, after=""):
    question = Question(view="held", site_ids=(site.id,), person_id="me", text=words)
    page = queue.page_of(session, question, now=LATER, after=after)
    return [row.start for row in page.rows], page


FILLER = [f"nothing here {number}" for number in range(12)]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("autofähre", ["Die Autofähre legt ab"]),
        ("FÄHRE", ["Die Autofähre legt ab"]),
        ("fähre ab", ["Die Autofähre legt ab"]),
        ("مقال", ["هذا المقال رائع"]),
        ("100%", ["100% sure_thing"]),
        ("e_t", ["100% sure_thing"]),
        ("nothing 7", ["nothing here 7"]),
        ("nowhere", []),
    ],
)
def test_the_index_finds_parts_of_words_far_down_a_view(postgres_url, vault, steps, words, found):
    database = open_database(postgres_url)
    with database.writing() as session:
        site = make_site(session, vault)
        other = make_site(session, vault, slug="other")
        _add(session, vault, site, *FILLER, "Die Autofähre legt ab", "هذا المقال رائع", "100% sure_thing")
        _add(session, vault, other, "Die Autofähre der anderen, 100% sure_thing, المقال")
    _index(database)

    with database.reading() as session:
        bodies, page = _bodies(session, site, words)

    assert (bodies, page.looked_at) == (found, 0)
    database.engine.dispose()


def test_without_an_index_a_search_goes_step_by_step_and_says_so(sqlite_database, vault, steps):
    with sqlite_database.writing() as session:
        site = make_site(session, vault)
        _add(session, vault, site, *FILLER, "the ferry")

    with sqlite_database.reading() as session:
        first, page = _bodies(session, site, "ferry")
        second, middle = _bodies(session, site, "ferry", page.next_key)
        third, last = _bodies(session, site, "ferry", middle.next_key)

    assert (first, second, third) == ([], [], ["the ferry"])
    assert (page.looked_at, middle.looked_at, last.looked_at) == (5, 5, 0)
    assert last.next_key == ""


def test_a_common_word_asks_no_index_and_reads_one_step(database, vault, steps):
    with database.writing() as session:
        site = make_site(session, vault)
        _add(session, vault, site, *["a ferry"] * 9)
    asked = []
    event.listen(database.engine, "before_cursor_execute", lambda _c, _k, said, *_: asked.append(said))

    with database.reading() as session:
        question = Question(view="held", site_ids=(site.id,), person_id="me", text="ferry")
        page = queue.page_of(session, question, now=LATER, limit=1)

    assert len(page.rows) == 1
    assert page.next_key
    assert len([said for said in asked if said.lstrip().startswith("SELECT")]) == 1


@pytest.mark.parametrize("archive", [0, 1_000_000])
def test_a_word_that_the_index_names_too_often_is_read_on_for_and_the_search_says_so(
    postgres_url, vault, steps, monkeypatch, archive
):
    monkeypatch.setattr(search, "MOST_HITS", 2)
    database = open_database(postgres_url)
    with database.writing() as session:
        site = make_site(session, vault)
        _add(session, vault, site, "a ferry", *FILLER[:3], "the ferry", *FILLER[3:], "your ferry", "no ferry")
    _index(database)
    with psycopg.connect(postgres_url.replace("+psycopg", ""), autocommit=True) as admin:
        # As many as the database believes are there: of a few, the index is asked before reading on.
        admin.execute("update pg_class set reltuples = %s where relname = 'comment_texts'", (archive,))

    with database.reading() as session:
        bodies, page = _bodies(session, site, "ferry")
        rare, whole = _bodies(session, site, "your ferry")

    assert (bodies, page.looked_at) == (["a ferry", "the ferry"], 5)
    assert (rare, whole.looked_at) == (["your ferry"], 0)
    database.engine.dispose()


def test_what_came_in_a_moment_ago_is_found_beside_what_the_index_names(postgres_url, vault, steps):
    database = open_database(postgres_url)
    with database.writing() as session:
        site = make_site(session, vault)
        _add(session, vault, site, *FILLER, "the ferry")
    _index(database)
    with database.writing() as session:
        (new,) = _add(session, vault, site, "a new ferry")
        new.urgency = 1.0

    with database.reading() as session:
        bodies, page = _bodies(session, site, "ferry")

    assert (bodies, page.looked_at) == (["a new ferry", "the ferry"], 0)
    database.engine.dispose()


def test_short_words_beside_a_long_one_must_be_there_too(postgres_url, vault, steps):
    database = open_database(postgres_url)
    with database.writing() as session:
        site = make_site(session, vault)
        _add(session, vault, site, *FILLER, "the ferry is in", "the ferry")
    _index(database)

    with database.reading() as session:
        bodies, page = _bodies(session, site, "ferry is")

    assert (bodies, page.looked_at) == (["the ferry is in"], 0)
    database.engine.dispose()


def test_words_too_short_for_the_index_are_looked_for_step_by_step(postgres_url, vault, steps):
    database = open_database(postgres_url)
    with database.writing() as session:
        site = make_site(session, vault)
        _add(session, vault, site, *FILLER, "ok 渡轮")
    _index(database)

    with database.reading() as session:
        _, page = _bodies(session, site, "渡轮")

    assert page.looked_at == 5
    database.engine.dispose()


def test_an_index_that_is_behind_is_not_asked(postgres_url, vault, steps):
    database = open_database(postgres_url)
    with database.writing() as session:
        site = make_site(session, vault)
        _add(session, vault, site, *FILLER, "the ferry")

    with database.reading() as session:
        # by the clock of the ids, which are made when the test runs
        now = datetime.now(UTC)
        assert search.hits(session, ["ferry"], [site.id], now) is not None
        assert search.hits(session, ["ferry"], [site.id], now + timedelta(minutes=3)) is None
    database.engine.dispose()


def test_an_edit_is_followed_and_an_erasure_leaves_no_word_in_the_index(postgres_url, vault):
    database = open_database(postgres_url)
    with database.writing() as session:
        site = make_site(session, vault)
        edited, erased, kept = _add(session, vault, site, "the ferry", "my secret", "the market")
    assert _index(database) == 3
    assert _index(database) == 0

    with database.writing() as session:
        lifecycle.edit(session, session.get_one(Comment, edited.id), body="the tram", name=None, now=LATER)
        comment = session.get_one(Comment, erased.id)
        erasure.erase_comment(session, comment, by_kind="site", by_id="", now=LATER)

    with database.reading() as session:
        texts = dict(session.execute(select(CommentText.comment_id, CommentText.text)).all())
    assert texts == {edited.id: "Ann the tram", erased.id: " ", kept.id: "Ann the market"}
    database.engine.dispose()


def test_what_is_erased_while_the_index_reads_it_does_not_come_back(postgres_url, vault):
    database = open_database(postgres_url)
    with database.writing() as session:
        site = make_site(session, vault)
        (comment,) = _add(session, vault, site, "my secret")
    with database.writing() as erasing:
        row = erasing.get_one(Comment, comment.id, with_for_update=True)
        erasure.erase_comment(erasing, row, by_kind="site", by_id="", now=LATER)
        erasing.flush()

        assert _index(database) == 0  # and does not wait for it

    assert _index(database) == 0
    database.engine.dispose()


def test_what_was_left_out_is_found_by_a_thorough_turn(postgres_url, vault):
    database = open_database(postgres_url)
    with database.writing() as session:
        site = make_site(session, vault)
        _add(session, vault, site, "one", "two")
        session.execute(text("update comments set id = '01AAAAAAAAAAAAAAAAAAAAAAAA' where body = 'one'"))
    with database.writing() as session:
        session.execute(
            text("insert into comment_texts select id, site_id, body from comments where body = 'two'")
        )

    assert _index(database) == 0
    assert _index(database, after="") == 1
    database.engine.dispose()


def test_an_archive_is_indexed_without_looking_twice_at_any_comment(postgres_url, vault, monkeypatch):
    monkeypatch.setattr(search, "BATCH", 4)
    database = open_database(postgres_url)
    with database.writing() as session:
        site = make_site(session, vault)
        made = [comment.id for comment in _add(session, vault, site, *FILLER[:10])]
    taken, after = [], ""

    while True:
        with database.writing() as session:
            ids = search.index_some(session, after)
        taken.append(ids)
        if len(ids) < search.BATCH:
            break
        after = ids[-1]

    assert taken == [made[:4], made[4:8], made[8:]]
    with database.reading() as session:
        # What came in a moment before the newest one is looked at again: it may have been committed later.
        assert search.begin_of(session) < made[0]
    database.engine.dispose()


@pytest.fixture
def plain_url(postgres_server):
    """An empty database for a role that may make tables and no extension."""
    name = f"btl_plain_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(postgres_server, autocommit=True) as admin:
        admin.execute(f'create role "{name}" login')
        admin.execute(f'create database "{name}"')
    with psycopg.connect(postgres_server.rsplit("/", 1)[0] + f"/{name}", autocommit=True) as admin:
        admin.execute(f'grant create on schema public to "{name}"')
    parts = urlsplit(postgres_server)
    yield f"postgresql+psycopg://{name}@{parts.hostname}:{parts.port or 5432}/{name}"
    with psycopg.connect(postgres_server, autocommit=True) as admin:
        admin.execute(f'drop database "{name}" with (force)')
        admin.execute(f'drop role "{name}"')


def test_where_the_extension_is_not_allowed_the_schema_is_made_and_a_search_goes_by_steps(
    plain_url, vault, steps
):
    migrations.upgrade(plain_url)
    database = open_database(plain_url)
    with database.writing() as session:
        site = make_site(session, vault)
        _add(session, vault, site, *FILLER, "the ferry")

    assert _index(database) == 0
    with database.reading() as session:
        _, page = _bodies(session, site, "ferry")

    assert page.looked_at == 5
    database.engine.dispose()
