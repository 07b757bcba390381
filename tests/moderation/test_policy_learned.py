"""What a newsroom's own model may change of a verdict, and what it may not."""

from __future__ import annotations

import pytest

from moderation.policy import Circumstances, Policy, judge
from moderation.verdict import Learned, Signal

LINES = {"thresholds": {"insult": {"hold_at": 0.5, "reject_at": 0.9}}}
FINE, UNCLEAR, ABUSE = (
    {
        "insult": value,
        **dict.fromkeys(("spam", "toxicity", "severe_toxicity", "obscene", "threat", "identity_attack"), 0.0),
    }
    for value in (0.1, 0.6, 0.95)
)


def verdict(scores, likely, *, signals=(), **document):
    learned = Learned(likely, approve_below=0.05, reject_above=0.95, hold_above=0.5, version="site-1")
    policy = Policy.from_document({**LINES, **document})
    return judge(scores, policy, signals, Circumstances(learned=learned))


@pytest.mark.parametrize(
    ("scores", "likely", "outcome"),
    [
        (UNCLEAR, 0.04, "approve"),   # moderators nearly always approved such comments
        (UNCLEAR, 0.05, "hold"),      # on the line: the stricter side
        (UNCLEAR, 0.50, "hold"),
        (UNCLEAR, 0.95, "reject"),    # on the line: the stricter side
        (FINE, 0.49, "approve"),
        (FINE, 0.50, "hold"),         # the shipped model would miss it
        (FINE, 0.99, "hold"),         # …and a person decides, never the newsroom's model alone
        (ABUSE, 0.01, "reject"),      # a clear rejection stands
    ],
)  # fmt: skip
def test_the_lines_of_the_newsrooms_model(scores, likely, outcome):
    found = verdict(scores, likely)

    assert found.outcome == outcome


def test_the_reason_says_whose_decisions_it_was():
    (reason,) = [reason for reason in verdict(UNCLEAR, 0.01).reasons if reason.kind == "learned"]

    assert (
        reason.text == "By this newsroom's own decisions 0.01 likely to be rejected, below the line of 0.05"
    )


def test_what_a_list_or_a_rule_holds_stays_held():
    suspect = Signal("suspect_word", {}, 1.0)
    rule = {"name": "Elections", "when": {"score": "insult", "at_least": 0.0}, "then": "hold"}

    assert verdict(FINE, 0.01, signals=[suspect]).outcome == "hold"
    assert verdict(FINE, 0.01, rules=[rule]).outcome == "hold"
    assert verdict(FINE, 0.01, preset="pre-moderate").outcome == "hold"


def test_a_site_may_have_it_only_noted_or_ignored():
    noted, ignored = verdict(UNCLEAR, 0.01, learned="note"), verdict(UNCLEAR, 0.01, learned="ignore")

    assert (noted.outcome, ignored.outcome) == ("hold", "hold")
    assert [reason.verdict for reason in noted.reasons if reason.kind == "learned"] == ["note"]
    assert not [reason for reason in ignored.reasons if reason.kind == "learned"]


def test_a_rule_may_ask_for_it():
    rule = {"name": "Ours", "when": {"score": "likely_to_reject", "at_least": 0.3}, "then": "hold"}

    assert verdict(FINE, 0.35, rules=[rule]).outcome == "hold"
    assert verdict(FINE, 0.25, rules=[rule]).outcome == "approve"
