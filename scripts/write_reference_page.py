"""Write docs/reference.md from the OpenAPI document: `.venv/bin/python scripts/write_reference_page.py`."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet

from moderation.settings import Settings
from moderation.store import open_database
from service import create_app
from service.openapi import document_of, fields_of

PAGE = Path(__file__).parents[1] / "docs" / "reference.md"
HEAD = """# API reference

Every call of the [API](api.md) with its fields, written from the OpenAPI document that a running program
serves at `/openapi.json` (and for people at `/docs`). *Scope* is what the key must be allowed to do. Any call
may answer with a problem (4xx, 5xx), see [errors](api.md#errors).
"""
METHODS = ("get", "post", "put", "patch", "delete")


def document() -> dict[str, Any]:
    """The document of a program with no more settings than it needs."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            "BTL_DATA_DIR": folder,
            "BTL_SECRET_KEY": secrets.token_hex(32),
            "BTL_EMAIL_KEYS": Fernet.generate_key().decode(),
            "BTL_HASH_KEY": secrets.token_hex(32),
        }
        app = create_app(Settings.from_environment(environment), open_database("sqlite://"))
        return document_of(app)


def page_of(api: dict[str, Any]) -> str:
    return HEAD + "".join(_lines(api))


def _lines(api: dict[str, Any]) -> Iterator[str]:
    for tag in api["tags"]:
        calls = [
            (method.upper(), path, operations[method])
            for path, operations in api["paths"].items()
            for method in METHODS
            if method in operations and operations[method]["tags"][0] == tag["name"]
        ]
        if not calls:
            continue
        yield f"\n## {tag['description'] or tag['name']}\n"
        for method, path, call in calls:
            yield f"\n### `{method} {path}`\n{call['summary']}. Scope: `{call['x-scope']}`.\n"
            if said := call.get("description"):
                yield f"\n{said.strip()}\n"
            yield from _parameters(call)
            yield from _body(api, call)
            yield from _answers(api, call)


def _parameters(call: dict[str, Any]) -> Iterator[str]:
    told = [one for one in call.get("parameters", ()) if one["in"] in ("query", "header")]
    if told:
        yield "\n| parameter | in | what it is |\n|---|---|---|\n"
    for one in told:
        needed = ", needed" if one.get("required") else ""
        yield f"| `{one['name']}` | {one['in']}{needed} | {_cell(one.get('description', ''))} |\n"


def _body(api: dict[str, Any], call: dict[str, Any]) -> Iterator[str]:
    content = call.get("requestBody", {}).get("content", {})
    if "application/json" in content:
        yield from _table(api, content["application/json"]["schema"], "sent")


def _answers(api: dict[str, Any], call: dict[str, Any]) -> Iterator[str]:
    for code, answer in call["responses"].items():
        if str(code)[0] == "2":
            yield f"\nAnswers {code}: {answer.get('description', '').rstrip('.')}.\n"
            if schema := answer.get("content", {}).get("application/json", {}).get("schema"):
                yield from _table(api, schema, "answered")


def _table(api: dict[str, Any], schema: dict[str, Any], word: str) -> Iterator[str]:
    fields = list(fields_of(api, schema))
    if fields:
        yield f"\n| {word} | type | what it is |\n|---|---|---|\n"
    for field in fields:
        choices = ", ".join(f"`{choice}`" for choice in field["choices"])
        most = f"at most {field['most']}" if field["most"] else ""
        says = "; ".join(filter(None, [_cell(field["says"]), choices, most]))
        needed = ", needed" if field["required"] and word == "sent" else ""
        yield f"| `{field['name']}` | {field['type']}{needed} | {says} |\n"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "&#124;").rstrip(".")


if __name__ == "__main__":
    PAGE.write_text(page_of(document()), encoding="utf-8")
