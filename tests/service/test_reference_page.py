"""Every call has documentation, and the reference is what a running program says of itself."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

from service.openapi import document_of

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def test_the_api_reference_is_the_openapi_document(app):
    said = importlib.util.spec_from_file_location("reference", ROOT / "scripts" / "write_reference_page.py")
    reference = importlib.util.module_from_spec(said)
    said.loader.exec_module(reference)

    page = (DOCS / "reference.md").read_text(encoding="utf-8")

    assert page == reference.page_of(document_of(app)), "run scripts/write_reference_page.py"


def test_every_other_route_is_on_some_page(app):
    pages = "\n".join(path.read_text() for path in DOCS.glob("*.md"))
    routes = {
        rule.rule for rule in app.url_map.iter_rules() if not rule.rule.startswith(("/desk", "/static/"))
    }

    missing = [rule for rule in routes if "<" not in rule and rule.rpartition("/")[2] not in pages]

    assert missing == []
    described = set(document_of(app)["paths"])
    inner = {re.sub(r"<(?:[^:>]+:)?([^>]+)>", r"{\1}", rule) for rule in routes if "<" in rule}
    assert inner <= described
