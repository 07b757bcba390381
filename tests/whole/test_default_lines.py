"""The default policy draws its lines where the shipped model's evaluation drew them."""

from __future__ import annotations

from models.scorer import Scorer
from moderation.policy_schema import BASE


def test_the_balanced_preset_has_the_lines_of_the_shipped_model():
    shipped = {
        name: {"hold_at": hold, "reject_at": reject} for name, (hold, reject) in Scorer.load().lines.items()
    }

    # after a new model: copy these numbers to moderation/policy_schema.py, BASE["thresholds"]
    assert BASE["thresholds"] == shipped
