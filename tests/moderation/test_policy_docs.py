"""The pages about policy and signals say what the program does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from moderation.policy import DEFAULT, SIGNALS, Policy
from moderation.policy_schema import (
    AUTHOR_FACTS,
    AUTHOR_NUMBERS,
    BASE,
    CONDITION_SUBJECTS,
    PRESET_CHANGES,
    SCHEMA,
)

DOCS = Path(__file__).parents[2] / "docs"
POLICY = (DOCS / "policy.md").read_text("utf-8")
SIGNALS_PAGE = (DOCS / "signals.md").read_text("utf-8")


@pytest.mark.parametrize("block", re.findall(r"```yaml\n(.*?)```", POLICY, re.S))
def test_every_example_is_a_policy(block):
    assert Policy.from_text(block)


@pytest.mark.parametrize(
    "word",
    [
        *SCHEMA["properties"],
        *BASE["limits"],
        *PRESET_CHANGES,
        *CONDITION_SUBJECTS,
        *AUTHOR_FACTS,
        *AUTHOR_NUMBERS,
    ],
)
def test_every_setting_and_condition_is_on_the_page(word):
    assert re.search(rf"\b{word}\b", POLICY)


@pytest.mark.parametrize("name", SIGNALS)
def test_every_signal_is_on_the_page_with_its_default_and_weight(name):
    row = next(line for line in SIGNALS_PAGE.splitlines() if line.startswith("|") and f"`{name}`" in line)
    _, names, _, effects, weights, _ = (cell.strip() for cell in row.split("|"))
    place = [one.strip("` ") for one in names.split(",")].index(name)
    effect = effects.split(", ")[place] if ", " in effects else effects
    weight = weights.split(", ")[place] if ", " in weights else weights

    assert effect == DEFAULT.effect_of(name)
    assert float(weight.replace("−", "-")) == SIGNALS[name][1]
