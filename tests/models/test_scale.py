"""The curve from our probabilities to Perspective's scale."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.fit_scale import fitted
from models.scale import line, to_ours, to_perspective

probabilities = st.floats(0, 1)


@given(probabilities, probabilities)
def test_a_higher_score_never_becomes_a_lower_one(one, other):
    low, high = sorted((one, other))

    assert 0.0 <= to_perspective(low) <= to_perspective(high) <= 1.0


@given(st.floats(0.001, 0.999))
def test_there_and_back(score):
    assert to_ours(to_perspective(score)) == pytest.approx(score, abs=1e-9)


def test_both_ends_stay():
    assert (to_perspective(0.0), to_perspective(1.0), to_ours(0.0), to_ours(1.0)) == (0.0, 1.0, 0.0, 1.0)


def test_the_shipped_curve_rises():
    assert line()[1] > 0


def test_a_curve_that_the_data_follow_is_found_again():
    scores = np.random.default_rng(7).beta(0.4, 2.0, 40_000).clip(1e-6, 1 - 1e-6)
    log_odds = 0.8 + 1.2 * np.log(scores / (1 - scores))

    found = fitted(scores, 1 / (1 + np.exp(-log_odds)))

    assert found["intercept"] == pytest.approx(0.8, abs=0.02)
    assert found["slope"] == pytest.approx(1.2, abs=0.02)
    assert found["comments"] == 40_000
