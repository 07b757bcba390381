"""Whole exports as each system writes them (made up, after its own source): ids, parents, dates, who, where.

WordPress: wp-admin/includes/export.php. Disqus: its export's schema as remark42's and Isso's importers read
it. Coral: the models comment, user and story, by `mongoexport --jsonFormat=canonical --jsonArray`. Isso:
isso/db/*.py. Remark42: backend/app/migrator/native.go and store/comment.go.
"""

from __future__ import annotations

import gzip
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from moderation.archives import FORMATS, Archived, BadRow

EXPORTS = Path(__file__).parent / "exports"
FERRY = "https://estuary.example/2024/09/ferry/"
AT_LAST = datetime(2024, 9, 30, 9, 12, 45, tzinfo=UTC)


@pytest.fixture
def archive_of(tmp_path):
    def path_of(form: str) -> Path:
        if form == "remark42":
            path = tmp_path / "userbackup-estuary-20241001.gz"
            path.write_bytes(gzip.compress((EXPORTS / "remark42.json").read_bytes()))
        elif form == "isso":
            path = tmp_path / "comments.db"
            with closing(sqlite3.connect(path)) as db:
                db.executescript((EXPORTS / "isso.sql").read_text())
        else:
            path = EXPORTS / {"coral": "coral", "disqus": "disqus.xml", "wordpress": "wordpress.xml"}[form]
        return path

    return path_of


@pytest.fixture
def rows(archive_of):
    return lambda form: list(FORMATS[form](archive_of(form)))


def test_the_page_for_movers_says_where_each_is_found():
    page = (EXPORTS.parents[3] / "docs" / "migrating.md").read_text()

    assert [form for form in FORMATS if f"| `{form}` |" not in page] == []


def test_wordpress(rows):
    first, answer, waits, thrown, bad = rows("wordpress")

    assert first == Archived(
        external_id="wp-101",
        name="Siobhan O'Brien",
        body="At last! The Heron & her crew were missed.\n\nSee you on deck.",
        status="approved",
        created_at=AT_LAST,
        email="siobhan@example.ie",
        url="https://siobhan.example/",
        ip="198.51.100.23",
        article_id="42",
        article_url="https://estuary.example/2024/09/fish-and-ferries/",
        article_title="Fish & ferries",
    )
    assert (answer.parent_id, answer.author_id, answer.ip) == ("wp-101", "wp-1", "2001:db8::7")
    assert (waits.status, waits.body) == ("held", "Waits for the editor.")  # a control character in it
    assert (thrown.status, thrown.is_spam) == ("rejected", False)
    assert bad == BadRow("106", "comment_date_gmt is no date")


def test_disqus(rows):
    first, answer, spam, bad = rows("disqus")

    assert first == Archived(
        external_id="disqus-299000001",
        name="Siobhan O'Brien",
        body="At last! The Heron & her crew.\nSee you on deck.",
        status="approved",
        created_at=AT_LAST,
        email="siobhan@example.ie",
        ip="198.51.100.23",
        article_id="ferry-42",
        article_url=FERRY,
        article_title="The night ferry is back",
        author_id="disqus-siobhan",
    )
    assert (answer.parent_id, answer.email, answer.author_id) == ("disqus-299000001", "", "")
    assert (spam.status, spam.is_spam) == ("rejected", True)
    assert (spam.article_id, spam.article_title) == ("247000001", "The harbour & the town")
    assert isinstance(bad, BadRow)


def test_coral_with_its_users_and_stories(rows):
    first, answer, waits, bad = rows("coral")

    assert first == Archived(
        external_id="c-1",
        name="Siobhan",
        body="At last!\nThe Heron & her crew.",
        status="approved",
        created_at=AT_LAST,
        email="siobhan@example.ie",
        article_id="s-1",
        article_url=FERRY,
        article_title="The night ferry is back",
        author_id="u-1",
    )
    assert (answer.parent_id, answer.status, answer.body) == ("c-1", "rejected", "She sails at ten.")
    assert answer.email == "bob@example.com"
    assert waits.status == "held"
    assert bad == BadRow("element 4", "deleted by its author")


def test_coral_comments_alone():
    first, *_ = FORMATS["coral"](EXPORTS / "coral" / "comments.json")

    assert (first.external_id, first.author_id, first.email) == ("c-1", "u-1", "")


def test_isso(rows):
    first, waits, orphan = rows("isso")

    assert first == Archived(
        external_id="isso-1",
        name="Siobhan O'Brien",
        body="At last! The *Heron* & her crew.",
        status="approved",
        created_at=AT_LAST.replace(microsecond=250_000),
        email="siobhan@example.ie",
        url="https://siobhan.example/",
        ip="198.51.100.0",
        article_id="/2024/09/ferry/",
        article_url="/2024/09/ferry/",
        article_title="The night ferry is back",
    )
    assert (waits.status, waits.parent_id, waits.name) == ("held", "isso-1", "")
    assert orphan.parent_id == "isso-3"


def test_remark42(rows):
    first, answer, bad = rows("remark42")

    assert first == Archived(
        external_id="7d3c1a52-0c8e-4a8e-9a56-3a2f5f6d0001",
        name="Siobhan O'Brien",
        body="At last! The *Heron* & her crew.",
        status="approved",
        created_at=AT_LAST.replace(microsecond=123_456),
        email="siobhan@example.ie",
        article_id=FERRY,
        article_url=FERRY,
        article_title="The night ferry is back",
        author_id="email_0a1b2c",
    )
    assert answer.parent_id == first.external_id
    assert (answer.body, answer.created_at) == ("She sails\nat ten.", datetime(2024, 9, 30, 16, tzinfo=UTC))
    assert bad == BadRow("line 4", "deleted")


@pytest.mark.parametrize(
    "text",
    ['[{"body": "a", "id": 1},{"body": "]},{", "id": 2}]', ' [\n  {"body": "a"},\n\n  {\n"body": "b"}\n]\n'],
)
def test_an_array_on_one_line_or_on_many(text, tmp_path, monkeypatch):
    monkeypatch.setattr("moderation.archives.flat._CHUNK", 7)  # an object lies across many reads
    path = tmp_path / "comments.json"
    path.write_text(text.replace('"body"', '"submitted_at": "2024-05-01", "body"'))

    assert [type(row) for row in FORMATS["jsonl"](path)] == [Archived, Archived]


def test_an_array_that_breaks_off_says_where(tmp_path):
    path = tmp_path / "comments.json"
    path.write_text('[{"body": "a", "submitted_at": "2024-05-01"},{"body": "b", "subm')

    good, bad = FORMATS["jsonl"](path)

    assert isinstance(good, Archived)
    assert bad.where == "element 2"
