"""OpenAI's moderations: shapes of input, thirteen categories, errors in its words."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from .conftest import HAM, RUDE, Server

CATEGORIES = {
    "harassment", "harassment/threatening", "hate", "hate/threatening", "illicit", "illicit/violent",
    "self-harm", "self-harm/intent", "self-harm/instructions", "sexual", "sexual/minors", "violence",
    "violence/graphic",
}  # fmt: skip


def moderate(server: Server, key: str | None = None, **more: Any) -> requests.Response:
    headers = {"Authorization": f"Bearer {key or server.key}"}
    return requests.post(f"{server.url}/v1/moderations", headers=headers, timeout=20, **more)


def test_one_result_with_all_thirteen_categories(server):
    answer = moderate(server, json={"input": RUDE, "model": "text-moderation-latest"}).json()

    (result,) = answer["results"]
    assert set(result["categories"]) == set(result["category_scores"]) == CATEGORIES
    assert set(result["category_applied_input_types"]) == CATEGORIES
    assert result["flagged"] is True
    assert result["categories"]["harassment"] is True
    assert answer["id"].startswith("modr-")
    assert answer["model"] != "text-moderation-latest"


def test_what_we_do_not_model_is_zero_applies_to_nothing_and_is_listed(server):
    answer = moderate(server, json={"input": RUDE}).json()

    (result,) = answer["results"]
    assert len(answer["unmodelled"]) == 8
    for name in answer["unmodelled"]:
        assert result["category_scores"][name] == 0.0
        assert result["categories"][name] is False
        assert result["category_applied_input_types"][name] == []
    assert result["category_applied_input_types"]["hate"] == ["text"]


def test_a_list_of_strings_has_a_result_for_each_and_parts_have_one(server):
    strings = moderate(server, json={"input": [RUDE, HAM]}).json()["results"]
    parts = moderate(server, json={"input": [{"type": "text", "text": RUDE}, {"type": "text", "text": HAM}]})

    assert [one["flagged"] for one in strings] == [True, False]
    assert len(parts.json()["results"]) == 1


@pytest.mark.parametrize(
    ("body", "param", "code"),
    [
        ({}, "input", "missing_required_parameter"),
        ({"input": 5}, "input", "invalid_type"),
        ({"input": []}, "input", "invalid_type"),
        ({"input": [1, 2]}, "input[0]", "invalid_value"),
        ({"input": ["a"] * 257}, "input", "array_above_max_length"),
        ({"input": "a", "model": 5}, "model", "invalid_type"),
        ({"input": [{"type": "text"}]}, "input[0]", "invalid_value"),
        (
            {
                "input": [
                    {"type": "text", "text": "a"},
                    {"type": "image_url", "image_url": {"url": "https://a"}},
                ]
            },
            "input[1]",
            "image_input_not_supported",
        ),
    ],
)
def test_errors_are_openais(server, body, param, code):
    answer = moderate(server, json=body)

    assert answer.status_code == 400
    error = answer.json()["error"]
    assert (error["type"], error["param"], error["code"]) == ("invalid_request_error", param, code)
    assert error["message"]


def test_keys(server):
    none = requests.post(f"{server.url}/v1/moderations", json={"input": "a"}, timeout=20)
    wrong = moderate(server, "btl_wrong", json={"input": "a"})
    akismet = moderate(server, server.akismet_key, json={"input": "a"})

    assert [one.status_code for one in (none, wrong, akismet)] == [401, 401, 401]
    assert wrong.json()["error"]["code"] == "invalid_api_key"


@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff", b"[1]", b'"a"', b'{"input": "\\ud800\\u0000"}', b"[" * 100_000]
)
def test_what_cannot_be_read_is_never_our_fault(server, body):
    answer = moderate(server, data=body)

    assert answer.status_code in (200, 400)
    assert answer.headers["Content-Type"] == "application/json"


def test_too_large_and_wrong_method_keep_the_form(server):
    large = moderate(server, json={"input": "a" * 1_200_000})
    method = requests.get(f"{server.url}/v1/moderations", timeout=20)

    assert (large.status_code, method.status_code) == (413, 405)
    assert large.json()["error"]["type"] == method.json()["error"]["type"] == "invalid_request_error"


def test_a_used_up_quota_is_not_tried_again(server):
    from datetime import UTC, datetime

    from moderation.tables import Usage

    keys = server.another_site("openai-quota", quotas={"calls_per_month": 1})
    with server.database.writing() as session:
        month = f"{datetime.now(UTC):%Y-%m}"
        session.add(Usage(site_id=keys["id"], month=month, protocol="openai", blog="", calls=1))

    answer = moderate(server, keys["site"], json={"input": "a"})

    assert (answer.status_code, answer.json()["error"]["code"]) == (429, "insufficient_quota")
    assert answer.headers["x-should-retry"] == "false"
