"""The example news site as its readers see it, over real HTTP, beside a stand-in for the API."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from examples.news_site import SettingsMissing, create_app
from examples.news_site.articles import ARTICLES
from examples.news_site.words import MONTHS, WORDS

from .conftest import EMAIL, SECRET, NewsSite, wait_until_it_listens

ROOT = Path(__file__).parents[2]


def test_the_form_says_what_every_reader_knows(reader):
    page = reader.page("/articles/ferry")

    assert "Leave a comment" in page
    assert "Your email address will not be published. Required fields are marked" in page


def test_a_comment_goes_out_with_the_key_and_all_that_judging_needs(reader, api, news_site):
    reader.comment("The late boat is a blessing.")

    path, headers, document = api.calls[0]
    assert path == "/v1/comments"
    assert headers["Authorization"] == "Bearer btl_key_of_the_site"
    assert re.fullmatch(r'"[0-9a-f]{32}"', headers["Idempotency-Key"])
    assert document.pop("external_id")
    assert document.pop("user_agent").startswith("python-requests")
    assert document == {
        "name": "Ann",
        "email": EMAIL,
        "body": "The late boat is a blessing.",
        "article": {
            "id": "ferry",
            "url": "http://127.0.0.1:8001/articles/ferry",
            "title": "The night ferry is back, and this time it hums",
        },
        "language": "en",
        "ip": "127.0.0.1",
    }


def test_only_its_author_sees_a_comment_that_waits(reader, other_reader):
    page = reader.comment("Nobody else may read this yet.").text

    assert "Thank you. Your comment will appear once it has been looked at." in page
    assert "Awaiting moderation" in page
    assert "Nobody else may read this yet." in page
    assert "Nobody else may read this yet." not in other_reader.page("/articles/ferry")


def test_a_comment_is_public_once_a_webhook_says_so(reader, other_reader, news_site):
    reader.comment("See you on deck.")
    external_id, btl_id = news_site.rows("SELECT external_id, btl_id FROM comments")[0]

    news_site.announce(
        "comment.approved",
        id=btl_id,
        external_id=external_id,
        article={"id": "ferry"},
        name="Ann",
        body="See you on deck.",
        status="approved",
    )

    assert "See you on deck." in other_reader.page("/articles/ferry")
    assert "Awaiting moderation" not in reader.page("/articles/ferry")


def test_the_email_address_is_passed_on_and_kept_nowhere(reader, api, news_site):
    page = reader.comment("Is my address safe with you?").text

    assert api.calls[0][2]["email"] == EMAIL
    assert EMAIL not in page
    assert EMAIL not in reader.page("/articles/ferry")
    kept = b"".join(path.read_bytes() for path in news_site.database.parent.iterdir())
    assert b"Is my address safe" in kept
    assert EMAIL.encode() not in kept


def test_all_faults_stand_beside_their_fields_at_once(reader, api):
    answer = reader.comment("", name=" ", email="nonsense")

    assert answer.status_code == 422
    assert faults_in(answer.text) == {
        "body": "Please write a comment.",
        "name": "Please give a name.",
        "email": "This does not look like an email address.",
    }
    assert not api.calls


def test_what_the_api_finds_wrong_stands_beside_the_field_too(reader, api):
    errors = [{"pointer": "/email", "detail": "Is not an e-mail address."}]
    api.answer = 422, {"type": "/docs#invalid", "title": "Some fields are not right", "errors": errors}

    answer = reader.comment("A text that must not get lost.", email="ann@nowhere")

    assert answer.status_code == 422
    assert faults_in(answer.text) == {"email": "Is not an e-mail address."}
    assert "A text that must not get lost." in answer.text
    assert 'value="ann@nowhere"' in answer.text


@pytest.mark.parametrize(
    "answer", [(500, {}), (503, {}), (401, {}), (429, {}), (409, {"type": "/docs#in-flight"})]
)
def test_what_was_typed_is_kept_when_the_api_has_trouble(reader, api, news_site, answer):
    api.answer = answer

    page = reader.comment("An hour of thought went into this.")

    assert page.status_code == 503
    assert "Nothing you typed is lost" in page.text
    assert "An hour of thought went into this." in page.text
    assert news_site.rows("SELECT * FROM comments") == []


def test_what_was_typed_is_kept_when_the_api_is_down(reader, api, news_site):
    page = reader.page("/articles/ferry")
    api.shutdown()
    api.server_close()

    answer = reader.send(page, "/articles/ferry", body="Are you there?", name="Ann", email=EMAIL)

    assert answer.status_code == 503
    assert "Nothing you typed is lost" in answer.text
    assert "Are you there?" in answer.text


def test_sending_the_same_form_twice_is_one_comment(reader, api, news_site):
    page = reader.page("/articles/ferry")
    typed = {"body": "Once is enough.", "name": "Ann", "email": EMAIL}

    reader.send(page, "/articles/ferry", **typed)
    reader.send(page, "/articles/ferry", **typed)

    keys = {(headers["Idempotency-Key"], document["external_id"]) for _, headers, document in api.calls}
    assert len(keys) == 1
    assert len(news_site.rows("SELECT * FROM comments")) == 1


def test_a_form_sent_again_with_another_text_is_another_comment(reader, api):
    page = reader.page("/articles/ferry")

    reader.send(page, "/articles/ferry", body="Frist.", name="Ann", email=EMAIL)
    reader.send(page, "/articles/ferry", body="First.", name="Ann", email=EMAIL)

    assert api.calls[0][2]["external_id"] != api.calls[1][2]["external_id"]


def test_a_try_that_got_through_without_its_answer_counts_as_sent(reader, api, news_site):
    api.answer = 409, {"type": "/docs#already-received", "detail": "Received before."}

    page = reader.comment("Second try.")

    assert "Thank you." in page.text
    assert news_site.rows("SELECT status FROM comments") == [("pending",)]


def test_a_form_of_another_site_is_not_taken(reader, api, news_site):
    answer = reader.session.post(
        f"{news_site.url}/articles/ferry/comments",
        data={"body": "Not from here.", "name": "Eve", "email": EMAIL, "csrf": "forged"},
        timeout=10,
    )

    assert answer.status_code == 400
    assert "Not from here." in answer.text
    assert not api.calls


def test_a_machine_that_fills_in_the_hidden_field_gives_itself_away(reader, api):
    reader.comment("Great blog!", homepage="http://spam.example.com")

    assert api.calls[0][2]["honeypot"] == "http://spam.example.com"


def test_a_reply_names_its_parent_and_stands_below_it(reader, api, news_site):
    news_site.publish("c1", "Does it run on Sundays?", name="Moira")

    reader.submit("/articles/ferry?reply_to=c1", body="It does.", name="Ann", email=EMAIL)

    assert api.calls[0][2]["parent"] == {"id": "c1", "body": "Does it run on Sundays?"}
    page = reader.page("/articles/ferry")
    assert page.index("Does it run on Sundays?") < page.index('class="answers"') < page.index("It does.")


def test_a_deep_conversation_stays_readable_and_names_whom_it_answers(news_site, reader):
    news_site.publish("c0", "Depth 0", name="N0")
    for depth in range(1, 4):
        news_site.publish(f"c{depth}", f"Depth {depth}", name=f"N{depth}", parent={"id": f"c{depth - 1}"})

    page = reader.page("/articles/ferry")

    assert "Depth 3" in page
    assert page.count('class="answers"') == 1
    assert re.search(r"↳</span> N2", page)


def test_a_report_goes_to_the_api_and_the_reader_is_thanked(reader, api, news_site):
    news_site.publish("c1", "You are all fools.")

    answer = reader.submit("/comments/c1/report", reason="ILLEGAL_CONTENT", text="Look at this.")

    assert "A moderator will look at this comment." in answer.text
    path, _, document = api.calls[0]
    assert path == "/v1/comments/btl-c1/reports"
    assert document.pop("reporter")["id"]
    assert document == {"reason": "ILLEGAL_CONTENT", "text": "Look at this.", "illegal": True}


def test_one_reader_reports_under_one_name_and_another_under_another(reader, other_reader, api, news_site):
    news_site.publish("c1", "You are all fools.")

    for someone in (reader, reader, other_reader):
        someone.submit("/comments/c1/report", reason="OFFENSIVE")

    names = [document["reporter"]["id"] for _, _, document in api.calls]
    assert names[0] == names[1] != names[2]


def test_only_the_author_can_ask_for_a_second_look(reader, other_reader, api, news_site):
    reader.comment("Is irony allowed here?")
    external_id, btl_id = reject_the_only_comment(news_site)

    answer = reader.submit(f"/comments/{external_id}/appeal", text="It was irony.")

    assert "You asked for a second look." in answer.text
    assert api.calls[-1][0] == f"/v1/comments/{btl_id}/appeals"
    assert api.calls[-1][2] == {"text": "It was irony."}
    url = f"{news_site.url}/comments/{external_id}/appeal"
    assert other_reader.session.get(url, timeout=10).status_code == 404


def test_an_author_learns_the_kind_of_reason_and_the_answer_to_an_appeal(reader, news_site):
    reader.comment("Is irony allowed here?")
    external_id, btl_id = reject_the_only_comment(news_site)

    assert "It reads like an insult." in reader.page("/articles/ferry")

    reader.submit(f"/comments/{external_id}/appeal", text="It was irony.")
    news_site.announce(
        "appeal.decided",
        id=btl_id,
        external_id=external_id,
        outcome="upheld",
        answer="We did not find it so.",
    )

    assert "We did not find it so." in reader.page("/articles/ferry")


def test_markup_in_a_comment_is_shown_as_it_was_typed(reader, news_site):
    news_site.publish("c1", "<script>alert(1)</script>", name="<b>Bob</b>")

    page = reader.page("/articles/ferry")

    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<b>Bob" not in page


def test_every_page_forbids_inline_scripts_and_styles_and_has_none(reader, news_site):
    news_site.publish("c1", "Hello")

    for path in ("/", "/articles/ferry", "/articles/maktaba", "/comments/c1/report"):
        answer = reader.session.get(news_site.url + path, timeout=10)
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert not re.search(r"<style|\sstyle=|\son\w+=|<script>", answer.text)


def test_many_comments_come_in_pages_newest_first(reader, news_site):
    for number in range(43):
        news_site.publish(f"c{number}", f"Number {number}.")

    first, second = reader.page("/articles/ferry"), reader.page("/articles/ferry?page=2")

    assert "Number 42." in first
    assert "Number 2." not in first
    assert "Number 2." in second
    assert "Older comments" in first
    assert "Newer comments" in second


def test_every_language_has_the_same_words_with_the_same_gaps():
    gaps = {
        language: {name: sorted(re.findall(r"{\w+}", text)) for name, text in words.items()}
        for language, words in WORDS.items()
    }

    assert gaps["de"] == gaps["en"]
    assert gaps["ar"] == gaps["en"]
    assert {article.language for article in ARTICLES} == set(WORDS) == set(MONTHS)


def test_a_missing_setting_is_named():
    with pytest.raises(SettingsMissing, match=r"BTL_API_URL, BTL_WEBHOOK_SECRET, NEWS_SITE_DATABASE"):
        create_app({"BTL_SITE_KEY": "k"})


def test_started_without_settings_it_says_what_to_set_and_nothing_else():
    ended = subprocess.run(
        [sys.executable, "-m", "examples.news_site"],
        cwd=ROOT,
        env={},
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert ended.returncode == 1
    assert ended.stderr.startswith("The news site cannot start. Please set BTL_API_URL")
    assert "Traceback" not in ended.stderr


def test_a_page_that_is_not_there_says_so_in_the_papers_own_clothes(reader, news_site):
    answer = reader.session.get(f"{news_site.url}/articles/nothing", timeout=10)

    assert answer.status_code == 404
    assert "There is no such page" in answer.text
    assert "The Estuary Post" in answer.text


def test_what_is_far_too_long_is_refused_in_a_sentence(reader, news_site):
    answer = reader.comment("x" * 600_000)

    assert answer.status_code == 413
    assert "too long to be sent" in answer.text


@pytest.mark.processes
def test_it_runs_by_its_own_command_and_ends_when_asked(tmp_path, free_port):
    environment = os.environ | {
        "BTL_API_URL": "http://127.0.0.1:9",
        "BTL_SITE_KEY": "k",
        "BTL_WEBHOOK_SECRET": SECRET,
        "NEWS_SITE_DATABASE": str(tmp_path / "site.sqlite3"),
        "NEWS_SITE_PORT": str(free_port),
    }
    with (tmp_path / "log").open("wb") as log:
        words = [sys.executable, "-m", "examples.news_site"]
        process = subprocess.Popen(words, cwd=ROOT, env=environment, stdout=log, stderr=log)
    try:
        wait_until_it_listens(process, free_port)
        page = requests.get(f"http://127.0.0.1:{free_port}/articles/ferry", timeout=20)
    finally:
        process.terminate()
        ended = process.wait(timeout=30)

    assert page.status_code == 200
    assert ended == 0


def test_a_lost_page_leads_back_to_the_article(news_site: NewsSite):
    answer = requests.get(f"{news_site.url}/articles/ferry/comments", timeout=10)

    assert answer.url == f"{news_site.url}/articles/ferry"


def faults_in(page: str) -> dict[str, str]:
    return dict(re.findall(r'<p class="fault" id="fault-(\w+)">([^<]*)</p>', page))


def reject_the_only_comment(news_site: NewsSite) -> tuple[str, str]:
    external_id, btl_id = news_site.rows("SELECT external_id, btl_id FROM comments")[0]
    news_site.announce(
        "comment.rejected",
        id=btl_id,
        external_id=external_id,
        article={"id": "ferry"},
        name="Ann",
        body="…",
        status="rejected",
        reasons=[{"name": "first_comment", "text": ""}, {"name": "insult", "text": "Insult 0.93"}],
    )
    return external_id, btl_id
