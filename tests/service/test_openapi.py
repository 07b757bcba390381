"""The description is true: random requests made from it find no surprise, and people can read it."""

from __future__ import annotations

import os
import re
import socket

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.core import NOT_SET
from schemathesis.core.failures import FailureGroup
from schemathesis.core.parameters import ParameterLocation
from schemathesis.specs.openapi.checks import (
    ignored_auth,
    negative_data_rejection,
    positive_data_acceptance,
)

from moderation.tables import Site
from moderation.targets import Targets
from service import api_endpoints
from service.openapi import document_of
from tests.service.conftest import make_caller

#: A few for every run; `make fuzz` sets thousands.
EXAMPLES = int(os.environ.get("BTL_FUZZ_EXAMPLES", "8"))
#: The first is asked for every route and every scope in test_auth.py. The second expects that whatever fits
#: the schema is taken; that a body has something to read in it, or an address is public, no schema can say.
NOT_ASKED = [ignored_auth, positive_data_acceptance]


def without_a_name_server(host, port, *_, **__):
    """Numbers are what they say; every name is somewhere on the public internet."""
    try:
        address = socket.inet_ntoa(socket.inet_aton(host))
    except OSError:
        address = host if ":" in host else "93.184.215.14"
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return [(family, socket.SOCK_STREAM, 6, "", (address, port))]


def dont_wait(case):
    """Nobody decides here: a request that would rightly be kept waiting is not."""
    wait = str((case.query or {}).get("wait", ""))
    if wait.isdecimal() and int(wait) <= 30:
        case.query.pop("wait")
    if case.headers:
        case.headers.pop("Prefer", None)


def is_wrong_as_sent(case):
    """Whether what was made wrong arrives as such. A key of ours is sent in any case, an empty list in a query is
    nothing, and the text of a YAML document is a string whatever was meant."""
    parts = case.meta.components if case.meta is not None else {}
    wrong = {place for place, part in parts.items() if part.mode is GenerationMode.NEGATIVE}
    if not isinstance(case.query, dict) or any(value in ([], {}, None) for value in case.query.values()):
        wrong.discard(ParameterLocation.QUERY)
    if case.body is NOT_SET or (case.media_type or "").endswith("yaml"):
        wrong.discard(ParameterLocation.BODY)
    return bool(wrong - {ParameterLocation.HEADER, ParameterLocation.COOKIE})


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
def test_no_request_surprises(app, mode, monkeypatch):
    """No 5xx, no status, field or type that the description does not know, no faulty request taken."""
    monkeypatch.setattr(api_endpoints, "Targets", lambda hosts: Targets(hosts, without_a_name_server))
    caller = make_caller(app)
    with caller.database.writing() as session:
        session.get_one(Site, caller.site_id).options = {"limits": {"per_key": 10**9, "per_email": 10**9}}
    schema = schemathesis.openapi.from_wsgi("/openapi.json", app)
    found, sent = [], 0
    for result in schema.get_all_operations():
        operation = result.ok()

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            derandomize="BTL_FUZZ_EXAMPLES" not in os.environ,
            phases=[Phase.generate],
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def ask(case):
            nonlocal sent
            sent += 1
            dont_wait(case)
            is_refused = [] if is_wrong_as_sent(case) else [negative_data_rejection]
            case.call_and_validate(
                headers={"Authorization": f"Bearer {caller.key}"}, excluded_checks=[*NOT_ASKED, *is_refused]
            )

        try:
            ask()
        except Unsatisfiable:
            assert mode is GenerationMode.NEGATIVE  # a call without any field has no wrong form
        except (FailureGroup, BaseExceptionGroup, AssertionError) as failure:
            found.append(f"{operation.label}: {failure}")
    assert not found, "\n\n".join(found)
    print(f"{sent} {mode.value} requests")


def test_every_call_is_described_with_its_scope(app):
    document = document_of(app)
    described = {
        (method.upper(), path)
        for path, operations in document["paths"].items()
        for method in operations
        if method != "parameters"
    }
    served = {
        (method, re.sub(r"<(?:[^:>]+:)?([^>]+)>", r"{\1}", rule.rule))
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/v1/") and not rule.rule.startswith("/v1/moderations")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }

    assert served <= described
    assert document["openapi"] == "3.1.0"
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if method != "parameters":
                assert operation["summary"], (method, path)
                assert operation["x-scope"], (method, path)
                assert operation["responses"]["4XX"]["$ref"].endswith("/Problem")


def test_the_page_for_people_is_whole_and_asks_nobody_else(app):
    client = app.test_client()

    page = client.get("/docs")

    assert page.status_code == 200
    for operations in document_of(app)["paths"].values():
        for method, operation in operations.items():
            if method != "parameters":
                assert f'id="{operation["operationId"]}"' in page.text
    assert "<script" not in page.text
    assert " style=" not in page.text
    addresses = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert all(address.startswith(("/", "#")) for address in addresses)
    for address in addresses:
        if address.startswith("/"):
            with client.get(address) as answer:
                assert answer.status_code == 200
