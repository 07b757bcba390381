"""Logs of old answers are read in every usual shape, and compared."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.compat.comparison import Bad, Logged, compared, picture, read

SCORE = {"summaryScore": {"value": 0.8, "type": "PROBABILITY"}}


@pytest.mark.parametrize(
    "line",
    [
        {"text": "hi", "TOXICITY": 0.8},
        {"text": "hi", "toxicity": "0.8", "id": 7, "note": "x"},
        {"comment": "hi", "attributeScores": {"TOXICITY": SCORE}},
        {"comment": {"text": "hi"}, "attributeScores": {"TOXICITY": 0.8}},
        {"request": {"comment": {"text": "hi"}}, "response": {"attributeScores": {"TOXICITY": SCORE}}},
        {"text": "hi", "response": {"attributeScores": {"TOXICITY@6": SCORE, "FLIRTATION": SCORE}}},
    ],
)
def test_shapes_of_a_line(line):
    assert list(read(io.StringIO(json.dumps(line)), is_csv=False)) == [Logged("hi", {"TOXICITY": 0.8})]


def test_a_table(tmp_path):
    table = io.StringIO('text,TOXICITY,INSULT\n"one, two",0.5,\nthree,,0.25\n')

    assert list(read(table, is_csv=True)) == [
        Logged("one, two", {"TOXICITY": 0.5}),
        Logged("three", {"INSULT": 0.25}),
    ]


def test_bad_lines_are_named_and_the_rest_goes_on():
    lines = [
        '{"text": "a", "TOXICITY": 0.1}',
        "{",
        "[]",
        "",
        '{"text": "a"}',
        '{"TOXICITY": 1}',
        '{"text":"b","SPAM":0}',
    ]

    found = list(read(io.StringIO("\n".join(lines)), is_csv=False))

    assert [one.line for one in found if isinstance(one, Bad)] == [2, 3, 5, 6]
    assert [one.text for one in found if isinstance(one, Logged)] == ["a", "b"]


@given(st.text(max_size=80))
def test_no_line_breaks_the_reading(line):
    list(read(io.StringIO(line), is_csv=False))


def pairs(old, new):
    return [({"TOXICITY": float(o)}, {"TOXICITY": float(n)}) for o, n in zip(old, new, strict=True)]


def test_a_server_that_orders_alike_is_told_its_thresholds():
    old = np.linspace(0, 1, 201)

    (found,) = compared(pairs(old, old**2), [0.5, 0.9])

    assert found.rank_correlation == pytest.approx(1.0)
    assert [match.here for match in found.matches] == pytest.approx([0.25, 0.81], abs=0.01)
    assert [match.agreement_here for match in found.matches] == [1.0, 1.0]
    assert found.matches[0].agreement == pytest.approx(0.79, abs=0.01)
    assert found.matches[0].flagged == pytest.approx(0.5, abs=0.01)


def test_nothing_to_match_is_said_as_nothing():
    (found,) = compared(pairs([0.1] * 20, np.linspace(0, 1, 20)), [0.5])

    assert found.rank_correlation is None
    assert (found.matches[0].here, found.matches[0].ours) == (None, None)


def test_few_texts_say_nothing():
    assert compared(pairs([0.1] * 9, [0.2] * 9), [0.5]) == []


def test_the_picture_has_its_texts_where_they_belong():
    (found,) = compared(pairs([0.01] * 10 + [0.99] * 3, [0.01] * 10 + [0.99] * 3), [0.5])

    rows = picture(found, width=10, height=4)

    assert rows[0].endswith("│" + " " * 9 + rows[0][-1])
    assert rows[0][-1] != " "
    assert rows[3].split("│")[1][0] == "█"
    assert rows[3].split("│")[1][1:].strip() == ""
