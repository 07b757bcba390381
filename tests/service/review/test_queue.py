"""Views of the queue: what is in them, in which order, page by page, at which cost."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event, update

from moderation import complaints, queue, sites
from moderation.queue import Question
from moderation.tables import Comment

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


def ids_in(page: str) -> list[str]:
    return re.findall(r'id="row-(\w+)"', page)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("text=ferry", ["a"]),
        ("text=100%25", ["b"]),
        ("section=Town", ["a"]),
        ("article=market", ["b", "c"]),
        ("language=ar", ["c"]),
        ("reason=threat", ["b"]),
        ("attribute=insult&low=0.8", ["c"]),
        ("attribute=insult&low=0.1&high=0.3", ["a"]),
        ("domain=casino.example", ["b"]),
        ("cluster=c9", ["a"]),
        ("low=nonsense&high=7&order=none", ["a", "b", "c"]),
    ],
)
def test_a_filter_finds_what_it_says(desk_on_both, asked, found):
    desk = desk_on_both
    market = {"id": "market", "title": "Market", "section": "Trade"}
    threat = [
        {"kind": "score", "name": "threat", "verdict": "hold", "value": 0.9, "threshold": 0.3, "text": ""}
    ]
    made = {
        "a": desk.add_comment("The ferry", scores={"insult": 0.2}, cluster="c9", language="en"),
        "b": desk.add_comment("100% sure", scores={"insult": 0.4}, article=market, reasons=threat,
                              facts={"links": [{"url": "u", "domain": "casino.example"}]}),
        "c": desk.add_comment("هذا", scores={"insult": 0.9}, article=market, language="ar"),
    }  # fmt: skip
    visitor = desk.client_of(desk.add_person())

    page = visitor.get(f"/desk/held?{asked}&list=1").text

    assert sorted(ids_in(page)) == sorted(made[name].id for name in found)


@pytest.mark.parametrize("order", queue.ORDERS)
@pytest.mark.parametrize("view", ["held", "unsure", "decided"])
def test_pages_follow_each_other_without_gap_or_repetition(desk_on_both, view, order):
    desk = desk_on_both
    outcome = "approve" if view == "decided" else "hold"
    made = {
        desk.add_comment(f"Fool {i}", outcome=outcome, unsure=0.25 * (i % 3) + 0.1, at=NOW - timedelta(minutes=i // 2)).id
        for i in range(23)
    }  # fmt: skip
    question = Question(view=view, site_ids=(desk.site.id,), person_id="me", order=order)

    seen, after = [], ""
    with desk.database.reading() as session:
        while True:
            page = queue.page_of(session, question, now=NOW, after=after, limit=5)
            seen += [row.id for row in page.rows]
            if not page.next_key:
                break
            after = page.next_key

    assert len(seen) == 23
    assert set(seen) == made


def test_the_worst_and_most_reported_come_first_and_age_counts(desk):
    now = datetime.now(UTC)
    mild = desk.add_comment("mild", scores={"toxicity": 0.6}, at=now - timedelta(minutes=2))
    threat = desk.add_comment("threat", scores={"threat": 0.9}, at=now - timedelta(minutes=1))
    old = desk.add_comment("old", scores={"toxicity": 0.6}, at=now - timedelta(hours=30))
    oldest = desk.add_comment("oldest", scores={"toxicity": 0.6}, at=now - timedelta(hours=31))
    reported = desk.add_comment("reported", scores={"toxicity": 0.6}, at=now)
    with desk.database.writing() as session:
        for reader in "abc":
            complaints.report(session, session.get_one(Comment, reported.id), now=now, reporter_hash=reader)
        # A report of what waits already does not make it young again.
        complaints.report(session, session.get_one(Comment, oldest.id), now=now, reporter_hash="a")

    page = desk.client_of(desk.add_person()).get("/desk/held?list=1").text

    assert ids_in(page) == [oldest.id, old.id, reported.id, threat.id, mild.id]


def test_nobody_gets_what_someone_else_has_open_until_the_lease_ends(desk_on_both):
    desk = desk_on_both
    comments = [desk.add_comment(f"Fool {i}") for i in range(2)]
    ana, ben, eva = (desk.client_of(desk.add_person(name)) for name in ("Ana", "Ben", "Eva"))
    opened = [re.search(r'data-comment="(\w+)"', who.get("/desk/held").text).group(1) for who in (ana, ben)]
    assert sorted(opened) == sorted(c.id for c in comments)

    assert "Nothing waits." in eva.get("/desk/held").text.split('id="comment"')[1]
    with desk.database.writing() as session:
        session.execute(update(Comment).values(opened_until=datetime.now(UTC) - timedelta(seconds=1)))

    assert 'data-comment="' in eva.get("/desk/held").text


def test_the_pulse_tells_what_left_and_what_came(desk):
    first = desk.add_comment("First")
    ana, ben = desk.client_of(desk.add_person("Ana")), desk.client_of(desk.add_person("Ben"))
    ben.get("/desk/held")
    ana.get("/desk/held")
    ana.post(f"/desk/comments/{first.id}/decisions?view=held", {"action": "approve", "expected": "held"})

    told = ben.get(f"/desk/pulse?view=held&open={first.id}&shown=1", headers={"HX-Request": "true"}).text
    assert "Ana decided this a moment ago: approved." in told
    assert first.id in ana.get("/desk/pulse?view=held&open=&shown=1").text
    new = desk.add_comment("New")

    assert f'id="row-{new.id}"' in ben.get("/desk/pulse?view=held&open=&shown=0").text


def test_what_is_passed_on_leaves_the_lists_of_others(desk):
    comment = desk.add_comment("First")
    ana, ben = desk.client_of(desk.add_person("Ana")), desk.client_of(desk.add_person("Ben"))

    ana.post(f"/desk/comments/{comment.id}/decisions?view=held", {"action": "escalate"})

    told = ben.get("/desk/pulse?view=held&open=&shown=1").text
    assert re.search(r'id="gone"[^>]*>([^<]*)<', told).group(1) == comment.id
    assert comment.id not in ben.get("/desk/pulse?view=escalated&open=&shown=1").text


def test_an_appeal_that_was_upheld_leaves_the_lists_of_others(desk):
    comment = desk.add_comment("First", outcome="reject")
    with desk.database.writing() as session:
        complaints.appeal(session, session.get_one(Comment, comment.id), text="Why?", now=datetime.now(UTC))
    ana, ben = desk.client_of(desk.add_person("Ana")), desk.client_of(desk.add_person("Ben"))
    assert comment.id in ids_in(ben.get("/desk/appeals").text)

    ana.post(f"/desk/comments/{comment.id}/appeal", {"action": "uphold", "answer": "No."})

    told = ben.get("/desk/pulse?view=appeals&open=&shown=1").text
    assert '<ol id="rows"' in told
    assert ids_in(told) == []


def test_a_page_is_told_nothing_of_sites_that_its_person_may_not_see(desk):
    with desk.database.writing() as session:
        other = sites.open_site(session, name="Other", slug="other", now=datetime.now(UTC))
    comment = desk.add_comment("First")
    ana, eva = (
        desk.client_of(desk.add_person("Ana")),
        desk.client_of(desk.add_person("Eva", site_id=other.id)),
    )
    ana.get("/desk/held")
    assert comment.id not in eva.get("/desk/pulse?view=held&open=&shown=1").text

    ana.post(f"/desk/comments/{comment.id}/decisions?view=held", {"action": "approve"})

    assert comment.id not in eva.get("/desk/pulse?view=held&open=&shown=1").text


def test_a_saved_filter_brings_back_the_view(desk):
    desk.add_comment("The ferry", scores={"insult": 0.2})
    visitor = desk.client_of(desk.add_person())
    visitor.get("/desk/held?text=ferry")

    visitor.post("/desk/filters", {"view": "held", "name": "Ferries", "text": "ferry", "order": "newest"})

    page = visitor.get("/desk/held").text
    link = (
        re.search(r'href="(/desk/held\?[^"]+)"><span dir="auto">Ferries', page).group(1).replace("&amp;", "&")
    )
    assert len(ids_in(visitor.get(link).text)) == 1
    filter_id = re.search(r"/desk/filters/(\w+)/remove", page).group(1)
    visitor.post(f"/desk/filters/{filter_id}/remove")
    assert "Ferries" not in visitor.get("/desk/held").text


@pytest.mark.parametrize(
    ("path", "most"),
    [
        ("/desk/held", 21),
        ("/desk/held?list=1", 9),
        ("/desk/held?after=0.5~x", 3),
        ("/desk/decided", 21),
        ("/desk/pulse?view=held&shown=9", 6),
        ("/desk/numbers", 11),
    ],
)
def test_a_page_asks_the_database_a_handful_of_questions_however_much_waits(desk, path, most):
    for i in range(12):
        desk.add_comment(f"Fool {i}", outcome="hold" if i % 2 else "reject", cluster="c1")
    visitor = desk.client_of(desk.add_person())
    visitor.get(path)
    asked = []

    @event.listens_for(desk.database.engine, "before_cursor_execute")
    def count(_connection, _cursor, statement, *_):
        asked.append(statement)

    visitor.get(path)
    event.remove(desk.database.engine, "before_cursor_execute", count)

    asked = [one for one in asked if not one.startswith(("BEGIN", "COMMIT", "ROLLBACK"))]
    assert len(asked) <= most, "\n".join(one.replace("\n", " ")[:120] for one in asked)
