"""What the paper has to say today: the invented, harmless articles of ``articles.json``."""

import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Article:
    """One article.

    :param slug: its address and the ``article.id`` that Below the Line knows it by.
    :param language: BCP 47; decides the words around the article and their direction.
    :param drawing: a file in ``static/``.
    """

    slug: str
    language: str
    section: str
    headline: str
    summary: str
    byline: str
    published_on: date
    drawing: str
    drawing_says: str
    paragraphs: list[str]

    @property
    def direction(self) -> str:
        return "rtl" if self.language == "ar" else "ltr"


ARTICLES: tuple[Article, ...] = tuple(
    Article(**{**fields, "published_on": date.fromisoformat(fields["published_on"])})
    for fields in json.loads(Path(__file__).with_name("articles.json").read_text(encoding="utf-8"))
)
_BY_SLUG = {article.slug: article for article in ARTICLES}


def article_of(slug: str) -> Article | None:
    return _BY_SLUG.get(slug)
