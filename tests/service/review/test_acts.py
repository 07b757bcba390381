"""Acts of people: what they move, what they tell the site, how they are taken back."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from moderation import complaints
from moderation.tables import Appeal, Author, Comment, Decision, Report, SecondReview

HTMX = {"HX-Request": "true"}


def act(visitor, comment, action, *, view="held", **form):
    address = f"/desk/comments/{comment.id}/decisions?view={view}"
    return visitor.post(address, {"action": action, "expected": "held", **form}, headers=HTMX)


def undo_of(answer):
    return re.search(r'name="at" value="([^"]+)"', answer.text).group(1)


@pytest.fixture
def ana(desk_on_both):
    return desk_on_both.client_of(desk_on_both.add_person("Ana"))


@pytest.mark.parametrize(
    ("action", "form", "status", "code"),
    [
        ("approve", {}, "approved", ""),
        ("reject", {"suggested": "ABUSIVE"}, "rejected", "ABUSIVE"),
        ("reject", {"suggested": "<script>"}, "rejected", "OTHER"),
        (
            "reject_for",
            {"reason": "HATE_SPEECH", "note": "Please read our rules."},
            "rejected",
            "HATE_SPEECH",
        ),
        ("spam", {}, "rejected", "SPAM"),
        ("ban", {"ban_days": "30", "suggested": "ABUSIVE"}, "rejected", "ABUSIVE"),
        ("escalate", {}, "held", ""),
    ],
)
def test_an_act_moves_the_comment_and_its_undo_leaves_no_trace(desk_on_both, ana, action, form, status, code):
    desk, comment = desk_on_both, desk_on_both.add_comment()

    answer = act(ana, comment, action, **form)

    assert answer.status_code == 200, answer.text
    with desk.database.reading() as session:
        line = session.scalars(select(Decision).order_by(Decision.created_at.desc())).first()
        assert (session.get_one(Comment, comment.id).status, line.reason_code) == (status, code)
        assert line.note == form.get("note", "")
        author = session.get_one(Author, (comment.site_id, comment.author_identity))
        assert (author.banned_until is not None) == (action == "ban")
    ana.post("/desk/undo?view=held", {"at": undo_of(answer)}, headers=HTMX)
    with desk.database.reading() as session:
        row = session.get_one(Comment, comment.id)
        author = session.get_one(Author, (comment.site_id, comment.author_identity))
        assert (row.status, row.escalated_at, author.banned_until, author.strikes) == ("held", None, None, 0)


def test_the_answer_to_an_act_brings_the_next_comment_the_counts_and_the_undo(
    desk,
):
    first, second = desk.add_comment("First"), desk.add_comment("Second")
    ana = desk.client_of(desk.add_person())

    answer = act(ana, first, "approve")

    assert f'data-comment="{second.id}"' in answer.text
    assert re.search(rf'id="gone" hx-swap-oob="innerHTML">{first.id}<', answer.text)
    assert "Approved" in answer.text
    assert 'name="at"' in answer.text
    assert re.search(r"Held</span> <b class=\"count\">1<", answer.text)
    assert answer.headers["HX-Replace-Url"].startswith(f"/desk/comments/{second.id}")


def test_who_saw_an_older_status_overwrites_nothing(desk):
    comment = desk.add_comment()
    ana, ben = desk.client_of(desk.add_person("Ana")), desk.client_of(desk.add_person("Ben"))
    act(ana, comment, "approve")

    answer = act(ben, comment, "reject")

    assert "Not saved: someone else was faster, it is approved now." in answer.text
    assert desk.status_of(comment) == "approved"


def test_what_somebody_decided_anew_is_not_taken_back(desk):
    comment = desk.add_comment()
    ana, ben = desk.client_of(desk.add_person("Ana")), desk.client_of(desk.add_person("Ben"))
    at = undo_of(act(ana, comment, "approve"))
    act(ben, comment, "reject", expected="approved")

    answer = ana.post("/desk/undo?view=held", {"at": at}, headers=HTMX)

    assert "Not taken back: someone decided anew." in answer.text
    assert desk.status_of(comment) == "rejected"


def test_what_was_passed_on_waits_for_a_senior(desk):
    comment = desk.add_comment()
    mo = desk.client_of(desk.add_person("Mo"))
    senior = desk.client_of(desk.add_person("Sen", role="senior"))
    act(mo, comment, "escalate")
    assert comment.id not in mo.get("/desk/held").text
    assert act(mo, comment, "approve").status_code == 403

    assert comment.id in senior.get("/desk/escalated").text
    act(senior, comment, "approve", view="escalated")

    assert desk.status_of(comment) == "approved"


def test_a_reported_comment_is_kept_and_its_reports_are_answered_until_that_is_undone(desk):
    comment = desk.add_comment("Fine.", outcome="approve")
    with desk.database.writing() as session:
        row = session.get_one(Comment, comment.id)
        complaints.report(session, row, now=datetime.now(UTC), reason="OFFENSIVE", reporter_hash="r1")
    ana = desk.client_of(desk.add_person())
    assert comment.id in ana.get("/desk/reported").text

    answer = act(ana, comment, "keep", view="reported", expected="approved")

    with desk.database.reading() as session:
        assert session.scalar(select(Report.status)) == "dismissed"
    assert comment.id not in ana.get("/desk/reported").text
    ana.post("/desk/undo?view=reported", {"at": undo_of(answer)}, headers=HTMX)
    with desk.database.reading() as session:
        assert session.scalar(select(Report.status)) == "open"
        assert session.get_one(Comment, comment.id).open_reports == 1


def test_an_appeal_is_answered_by_someone_else_than_the_first_decider(desk):
    comment = desk.add_comment()
    ana, ben = desk.client_of(desk.add_person("Ana")), desk.client_of(desk.add_person("Ben"))
    act(ana, comment, "reject")
    with desk.database.writing() as session:
        complaints.appeal(
            session, session.get_one(Comment, comment.id), text="I was quoting.", now=datetime.now(UTC)
        )
    answer_it = f"/desk/comments/{comment.id}/appeal"

    assert comment.id not in ana.get("/desk/appeals").text
    assert "Someone else must answer" in ana.post(answer_it, {"action": "overturn"}, headers=HTMX).text
    assert desk.status_of(comment) == "rejected"
    assert "I was quoting." in ben.get("/desk/appeals").text
    ben.post(answer_it, {"action": "overturn", "answer": "You were right."}, headers=HTMX)

    assert desk.status_of(comment) == "approved"
    with desk.database.reading() as session:
        assert session.scalar(select(Appeal.status)) == "overturned"


def test_a_second_look_is_blind_moves_nothing_and_is_kept(desk):
    comment = desk.add_comment()
    ana, ben = desk.add_person("Ana"), desk.client_of(desk.add_person("Ben"))
    act(desk.client_of(ana), comment, "reject", suggested="ABUSIVE")
    with desk.database.writing() as session:
        line = session.scalar(select(Decision).where(Decision.by_id == ana.id))
        session.execute(SecondReview.__table__.delete())
        session.add(SecondReview(site_id=desk.site.id, comment_id=comment.id, decision_id=line.id,
                                 first_moderator_id=ana.id, first_answer="reject",
                                 created_at=datetime.now(UTC)))  # fmt: skip

    page = ben.get("/desk/second").text
    assert comment.id in page
    assert "Ana" not in page
    assert "rejected" not in page.split('id="comment"')[1]
    act(ben, comment, "approve", view="second", expected="rejected")

    assert desk.status_of(comment) == "rejected"
    with desk.database.reading() as session:
        assert session.scalar(select(SecondReview.second_answer)) == "approve"


def test_many_are_decided_in_one_go_and_taken_back_in_one(desk_on_both, ana):
    desk = desk_on_both
    many = [desk.add_comment(f"Buy {i}", email="one@spam.example") for i in range(7)]
    other = desk.add_comment("Not theirs")
    page = ana.get(f"/desk/like/author/{many[0].id}")
    assert "7 comments by this author wait" in page.text

    answer = ana.post(f"/desk/like/author/{many[0].id}?view=held", {"action": "spam"}, headers=HTMX)

    assert "7 comments" in answer.text
    assert {desk.status_of(c) for c in many} == {"rejected"}
    assert desk.status_of(other) == "held"
    back = ana.post("/desk/undo?view=held", {"at": undo_of(answer)}, headers=HTMX)
    assert "7 comments taken back." in back.text
    assert {desk.status_of(c) for c in many} == {"held"}


def test_all_that_link_to_one_place_are_decided_in_one_go_from_a_queue_with_a_filter_too(desk_on_both, ana):
    desk = desk_on_both
    casino = {"links": [{"url": "https://casino.example/", "domain": "casino.example"}]}
    many = [desk.add_comment(f"Win {i} https://casino.example/", facts=casino) for i in range(3)]
    other = desk.add_comment("No link")
    for asked in ("view=held", "view=held&domain=casino.example"):
        opened = ana.get(f"/desk/comments/{many[0].id}?{asked}").text
        link = re.search(r'hx-get="([^"]*/like/domain/[^"]*)"', opened)
        page = ana.get(link[1].replace("&amp;", "&"), headers=HTMX)
        assert "3 comments that link to casino.example wait" in page.text
    target = re.search(r'hx-post="([^"]*)"', page.text)

    answer = ana.post(target[1].replace("&amp;", "&"), {"action": "spam"}, headers=HTMX)

    assert "3 comments" in answer.text
    assert {desk.status_of(c) for c in many} == {"rejected"}
    assert desk.status_of(other) == "held"


def test_trust_and_notes_stay_with_the_author(desk):
    comment = desk.add_comment(name="Ida")
    ana = desk.client_of(desk.add_person("Ana", role="senior"))
    ana.get("/desk/held")
    address = f"/desk/comments/{comment.id}/author?view=held"

    ana.post(address, {"action": "trust"}, headers=HTMX)
    answer = ana.post(address, {"action": "note", "text": "Wrote to us: very kind."}, headers=HTMX)

    assert "Wrote to us: very kind." in answer.text
    assert "Trusted." in answer.text
    assert desk.status_of(comment) == "held"
