"""The view "unsure" puts first what a label would teach most."""

from __future__ import annotations

import pytest

from moderation.policy import Policy
from moderation.teaching import worth_asking

LINES = Policy.from_document({"thresholds": {"insult": {"hold_at": 0.4, "reject_at": 0.9}}})


def worth(insult, **more):
    more = {"fast": {"insult": 0.0}, "deep": None, **more}
    return worth_asking({"insult": insult}, LINES, **more)


def test_what_lies_near_a_line_comes_first():
    assert worth(0.41) > worth(0.55) > worth(0.65)


def test_tiers_that_disagree_come_first():
    agreeing = worth(0.5, fast={"insult": 1.0}, deep={"insult": 1.0})
    apart = worth(0.5, fast={"insult": -3.0}, deep={"insult": 3.0})

    assert apart > 1.8 * agreeing
    assert agreeing == worth(0.5)


def test_of_many_copies_one_is_enough():
    first, second, fourth = (worth(0.5, alike=count) for count in (0, 1, 3))

    assert first == pytest.approx(2 * fourth, rel=1e-4)
    assert first > second > fourth


def test_what_the_sites_own_model_is_sure_of_teaches_less():
    assert worth(0.5, likely=0.5) > worth(0.5, likely=0.9) > worth(0.5, likely=0.99)


def test_it_is_a_share():
    assert (
        0 <= worth(1.0, alike=100, likely=1.0) <= worth(0.4, fast={"insult": -30}, deep={"insult": 30}) <= 1
    )
