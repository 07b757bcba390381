"""Who wrote a comment may change it or take it back; and the form tells when it was shown."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from examples.news_site.comments import prepare

from .conftest import NewsSite, Reader


@pytest.fixture
def own(reader: Reader, news_site: NewsSite) -> str:
    """The site's id of a comment that the reader has sent and that is public."""
    reader.comment("The late boat is a blessing.")
    [(external_id, btl_id)] = news_site.rows("SELECT external_id, btl_id FROM comments")
    say(news_site, external_id, "comment.approved", "The late boat is a blessing.")
    return external_id


def say(news_site: NewsSite, external_id: str, kind: str, body: str, **more: object) -> None:
    [(btl_id,)] = news_site.rows("SELECT btl_id FROM comments WHERE external_id = ?", external_id)
    news_site.announce(
        kind,
        id=btl_id,
        external_id=external_id,
        article={"id": "ferry"},
        name="Ann",
        body=body,
        **{"status": kind.removeprefix("comment.")} | more,
    )


def test_a_new_version_goes_out_and_readers_see_the_old_one_until_it_is_judged(
    reader, other_reader, api, news_site, own
):
    page = reader.submit(f"/comments/{own}/edit", text="The late boat is a curse.").text

    path, _, document = api.calls[-1]
    [(btl_id,)] = news_site.rows("SELECT btl_id FROM comments")
    assert (path, document) == (f"/v1/comments/{btl_id}", {"body": "The late boat is a curse."})
    assert "Your new version is being looked at." in page
    assert "is a blessing" in other_reader.page("/articles/ferry")
    assert "is a curse" not in other_reader.page("/articles/ferry")
    assert "is a curse" in reader.page(f"/comments/{own}/edit")

    say(news_site, own, "comment.edited", "The late boat is a curse.", status="approved")

    assert "is a curse" in other_reader.page("/articles/ferry")
    assert "Your new version is being looked at" not in reader.page("/articles/ferry")


def test_a_new_version_that_is_held_takes_the_old_one_down_and_only_its_author_sees_it(
    reader, other_reader, news_site, own
):
    reader.submit(f"/comments/{own}/edit", text="You are all idiots.")

    say(news_site, own, "comment.retracted", "You are all idiots.", status="held")

    assert "You are all idiots." in reader.page("/articles/ferry")
    assert "idiots" not in other_reader.page("/articles/ferry")
    assert "blessing" not in other_reader.page("/articles/ferry")


def test_a_comment_that_waits_can_be_changed_too(reader, news_site):
    reader.comment("The late boot.")
    [(external_id,)] = news_site.rows("SELECT external_id FROM comments")

    page = reader.submit(f"/comments/{external_id}/edit", text="The late boat.").text

    assert "The late boat." in page
    assert "The late boot." not in page
    assert "Awaiting moderation" in page


def test_a_withdrawn_comment_is_gone_at_once(reader, other_reader, api, news_site, own):
    [(btl_id,)] = news_site.rows("SELECT btl_id FROM comments")
    csrf = reader.page(f"/comments/{own}/edit").split('name="csrf" value="')[1].split('"')[0]

    page = reader.session.post(f"{news_site.url}/comments/{own}/withdraw", data={"csrf": csrf}, timeout=10)

    assert api.calls[-1][0] == f"/v1/comments/{btl_id}"
    assert "Your comment has been withdrawn." in page.text
    assert "is a blessing" not in other_reader.page("/articles/ferry")
    assert b"is a blessing" not in b"".join(
        path.read_bytes() for path in news_site.database.parent.glob("*.sqlite3")
    )


@pytest.mark.parametrize("act", ["edit", "withdraw"])
def test_nobody_else_may(other_reader, api, news_site, own, act):
    sent = len(api.calls)
    csrf = other_reader.page("/articles/ferry").split('name="csrf" value="')[1].split('"')[0]

    answer = other_reader.session.post(
        f"{news_site.url}/comments/{own}/{act}", data={"csrf": csrf, "text": "Mine now."}, timeout=10
    )

    assert answer.status_code == 404
    assert len(api.calls) == sent
    assert f"/comments/{own}/edit" not in other_reader.page("/articles/ferry")


@pytest.mark.parametrize("act", ["edit", "withdraw"])
def test_a_page_elsewhere_cannot_do_it_in_the_readers_name(reader, api, news_site, own, act):
    sent = len(api.calls)

    answer = reader.session.post(f"{news_site.url}/comments/{own}/{act}", data={"text": "x"}, timeout=10)

    assert answer.status_code == 400
    assert len(api.calls) == sent


def test_what_the_api_finds_wrong_is_said_and_nothing_is_lost(reader, api, own):
    fault = {"pointer": "/body", "detail": "Has 12000 characters; this site takes at most 10000."}
    api.answer = 422, {"type": "/docs#invalid", "title": "Some fields are not right", "errors": [fault]}

    answer = reader.submit(f"/comments/{own}/edit", text="Long.")

    assert answer.status_code == 422
    assert "takes at most 10000" in answer.text
    assert ">\nLong.</textarea>" in answer.text


def test_the_moment_in_which_the_form_was_shown_comes_back_with_the_comment(reader, api):
    api.token = "signed-moment"

    reader.comment("Hello.")

    assert api.calls[0][2]["form_token"] == "signed-moment"


def test_a_page_is_shown_and_a_comment_sent_although_no_token_was_to_be_had(reader, api):
    api.token = None

    reader.comment("Hello.")

    assert "form_token" not in api.calls[0][2]


def test_a_database_of_an_earlier_version_is_brought_up_to_date(tmp_path):
    path = tmp_path / "site.sqlite3"
    prepare(path)
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("ALTER TABLE comments DROP COLUMN new_body")

    prepare(path)

    with closing(sqlite3.connect(path)) as db:
        assert "new_body" in [row[1] for row in db.execute("PRAGMA table_info(comments)")]
