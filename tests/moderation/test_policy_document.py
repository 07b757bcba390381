"""A policy document: read as people write it, and every fault of it said at once."""

from __future__ import annotations

import json

import pytest
from jsonschema import Draft202012Validator

from moderation.errors import PolicyRefused
from moderation.policy import Policy
from moderation.policy_schema import SCHEMA

FAULTY = """\
preset: balancd
thresholds:
  insult: {hold_at: 0.9, reject_at: 0.3}
  insolt: {hold_at: 0.2}
  spam: {hold_at: yes, reject_at: 7}
signals: {many_link: hold, blocked_word: holdd}
rules:
  - name: x
    when: {score: toxicity, signal: many_links}
    then: hold
  - when: {}
    than: hold
timezone: Europe/Berlim
opening_hours: {open: [{from: 7:00, until: "25:00"}]}
"""


def faults(text: str) -> list[tuple[int | None, str, str]]:
    with pytest.raises(PolicyRefused) as refused:
        Policy.from_text(text)
    return [(fault.line, fault.pointer, fault.detail) for fault in refused.value.faults]


def test_every_fault_is_said_with_its_line_its_pointer_and_a_hint():
    found = faults(FAULTY)

    assert [(line, pointer) for line, pointer, _ in found] == [
        (1, "/preset"),
        (3, "/thresholds/insult"),
        (4, "/thresholds/insolt"),
        (5, "/thresholds/spam/hold_at"),
        (5, "/thresholds/spam/reject_at"),
        (6, "/signals/blocked_word"),
        (6, "/signals/many_link"),
        (9, "/rules/0/when"),
        (11, "/rules/1"),
        (11, "/rules/1/when"),
        (12, "/rules/1/than"),
        (13, "/timezone"),
        (14, "/opening_hours/open/0/from"),
        (14, "/opening_hours/open/0/until"),
    ]
    hints = " ".join(detail for _, _, detail in found)
    for meant in (
        "'balanced'",
        "'insult'",
        "'many_links'",
        "'then'",
        "'Europe/Berlin'",
        "must not be the larger",
    ):
        assert meant in hints


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("thresholds: [", "not YAML"),
        ("a: &x {b: 1}\nc: *x", "aliases"),
        ("preset: balanced\npreset: strict", "stands twice"),
        ("- a\n- b", "mapping of settings"),
        ("just words", "mapping of settings"),
        ("rules: " + "[" * 3000, "not YAML"),
        ("rules:\n" + "".join("  " * i + f"- a{i}:\n" for i in range(1, 60)), "deeply"),
        ("x" * 500_000, "too long"),
        ("a: !!python/object/apply:os.system [ls]", "not a setting"),
        ("thresholds: {spam: {hold_at: .nan}}", "thresholds"),
        ("thresholds: {spam: {hold_at: 1.0}}", "inherited reject_at"),
        ("sections: {sport: {thresholds: {spam: {hold_at: 1.0}}}}", "inherited reject_at"),
        ("sections: {sport: {preset: strict}}", "not a setting here"),
        ("rules: [{name: a, when: {signal: shouting}, then: hold}, {name: a, when: {signal: shouting}, then: hold}]",
         "Two rules are called 'a'"),
        ("weight: {hold_at: 3, reject_at: 1}", "hold_at 3 lies above"),
    ],
)  # fmt: skip
def test_what_cannot_be_a_policy_is_refused_in_words(text, said):
    found = faults(text)

    assert found
    assert any(said in f"{pointer} {detail}" for _, pointer, detail in found)


def test_a_fault_of_yaml_says_its_line():
    assert faults("preset: balanced\nthresholds: {spam: [}\n")[0][0] == 2


def test_json_is_read_as_well_as_yaml():
    document = {"preset": "strict", "rules": [{"name": "a", "when": {"signal": "shouting"}, "then": "hold"}]}

    assert Policy.from_text(json.dumps(document)).document == document


def test_clock_times_and_numbers_are_read_as_people_mean_them():
    ours = Policy.from_text("""
thresholds: {spam: {hold_at: 0.5, reject_at: 1}}
opening_hours: {open: [{from: 07:30, until: 22:00}]}
siege: null
""")

    assert ours.settings["opening_hours"]["open"] == [{"from": "07:30", "until": "22:00"}]
    assert ours.thresholds["spam"].reject_at == 1.0


def test_the_published_schema_is_a_schema_and_takes_what_we_take():
    Draft202012Validator.check_schema(SCHEMA)
    validator = Draft202012Validator(SCHEMA)

    assert validator.is_valid({"preset": "strict", "sections": {"sport": {"moderation": "before"}}})
    assert not validator.is_valid({"rules": [{"name": "a", "when": {"eval": "1"}, "then": "hold"}]})


def test_an_empty_document_is_the_balanced_preset():
    assert Policy.from_text("").lines == Policy.from_document({"preset": "balanced"}).lines
