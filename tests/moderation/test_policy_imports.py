"""Settings of other systems, as a policy that this one takes."""

from __future__ import annotations

import pytest

from moderation.errors import Invalid
from moderation.policy import Policy
from moderation.policy_imports import SOURCES, document_from


def test_perspective_thresholds_become_hold_lines():
    document, left = document_from(
        "perspective", {"TOXICITY": 0.8, "PROFANITY@2": {"hold": 0.7, "reject": 0.9}, "FLIRTATION": 0.5}
    )

    assert document["thresholds"] == {
        "toxicity": {"hold_at": 0.8, "reject_at": 0.95},
        "obscene": {"hold_at": 0.7, "reject_at": 0.9},
    }
    assert left == ["FLIRTATION: there is no such attribute here"]


def test_of_two_attributes_for_one_of_ours_the_stricter_line_holds():
    document, _ = document_from("perspective", {"PROFANITY": 0.8, "SEXUALLY_EXPLICIT": 0.6})

    assert document["thresholds"]["obscene"]["hold_at"] == 0.6


def test_coral_settings_are_read_as_its_api_gives_them():
    document, left = document_from(
        "coral",
        {
            "data": {
                "settings": {
                    "moderation": "PRE",
                    "premodLinksEnable": True,
                    "newCommenters": {"premodEnabled": True, "approvedCommentsThreshold": 2},
                    "closeCommenting": {"auto": True, "timeout": 14 * 86400},
                    "integrations": {
                        "perspective": {"enabled": True, "model": "SEVERE_TOXICITY", "threshold": 70}
                    },
                    "wordList": {"banned": ["x"]},
                }
            }
        },
    )

    assert document["moderation"] == "before"
    assert document["limits"] == {"links": 1}
    assert document["close_after_days"] == 14
    assert document["thresholds"] == {"severe_toxicity": {"hold_at": 0.7, "reject_at": 0.95}}
    assert document["rules"][0]["when"] == {"author": "approved", "below": 2}
    assert left == ["wordList: import it with `btl lists import`"]


def test_wordpress_options_are_read_as_wp_cli_prints_them():
    options = {
        "comment_moderation": "0", "comment_previously_approved": "1", "comment_max_links": "2",
        "close_comments_for_old_posts": "1", "close_comments_days_old": "28", "akismet_strictness": "0",
        "disallowed_keys": "a\nb",
    }  # fmt: skip
    document, left = document_from(
        "wordpress", [{"option_name": name, "option_value": value} for name, value in options.items()]
    )

    assert "moderation" not in document
    assert document["limits"] == {"links": 2}
    assert document["close_after_days"] == 28
    assert document["thresholds"]["spam"]["reject_at"] is None
    assert "blocked" in left[0]


@pytest.mark.parametrize(("strictness", "reject_at"), [("1", 0.95), ("0", float("inf"))])
def test_akismets_strictness_says_whether_spam_is_thrown_away(strictness, reject_at):
    document, _ = document_from("akismet", {"akismet_strictness": strictness})

    assert Policy.from_document(document).thresholds["spam"].reject_at == reject_at


@pytest.mark.parametrize("source", SOURCES)
def test_whatever_is_imported_is_a_policy(source):
    document, _ = document_from(source, {})

    assert Policy.from_document(document)


@pytest.mark.parametrize(
    ("source", "settings"),
    [
        ("disqus", {}),
        ("perspective", {"TOXICITY": "much"}),
        ("perspective", {"TOXICITY": 400}),
        ("coral", "no"),
    ],
)
def test_what_is_no_settings_is_refused(source, settings):
    with pytest.raises(Invalid):
        document_from(source, settings)
