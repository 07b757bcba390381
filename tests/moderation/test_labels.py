"""Labelled examples: what they weigh, which one counts, and how many one key may add."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from moderation.labels import WEIGHTS, learn
from moderation.tables import Label
from tests.conftest import NOON, make_site

SPAM = {"origin": "submit-spam", "attribute": "spam", "value": 1.0}


@pytest.fixture
def site(session, vault):
    return make_site(session, vault)


def in_force(session, site) -> list[Label]:
    return list(session.scalars(select(Label).where(Label.site_id == site.id, Label.superseded_at.is_(None))))


def test_a_label_carries_its_origin_and_its_weight(session, vault, site):
    label = learn(session, vault, site=site, text="Buy now!", now=NOON, **SPAM)

    assert (label.origin, label.weight, label.attribute, label.value) == ("submit-spam", 0.5, "spam", 1.0)
    assert label.text_hash == vault.text_hash("  buy   NOW! ")


def test_people_at_our_own_desk_weigh_most():
    assert max(weight for origin, weight in WEIGHTS.items() if origin not in ("desk", "appeal", "undo")) < 1.0


def test_a_later_word_on_the_same_text_counts_alone(session, vault, site):
    learn(session, vault, site=site, text="Buy now!", now=NOON, **SPAM)
    ham = learn(
        session, vault, site=site, text="buy NOW!", origin="submit-ham", attribute="spam", value=0.0, now=NOON
    )

    assert in_force(session, site) == [ham]


def test_the_same_word_twice_is_one_label(session, vault, site):
    learn(session, vault, site=site, text="Buy now!", now=NOON, **SPAM)

    assert learn(session, vault, site=site, text="Buy now!", now=NOON, **SPAM) is None
    assert len(session.scalars(select(Label)).all()) == 1


def test_another_attribute_or_site_is_another_label(session, vault, site):
    other = make_site(session, vault, slug="other")
    learn(session, vault, site=site, text="Buy now!", now=NOON, **SPAM)
    learn(session, vault, site=other, text="Buy now!", now=NOON, **SPAM)
    learn(session, vault, site=site, text="Buy now!", now=NOON, **SPAM | {"attribute": "insult"})

    assert len(in_force(session, site)) == 2


def test_one_key_adds_so_many_in_a_day(session, vault, site):
    site.options = {"limits": {"labels_per_day": 2}}
    for number in range(3):
        learn(session, vault, site=site, text=f"text {number}", key_id="k", now=NOON, **SPAM)

    of_another = learn(session, vault, site=site, text="text 3", key_id="other", now=NOON, **SPAM)
    next_day = learn(
        session, vault, site=site, text="text 4", key_id="k", now=NOON + timedelta(days=1, seconds=1), **SPAM
    )

    assert len(in_force(session, site)) == 4
    assert of_another is not None
    assert next_day is not None


@pytest.mark.parametrize(
    "wrong",
    [
        {"origin": "rumour"},
        {"attribute": "humour"},
        {"value": 1.1},
        {"value": float("nan")},
        {"text": None},
        {"text": " \u0000 "},
    ],
)
def test_nonsense_is_refused(session, vault, site, wrong):
    with pytest.raises(ValueError, match=r"origin|attribute|value|text"):
        learn(session, vault, site=site, now=NOON, **{"text": "a", **SPAM} | wrong)


def test_what_no_database_takes_is_cleaned_away(session, vault, site):
    label = learn(session, vault, site=site, text="a\u0000b \ud800", name="x\ny", now=NOON, **SPAM)

    session.flush()
    assert label.text == "ab \ufffd"
    assert label.name == "x y"
