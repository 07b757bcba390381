"""A campaign of respun texts: after people saw one of its kind, the rest does not get through."""

from __future__ import annotations

from tests.moderation.campaign import ADVERT, PETITION, run


def test_an_advertisement_hardly_reaches_readers():
    figures = run(ADVERT, variants=40)

    assert figures.reached_readers <= 2
    assert figures.rejected_by_machine >= 25
    assert figures.ordinary_rejected == 0
    # Of 40; of clean news comments the model holds two or three in a hundred.
    assert figures.ordinary_held <= 1


def test_a_copied_text_that_no_model_minds_takes_few_decisions():
    figures = run(PETITION, variants=100)

    assert figures.reached_by_quarter[2:] == [0, 0]  # the first ones do: nobody has said no yet
    assert figures.still_public == 0
    assert figures.decisions <= 5
    assert figures.rejected_by_machine >= 50
    assert figures.ordinary_rejected == 0
