"""Invented comments for trying sizes: seeded, on both databases."""

from __future__ import annotations

from sqlalchemy import func, select

from moderation import seeding
from moderation.tables import Comment, Decision
from tests.conftest import NOON, make_site


def bodies(database, vault, slug, seed):
    with database.writing() as session:
        site = make_site(session, vault, slug=slug)
    seeding.seed(
        database, site_id=site.id, vault=vault, comments=60, texts=["a", "b", "c"], now=NOON, seed=seed
    )
    with database.reading() as session:
        assert session.scalar(select(func.count(Decision.id)).where(Decision.site_id == site.id)) == 60
        query = select(Comment.body, Comment.status, Comment.scores).where(Comment.site_id == site.id)
        return [tuple(row) for row in session.execute(query.order_by(Comment.received_at))]


def test_the_same_seed_gives_the_same_comments(database, vault):
    first, again, other = (
        bodies(database, vault, slug, seed) for slug, seed in (("a", 1), ("b", 1), ("c", 2))
    )

    assert first == again
    assert first != other
