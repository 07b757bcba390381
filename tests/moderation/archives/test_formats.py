"""Each format, with the oddities of its real exports."""

from __future__ import annotations

import gzip
import json
import sqlite3
from datetime import UTC, datetime

import pytest

from moderation.archives import FORMATS, Archived, BadRow
from moderation.archives.archived import NotAnArchive, text_of_html, time_of

WXR = """<?xml version="1.0" encoding="UTF-8"?>
<rss version="2.0" xmlns:wp="http://wordpress.org/export/1.2/"><channel><wp:wxr_version>1.2</wp:wxr_version>
<item><title>The ferry</title><link>https://news.example/ferry</link><wp:post_id>7</wp:post_id>
{comments}</item></channel></rss>"""
WXR_COMMENT = """<wp:comment><wp:comment_id>{id}</wp:comment_id><wp:comment_author><![CDATA[Ann]]></wp:comment_author>
<wp:comment_author_email>ann@example.com</wp:comment_author_email><wp:comment_author_url></wp:comment_author_url>
<wp:comment_author_IP>203.0.113.7</wp:comment_author_IP><wp:comment_date_gmt>{date}</wp:comment_date_gmt>
<wp:comment_content><![CDATA[Late <b>again</b> &amp; again]]></wp:comment_content>
<wp:comment_approved>{approved}</wp:comment_approved><wp:comment_type>{type}</wp:comment_type>
<wp:comment_parent>{parent}</wp:comment_parent><wp:comment_user_id>0</wp:comment_user_id></wp:comment>"""


def wxr(*comments):
    base = {"id": 1, "date": "2024-05-01 10:00:00", "approved": "1", "type": "comment", "parent": 0}
    return WXR.format(comments="".join(WXR_COMMENT.format(**base | comment) for comment in comments))


def read(form, path):
    return list(FORMATS[form](path))


def test_wordpress(tmp_path):
    path = tmp_path / "export.xml"
    path.write_text(
        wxr(
            {"id": 1},
            {"id": 2, "approved": "spam", "parent": 1},
            {"id": 3, "approved": "0"},
            {"id": 4, "type": "pingback"},
            {"id": 5, "date": "0000-00-00 00:00:00"},
        )
    )

    first, spam, held, bad = read("wordpress", path)

    assert first == Archived(
        external_id="wp-1",
        name="Ann",
        body="Late again & again",
        status="approved",
        created_at=datetime(2024, 5, 1, 10, tzinfo=UTC),
        email="ann@example.com",
        ip="203.0.113.7",
        article_id="7",
        article_url="https://news.example/ferry",
        article_title="The ferry",
    )
    assert (spam.status, spam.is_spam, spam.parent_id) == ("rejected", True, "wp-1")
    assert held.status == "held"
    assert bad == BadRow("5", "comment_date_gmt is no date")


@pytest.mark.parametrize("form", ["wordpress", "disqus"])
def test_an_xml_bomb_is_refused(form, tmp_path):
    path = tmp_path / "bomb.xml"
    path.write_text(
        '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><rss>&b;</rss>'
    )

    with pytest.raises(ValueError):
        read(form, path)


@pytest.mark.parametrize(
    ("form", "content"), [("wordpress", "<rss>"), ("disqus", "<rss></rss>"), ("isso", "x" * 5000)]
)
def test_another_file_is_named_as_what_it_is_not(form, content, tmp_path):
    path = tmp_path / "something"
    path.write_text(content)

    with pytest.raises(NotAnArchive, match="something"):
        read(form, path)


def test_disqus(tmp_path):
    path = tmp_path / "disqus.xml"
    path.write_text(
        """<?xml version="1.0" encoding="utf-8"?><disqus xmlns="http://disqus.com"
        xmlns:dsq="http://disqus.com/disqus-internals"><thread dsq:id="11"><id>ferry</id>
        <link>https://news.example/ferry</link><title>The ferry</title></thread>
        <post dsq:id="21"><message><![CDATA[<p>Late.</p><p>Again.</p>]]></message><createdAt>2024-05-01T10:00:00Z</createdAt>
        <isDeleted>false</isDeleted><isSpam>false</isSpam><author><name>Ann</name><isAnonymous>false</isAnonymous>
        <username>ann9</username></author><thread dsq:id="11"/></post>
        <post dsq:id="22"><message><![CDATA[<p>Buy</p>]]></message><createdAt>2024-05-01T11:00:00Z</createdAt>
        <isDeleted>false</isDeleted><isSpam>true</isSpam><author><name>Bob</name></author><thread dsq:id="11"/>
        <parent dsq:id="21"/></post></disqus>"""
    )

    late, spam = read("disqus", path)

    assert (late.body, late.article_id, late.author_id) == ("Late.\nAgain.", "ferry", "disqus-ann9")
    assert (spam.status, spam.is_spam, spam.parent_id) == ("rejected", True, "disqus-21")


def test_coral(tmp_path):
    path = tmp_path / "comments.json"
    rows = [
        {"id": "a", "authorID": "u", "storyID": "s", "status": "REJECTED", "createdAt": {"$date": "2024-05-01T10:00:00.000Z"},
         "revisions": [{"body": "old"}, {"body": "<div>new<br>line</div>"}]},
        {"id": "b", "status": "NONE", "createdAt": "2024-05-01T10:00:00.000Z", "revisions": [{"body": "fine"}]},
        {"id": "c", "deletedAt": "2024-05-02T10:00:00Z", "revisions": []},
    ]  # fmt: skip
    path.write_text("\n".join(map(json.dumps, rows)))

    rejected, fine, bad = read("coral", path)

    assert (rejected.status, rejected.body, rejected.article_id) == ("rejected", "new\nline", "s")
    assert fine.status == "approved"
    assert bad == BadRow("line 3", "deleted by its author")


def test_isso(tmp_path):
    path = tmp_path / "comments.db"
    with sqlite3.connect(path) as db:
        db.execute("create table threads (id integer primary key, uri, title)")
        db.execute(
            "create table comments (tid, id integer primary key, parent, created, modified, mode, remote_addr, text,"
            " author, email, website)"
        )
        db.execute("insert into threads values (1, '/ferry', 'The ferry')")
        db.executemany(
            "insert into comments values (1, ?, ?, 1714557600.5, null, ?, '203.0.113.0', ?, 'Ann', null, null)",
            [(1, None, 1, "Late"), (2, 1, 2, "Waiting"), (3, None, 4, "")],
        )

    late, waiting = read("isso", path)

    assert (late.article_id, late.status, late.created_at.year) == ("/ferry", "approved", 2024)
    assert (waiting.status, waiting.parent_id) == ("held", "isso-1")


def test_remark42(tmp_path):
    path = tmp_path / "backup.gz"
    lines = [
        {"version": 1, "users": [], "posts": []},
        {"id": "x", "pid": "", "orig": "Late **again**", "text": "<p>Late <b>again</b></p>", "user": {"name": "Ann", "id": "g1"},
         "locator": {"site": "s", "url": "https://news.example/ferry"}, "time": "2024-05-01T10:00:00.123456789Z"[:26] + "Z"},
    ]  # fmt: skip
    path.write_bytes(gzip.compress("\n".join(map(json.dumps, lines)).encode()))

    (late,) = read("remark42", path)

    assert (late.body, late.name, late.article_url) == ("Late **again**", "Ann", "https://news.example/ferry")


def test_csv_and_its_bad_rows(tmp_path):
    path = tmp_path / "comments.csv"
    path.write_text(
        "\ufeffexternal_id,name,body,status,submitted_at\n1,Ann,Late,approved,2024-05-01\n2,Bob,,approved,2024-05-01\n"
        '3,Cem,"two\nlines",rejected,2024-05-01T10:00:00+02:00\n4,Dan,x,maybe,2024-05-01\n',
        encoding="utf-8",
    )

    late, empty, two, maybe = read("csv", path)

    assert (late.external_id, late.status) == ("1", "approved")
    assert isinstance(empty, BadRow)
    assert two.body == "two\nlines"
    assert two.created_at == datetime(2024, 5, 1, 8, tzinfo=UTC)
    assert "maybe" in maybe.why


def test_json_lines_with_rubbish_between(tmp_path):
    path = tmp_path / "comments.jsonl"
    path.write_text('{"body": "Late", "submitted_at": "2024-05-01"}\n[[[[\n"text"\n' + "[" * 100_000 + "\n")

    rows = read("jsonl", path)

    assert [type(row) for row in rows] == [Archived, BadRow, BadRow, BadRow]


def test_html_becomes_what_a_reader_saw():
    assert text_of_html("<p>a<br/>b</p><script>alert(1)</script> &lt;3") == "a\nb\n <3"


@pytest.mark.parametrize(
    "value",
    ["2024-05-01T10:00:00Z", "2024-05-01 10:00:00", 1714557600, 1714557600000, {"$date": 1714557600000}],
)
def test_times_in_every_spelling(value):
    assert time_of(value) == datetime(2024, 5, 1, 10, tzinfo=UTC)
